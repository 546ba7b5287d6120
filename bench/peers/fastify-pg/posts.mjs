// The JSON schemas of the responses. Fastify compiles them into serializers.
const time = { type: 'string', format: 'date-time' };
const common = {
  id: { type: 'integer' },
  slug: { type: 'string' },
  title: { type: 'string' },
  published: { type: 'boolean' },
  published_at: { ...time, nullable: true },
  scheduled_for: { ...time, nullable: true },
  created_at: time,
  updated_at: time,
  version: { type: 'integer' },
};

export const postSchema = { type: 'object', properties: { ...common, content: { type: 'string', nullable: true } } };
export const summarySchema = { type: 'object', properties: { ...common, excerpt: { type: 'string', nullable: true } } };
// One schema for lists of posts and of summaries. Fastify omits the properties that an item does not have.
export const pageSchema = {
  type: 'object',
  properties: {
    items: {
      type: 'array',
      items: { type: 'object', properties: { ...postSchema.properties, ...summarySchema.properties } },
    },
    next_cursor: { type: 'string', nullable: true },
  },
};

// The queries read one row more than a page, which shows whether there is another page.
export function pageOf(rows) {
  const items = rows.slice(0, 20);
  return { items, next_cursor: rows.length > 20 ? String(items[19].id) : null };
}

// The tsqueries of a ranked search: all words in the title, and all words elsewhere. The search vector has each word of
// the title with the prefix `|`, too.
export function rankedQueries(q) {
  const words = q.trim().toLowerCase().replaceAll('\\', '\\\\').replaceAll("'", "''").split(/\s+/);
  const all = (prefix) => words.map((word) => `'${prefix}${word}'`).join(' & ');
  return [all('|'), `${all('')} & !(${all('|')})`];
}

export function slug(title, randomBytes) {
  return `${title.toLowerCase().replace(/[^a-z0-9]+/g, '-')}-${randomBytes(4).toString('hex')}`;
}

// Returns at most 200 characters, cut at a word boundary.
export function excerpt(content) {
  return content.length <= 200 ? content : content.slice(0, content.lastIndexOf(' ', 200));
}
