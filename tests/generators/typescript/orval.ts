import * as posts from './build/orval';
import { assert, key, step } from './steps';

const options: RequestInit = { headers: { authorization: `Bearer ${key}` } };
const withHeader = (name: string, value: string): RequestInit => ({ headers: { ...options.headers, [name]: value } });

interface Response {
  status: number;
  data: unknown;
}

/** Returns a response that must have this status. TypeScript derives the type of its data from the status. */
async function expect<R extends Response, S extends R['status']>(
  response: Promise<R>,
  status: S,
): Promise<Extract<R, { status: S }>['data']> {
  const { status: received, data } = await response;
  assert.equal(received, status, JSON.stringify(data));
  return data;
}

const list = (params?: posts.ListPostsParams) => expect(posts.listPosts(params, options), 200);
const create = (body: posts.CreatePost) => expect(posts.createPost(body, options), 201);

let draft: posts.Post;
let full: posts.Post;

await step('create with a title only', async () => {
  draft = await create({ title: 'A draft' });
  assert.equal(draft.slug, 'a-draft');
  assert.equal(draft.content, null);
  assert.equal(draft.published, false);
  assert.deepEqual(draft.tags, []);
});

await step('create with all fields', async () => {
  full = await create({
    title: 'Harbor lights',
    slug: 'harbor-lights',
    description: 'Boats at night',
    content: 'The boats come home.',
    tags: ['C++ & Rust', 'Sea'],
    authors: ['Ada Lovelace'],
    image: '/harbor.jpg',
    image_alt: 'A harbor',
    metadata: { rating: 5, places: ['Porto'] },
    published: true,
  });
  assert.equal(full.published, true);
  assert.deepEqual(full.tags, ['C++ & Rust', 'Sea']);
  assert.deepEqual(full.metadata, { rating: 5, places: ['Porto'] });
});

await step('create once per idempotency key', async () => {
  const body = { title: 'Note', content: 'A harbor in the rain.', tags: ['Rain'], published: true };
  const first = await expect(posts.createPost(body, withHeader('idempotency-key', 'note')), 201);
  const second = await expect(posts.createPost(body, withHeader('idempotency-key', 'note')), 201);
  assert.equal(second.id, first.id);
});

await step('create a batch', async () => {
  const items = [{ title: 'One', published: true }, { title: 'Harbor lights', slug: 'harbor-lights' }];
  const batch = await expect(posts.batchCreatePosts({ posts: items, on_conflict: 'skip' }, options), 200);
  assert.deepEqual(batch.items.map((item) => item.result), ['created', 'skipped']);
});

await step('get by id and by slug', async () => {
  assert.deepEqual(await expect(posts.getPost(full.id, options), 200), full);
  assert.deepEqual(await expect(posts.getPostBySlug(full.slug, options), 200), full);
});

await step('list the full view', async () => {
  const { items } = await list();
  assert.deepEqual(items.map((post) => post.title), ['One', 'Note', 'Harbor lights']);
  assert.equal(items[2]?.content, 'The boats come home.');
  assert.equal(items[2]?.excerpt, undefined);
});

await step('list the summary view', async () => {
  const { items } = await list({ view: 'summary' });
  assert.equal(items[2]?.excerpt, 'Boats at night');
  assert.equal(items[1]?.excerpt, 'A harbor in the rain.');
  assert.equal(items[2]?.content, undefined);
});

await step('search by relevance', async () => {
  const { items } = await list({ q: 'harbor' });
  assert.deepEqual(items.map((post) => post.title), ['Harbor lights', 'Note']);
});

await step('filter by repeated slugs and tags', async () => {
  const bySlug = await list({ slug: ['harbor-lights', 'one'] });
  assert.deepEqual(bySlug.items.map((post) => post.slug), ['one', 'harbor-lights']);
  const byTag = await list({ tag: ['C++ & Rust', 'Rain'] });
  assert.deepEqual(byTag.items.map((post) => post.title), ['Note', 'Harbor lights']);
});

await step('follow cursors', async () => {
  const titles: string[] = [];
  let page = await list({ limit: 2, count: 'exact' });
  assert.equal(page.total, 3);
  titles.push(...page.items.map((post) => post.title));
  while (page.next_cursor !== null) {
    page = await list({ limit: 2, cursor: page.next_cursor });
    titles.push(...page.items.map((post) => post.title));
  }
  assert.deepEqual(titles, ['One', 'Note', 'Harbor lights']);
});

await step('update and clear fields', async () => {
  const body = { title: 'Harbor lamps', content: null, metadata: { rating: null } };
  const updated = await expect(posts.updatePost(full.id, body, options), 200);
  assert.equal(updated.title, 'Harbor lamps');
  assert.equal(updated.content, null);
  assert.deepEqual(updated.metadata, { places: ['Porto'] });
  assert.equal(updated.description, 'Boats at night');
  assert.deepEqual(updated.tags, ['C++ & Rust', 'Sea']);
});

await step('reject an outdated ETag', async () => {
  const response = posts.updatePost(full.id, { title: 'Lost' }, withHeader('if-match', '"outdated"'));
  assert.equal((await expect(response, 412)).code, 'precondition_failed');
});

await step('publish and unpublish', async () => {
  assert.equal((await expect(posts.publishPost(draft.id, undefined, options), 200)).published, true);
  assert.equal((await expect(posts.unpublishPost(draft.id, options), 200)).published, false);
});

await step('list tags', async () => {
  const tags = await expect(posts.listTags(undefined, options), 200);
  assert.deepEqual(tags.items.map(({ name, posts }) => [name, posts]), [['C++ & Rust', 1], ['Rain', 1], ['Sea', 1]]);
});

await step('read a validation problem', async () => {
  const problem = await expect(posts.createPost({ title: 'Twice', tags: ['Sea', 'SEA'] }, options), 422);
  assert.equal(problem.code, 'validation_failed');
  assert.deepEqual(problem.errors?.map(({ pointer, code }) => [pointer, code]), [['/tags/1', 'duplicate']]);
});

await step('read a not-found problem', async () => {
  const problem = await expect(posts.getPost(999_999, options), 404);
  assert.equal(problem.code, 'not_found');
});

await step('delete', async () => {
  await expect(posts.deletePost(draft.id, options), 204);
});
