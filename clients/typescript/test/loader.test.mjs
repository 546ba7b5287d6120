// The loader for build-time collections, on the real program, with a context like Astro's that counts.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { postsLoader } from '@posts-api/client/astro';
import { startService } from './service.mjs';

/** What Astro keeps of a collection, and what it logs and renders. */
function collection() {
  const entries = new Map();
  const meta = new Map();
  const log = { info: [], error: [], rendered: [] };
  const context = {
    collection: 'posts',
    store: {
      keys: () => [...entries.keys()],
      has: (id) => entries.has(id),
      get: (id) => entries.get(id),
      set: (entry) => {
        if (entry.digest && entries.get(entry.id)?.digest === entry.digest) return false;
        entries.set(entry.id, structuredClone(entry));
        return true;
      },
      delete: (id) => entries.delete(id),
    },
    meta: { get: (key) => meta.get(key), set: (key, value) => meta.set(key, value) },
    logger: { info: (line) => log.info.push(line), error: (line) => log.error.push(line) },
    generateDigest: (text) => createHash('sha256').update(text).digest('hex'),
    parseData: async ({ data }) => data,
    renderMarkdown: async (markdown) => (log.rendered.push(markdown), { html: `<p>${markdown}</p>` }),
  };
  const titles = () => [...entries.values()].map(({ data }) => data.title).sort();
  return { entries, meta, log, context, titles };
}

/** Loads as one build does, and tells what was asked of the service. */
async function load(options, site) {
  const asked = [];
  const counting = async (request) => {
    const response = await fetch(request);
    const { searchParams } = new URL(request.url);
    asked.push({ status: response.status, view: searchParams.get('view') ?? 'full', limit: searchParams.get('limit') });
    return response;
  };
  const end = await postsLoader({ retries: 0, fetch: counting, ...options })
    .load(site.context)
    .catch((error) => error);
  const index = asked.filter(({ view, limit }) => view === 'summary' && limit !== '1').map(({ status }) => status);
  return {
    end,
    index,
    contents: asked.filter(({ view }) => view === 'full').length,
    rendered: site.log.rendered.splice(0),
  };
}

const many = (count, more = {}) =>
  Array.from({ length: count }, (_, at) => ({ title: `Post ${at}`, content: `Text ${at}`, published: true, ...more }));

describe('postsLoader', { concurrency: true }, () => {
  test('stores each published post under its slug, rendered', async (t) => {
    const { client, baseUrl } = await startService(t);
    const post = await client.posts.create({ title: 'Hello', content: '# Hi\n\nA *text*.', published: true });
    const empty = await client.posts.create({ title: 'Empty', published: true });
    await client.posts.create({ title: 'Draft' });
    const site = collection();
    await load({ baseUrl }, site);
    const hello = site.entries.get('hello');
    assert.deepEqual(hello.data, { ...post, excerpt: 'Hi A text.' });
    assert.equal(hello.body, post.content);
    assert.deepEqual(hello.rendered, { html: `<p>${post.content}</p>` });
    assert.deepEqual(site.entries.get('empty').data, { ...empty, excerpt: '' });
    assert.equal('rendered' in site.entries.get('empty'), false);
    assert.deepEqual([...site.entries.keys()].sort(), ['empty', 'hello']);
    assert.deepEqual(site.log.info, ['2 posts: 2 new or changed, 0 gone']);
  });

  test('asks for nothing but validators while nothing has changed', async (t) => {
    const { client, baseUrl } = await startService(t);
    await client.posts.batch({ posts: many(250) });
    const site = collection();
    const first = await load({ baseUrl }, site);
    assert.deepEqual([first.index, first.contents, first.rendered.length], [[200, 200, 200], 3, 250]);
    const second = await load({ baseUrl }, site);
    assert.deepEqual(second, { end: undefined, index: [304, 304, 304], contents: 0, rendered: [] });
    assert.equal(site.entries.size, 250);
  });

  test('reads and renders only what has changed', async (t) => {
    const { client, baseUrl } = await startService(t);
    await client.posts.batch({ posts: many(250) });
    const site = collection();
    await load({ baseUrl }, site);
    const old = await client.posts.getBySlug('post-120');
    const changed = await client.posts.update(old.id, { title: 'Changed', content: 'New text' });
    await client.posts.create({ title: 'Added', content: 'Added text', published: true });
    const { index, contents, rendered } = await load({ baseUrl }, site);
    assert.deepEqual(index, [304, 200, 200]);
    assert.equal(contents, 1);
    assert.deepEqual(rendered.sort(), ['Added text', 'New text']);
    assert.deepEqual(site.entries.get('post-120').data, { ...changed, excerpt: 'New text' });
    assert.equal(site.entries.size, 251);
    assert.deepEqual((await load({ baseUrl }, site)).index, [304, 304, 304]);
  });

  test('drops what was deleted or unpublished, and takes back what was published again', async (t) => {
    const { client, baseUrl } = await startService(t);
    await client.posts.batch({ posts: many(120) });
    const site = collection();
    await load({ baseUrl }, site);
    const [first, second, last] = await Promise.all([0, 50, 119].map((at) => client.posts.getBySlug(`post-${at}`)));
    await client.posts.delete(first.id);
    await client.posts.unpublish(second.id);
    await client.posts.delete(last.id);
    const { contents, rendered } = await load({ baseUrl }, site);
    assert.deepEqual([contents, rendered], [0, []]);
    assert.equal(site.entries.size, 117);
    for (const { slug } of [first, second, last]) assert.equal(site.entries.has(slug), false);
    assert.deepEqual(site.log.info.at(-1), '117 posts: 0 new or changed, 3 gone');
    await client.posts.publish(second.id);
    await load({ baseUrl }, site);
    assert.equal(site.entries.has(second.slug), true);

    for await (const post of client.posts.all()) await client.posts.delete(post.id);
    await load({ baseUrl }, site);
    assert.equal(site.entries.size, 0);
  });

  test('sees a deletion that a new post makes up for', async (t) => {
    const { client, baseUrl } = await startService(t);
    await client.posts.batch({ posts: many(3) });
    const site = collection();
    await load({ baseUrl }, site);
    await client.posts.delete((await client.posts.getBySlug('post-1')).id);
    await client.posts.create({ title: 'Post 9', published: true });
    await load({ baseUrl }, site);
    assert.deepEqual(site.titles(), ['Post 0', 'Post 2', 'Post 9']);
  });

  test('follows slugs that change hands', async (t) => {
    const { client, baseUrl } = await startService(t);
    const a = await client.posts.create({ title: 'A', content: 'a', published: true });
    const b = await client.posts.create({ title: 'B', content: 'b', published: true });
    const site = collection();
    await load({ baseUrl }, site);
    await client.posts.update(a.id, { slug: 'old-a' });
    await client.posts.update(b.id, { slug: 'a' });
    await load({ baseUrl }, site);
    const held = [...site.entries].map(([id, { data, body }]) => [id, data.id, body]).sort();
    assert.deepEqual(held, [
      ['a', b.id, 'b'],
      ['old-a', a.id, 'a'],
    ]);
  });

  test('sees what an import puts behind the newest change', async (t) => {
    const { client, baseUrl, importPosts } = await startService(t);
    await client.posts.batch({ posts: many(3) });
    const site = collection();
    await load({ baseUrl }, site);
    const times = Object.fromEntries(
      ['created_at', 'updated_at', 'published_at'].map((name) => [name, '2020-01-01T00:00:00Z']),
    );
    await importPosts([{ title: 'Imported', content: 'From elsewhere', published: true, ...times }]);
    await load({ baseUrl }, site);
    assert.equal(site.entries.get('imported').body, 'From elsewhere');
  });

  for (const [what, before, after] of [
    ['the same posts', many(2), many(2)],
    // Its oldest post is unknown, and its second page has the ids and versions of the old one's.
    ['others', [{ title: 'Draft' }, ...many(149)], [...many(49), { title: 'Draft' }, ...many(100)]],
  ]) {
    test(`takes a database that was made anew, with ${what}, for another one`, async (t) => {
      const old = await startService(t);
      await old.client.posts.batch({ posts: before });
      const site = collection();
      await load({ baseUrl: old.baseUrl }, site);
      await old.stop();
      const anew = await startService(t, { port: new URL(old.baseUrl).port });
      const posts = after.map((post) => ({ ...post, content: 'Another text' }));
      await anew.client.posts.batch({ posts });
      await load({ baseUrl: anew.baseUrl }, site);
      const bodies = [...site.entries.values()].map(({ body }) => body);
      assert.deepEqual(
        bodies,
        posts.filter(({ published }) => published).map(() => 'Another text'),
      );
    });
  }

  test('brings back what somebody else took out of the collection', async (t) => {
    const { client, baseUrl } = await startService(t);
    await client.posts.batch({ posts: many(2) });
    const site = collection();
    await load({ baseUrl }, site);
    site.entries.delete('post-1');
    const { rendered } = await load({ baseUrl }, site);
    assert.deepEqual([site.titles(), rendered], [['Post 0', 'Post 1'], ['Text 1']]);
  });

  test('has what the filter asks for, and reads anew where it changes', async (t) => {
    const { client, baseUrl } = await startService(t);
    await client.posts.create({ title: 'Draft', content: 'd' });
    await client.posts.create({ title: 'Open', content: 'o', published: true });
    const { key } = await client.keys.create({ name: 'site', role: 'reader' });
    const site = collection();
    await load({ baseUrl, apiKey: key }, site);
    assert.deepEqual(site.titles(), ['Open']);
    await load({ baseUrl, apiKey: key, filter: { published: 'any' } }, site);
    assert.deepEqual(site.titles(), ['Draft', 'Open']);
    await load({ baseUrl, filter: { slug: ['open'], published_after: '2020-01-01T00:00:00Z' } }, site);
    assert.deepEqual(site.titles(), ['Open']);
    const { rendered } = await load({ baseUrl, markdown: false }, site);
    assert.deepEqual([rendered, site.entries.get('open').rendered], [[], undefined]);
  });

  test('leaves the collection as it was where it fails, and says so', async (t) => {
    const { client, baseUrl, stop } = await startService(t);
    await client.posts.batch({ posts: many(150) });
    const site = collection();
    await load({ baseUrl }, site);
    const kept = structuredClone([...site.entries]);
    const state = [...site.meta];

    // Half of it could be read.
    await client.posts.delete((await client.posts.getBySlug('post-3')).id);
    await client.posts.create({ title: 'New', content: 'New', published: true });
    let left = 2;
    const failing = (request) =>
      left-- > 0 ? fetch(request) : Promise.resolve(new Response('Bad gateway', { status: 502 }));
    assert.equal((await load({ baseUrl, fetch: failing }, site)).end, undefined);
    assert.deepEqual([[...site.entries], [...site.meta]], [kept, state]);
    assert.match(
      site.log.error[0],
      /^posts: not loaded, its 150 posts stay as they were\. GET \/api\/posts answered 502/,
    );

    // A content that cannot be rendered.
    const { renderMarkdown } = site.context;
    site.context.renderMarkdown = () => Promise.reject(new Error('no such plugin'));
    await load({ baseUrl }, site);
    assert.deepEqual([...site.entries], kept);
    assert.match(site.log.error[1], /no such plugin/);
    site.context.renderMarkdown = renderMarkdown;

    await load({ baseUrl }, site);
    assert.equal(site.entries.size, 150);
    assert.deepEqual([site.entries.has('post-3'), site.entries.has('new')], [false, true]);
    await stop();
    await load({ baseUrl }, site);
    assert.equal(site.entries.size, 150);
    assert.match(site.log.error[2], /no_answer/);
    assert.equal(site.log.error.length, 3);
  });

  test('throws where there is no last collection to keep', async (t) => {
    const site = collection();
    const { end } = await load({ baseUrl: 'http://127.0.0.1:1' }, site);
    assert.deepEqual([end.code, site.entries.size, site.meta.size], ['no_answer', 0, 0]);
    const { baseUrl } = await startService(t);
    await load({ baseUrl }, site);
    const other = await load({ baseUrl: 'http://127.0.0.1:1' }, site);
    assert.equal(other.end.code, 'no_answer', 'what another service said is nothing to keep');
  });

  test('loses nothing where posts change while it reads', async (t) => {
    const { client, baseUrl } = await startService(t);
    await client.posts.batch({ posts: many(4) });
    const site = collection();
    // After the index was read and before the contents are: one changes, one is renamed, one goes, one comes.
    const meanwhile = async () => {
      const [a, b, c] = await Promise.all([0, 1, 2].map((at) => client.posts.getBySlug(`post-${at}`)));
      await client.posts.update(a.id, { content: 'Newer' });
      await client.posts.update(b.id, { slug: 'renamed' });
      await client.posts.unpublish(c.id);
      await client.posts.create({ title: 'Come', content: 'c', published: true });
    };
    let asked = 0;
    const between = async (request) => ((asked += 1) === 2 ? (await meanwhile(), fetch(request)) : fetch(request));
    assert.equal((await load({ baseUrl, fetch: between }, site)).end, undefined);
    assert.deepEqual([...site.entries.keys()].sort(), ['post-0', 'post-3', 'renamed']);
    assert.equal(site.entries.get('post-0').body, 'Newer');
    await load({ baseUrl }, site);
    assert.deepEqual([...site.entries.keys()].sort(), ['come', 'post-0', 'post-3', 'renamed']);
    const now = new Map((await client.posts.list({ view: 'summary' })).items.map((post) => [post.slug, post]));
    for (const [slug, { data }] of site.entries) {
      assert.deepEqual([data.version, data.excerpt], [now.get(slug).version, now.get(slug).excerpt]);
    }
    assert.deepEqual((await load({ baseUrl }, site)).index, [304]);
  });
});
