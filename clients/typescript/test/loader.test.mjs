// Tests the loader for build-time collections against the service, with a stand-in for Astro's loader context.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { createPostsClient } from '@posts-api/client';
import { postsLoader } from '@posts-api/client/astro';
import { z } from 'astro/zod';
import { adminKey, copyDatabase, startService } from './service.mjs';

/** A loader context that stores entries like Astro and records log messages and rendered Markdown. */
function createSite() {
  const entries = new Map();
  const meta = new Map();
  const log = { info: [], warn: [], error: [], rendered: [] };
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
    logger: Object.fromEntries(['info', 'warn', 'error'].map((level) => [level, (line) => log[level].push(line)])),
    generateDigest: (text) => createHash('sha256').update(text).digest('hex'),
    parseData: async ({ data }) => data,
    renderMarkdown: async (markdown) => (log.rendered.push(markdown), { html: `<p>${markdown}</p>` }),
  };
  const titles = () => [...entries.values()].map(({ data }) => data.title).sort();
  return { entries, meta, log, context, titles };
}

/**
 * Runs the loader once and returns the requests it made: the numbers of changes on the pages of the change feed, the
 * statuses of the pages of summaries, and the number of pages with contents.
 */
async function load(options, site) {
  const made = { changes: [], index: [], contents: 0, longestUrl: 0 };
  const recordingFetch = async (url, init) => {
    const response = await (options.fetch ?? fetch)(url, init);
    const { pathname, searchParams } = new URL(url);
    // The client retries other responses, such as 408 on a busy machine.
    if (!response.ok && response.status !== 304) return response;
    made.longestUrl = Math.max(made.longestUrl, url.length);
    if (pathname === '/api/changes') {
      if (searchParams.get('cursor') !== 'now') made.changes.push((await response.clone().json()).items.length);
    } else if (searchParams.get('view') !== 'summary') made.contents += 1;
    else if (searchParams.get('limit') !== '1') made.index.push(response.status);
    return response;
  };
  const error = await postsLoader({ ...options, fetch: recordingFetch })
    .load(site.context)
    .catch((error) => error);
  return { error, ...made, rendered: site.log.rendered.splice(0) };
}

const publishedPosts = (count) =>
  Array.from({ length: count }, (_, index) => ({ title: `Post ${index}`, content: `Text ${index}`, published: true }));

describe('postsLoader', { concurrency: 4 }, () => {
  test('stores and renders each published post under its slug', async (t) => {
    const { client, baseUrl } = await startService(t);
    const post = await client.posts.create({
      title: 'Hello',
      content: '# Hi\n\nA *text*.',
      tags: ['News', 'C++'],
      authors: ['Ada'],
      image: '/hello.png',
      image_alt: 'Hello',
      metadata: { rating: 5 },
      published: true,
    });
    const empty = await client.posts.create({ title: 'Empty', published: true });
    await client.posts.create({ title: 'Draft' });
    const site = createSite();
    await load({ baseUrl }, site);
    const hello = site.entries.get('hello');
    assert.deepEqual(hello.data, { ...post, excerpt: 'A text.' });
    assert.equal(hello.body, post.content);
    assert.deepEqual(hello.rendered, { html: `<p>${post.content}</p>` });
    assert.deepEqual(site.entries.get('empty').data, { ...empty, excerpt: '' });
    assert.equal('rendered' in site.entries.get('empty'), false);
    assert.deepEqual([...site.entries.keys()].sort(), ['empty', 'hello']);
    assert.deepEqual(site.log.info, ['posts: 2 total, 2 new or changed, 0 removed']);
  });

  test('has a schema that accepts every post', async (t) => {
    const { client, baseUrl } = await startService(t);
    await client.posts.create({
      title: 'Full',
      description: 'd',
      tags: ['t'],
      authors: ['a'],
      image: '/i',
      image_alt: 'i',
      metadata: { a: [1] },
      published: true,
    });
    await client.posts.create({ title: 'Empty', published: true });
    const site = createSite();
    await load({ baseUrl }, site);
    const { schema } = postsLoader({ baseUrl });
    const typed = postsLoader({ baseUrl, metadata: z.object({ a: z.array(z.number()) }) }).schema;
    for (const { data } of site.entries.values()) assert.deepEqual(schema.parse(data), data);
    const [full, empty] = ['full', 'empty'].map((slug) => site.entries.get(slug).data);
    assert.deepEqual(typed.parse(full), full);
    assert.deepEqual(typed.safeParse(empty).error.issues[0].path, ['metadata', 'a']);
  });

  test('loads the posts with a tag or by an author', async (t) => {
    const { client, baseUrl } = await startService(t);
    const posts = Array.from({ length: 150 }, (_, index) => ({
      title: `Post ${index}`,
      tags: index % 3 ? ['Other'] : ['News'],
      authors: index % 2 ? ['Ada'] : [],
      published: true,
    }));
    await client.posts.batch({ posts });
    const site = createSite();
    await load({ baseUrl, filter: { tag: ['news'] } }, site);
    assert.equal(site.entries.size, 50);
    await load({ baseUrl, filter: { tag: ['news', 'other'], author: 'Ada' } }, site);
    assert.equal(site.entries.size, 75);
    const { id } = await client.posts.getBySlug('post-1');
    await client.posts.update(id, { authors: [] });
    await load({ baseUrl, filter: { tag: ['news', 'other'], author: 'Ada' } }, site);
    assert.deepEqual([site.entries.size, site.entries.has('post-1')], [74, false]);
  });

  test('makes one request while nothing has changed', async (t) => {
    const { client, baseUrl } = await startService(t);
    await client.posts.batch({ posts: publishedPosts(250) });
    const site = createSite();
    const first = await load({ baseUrl }, site);
    assert.deepEqual(
      [first.changes, first.index, first.contents, first.rendered.length],
      [[], [200, 200, 200], 3, 250],
    );
    const { error, changes, index, contents, rendered } = await load({ baseUrl }, site);
    assert.deepEqual([error, changes, index, contents, rendered], [undefined, [0], [], 0, []]);
    assert.equal(site.entries.size, 250);
    await client.posts.create({ title: 'Draft' });
    assert.deepEqual((await load({ baseUrl }, site)).changes, [0], 'a draft is no change');
  });

  test('with drafts, gets only 304 responses while nothing has changed', async (t) => {
    const { client, baseUrl } = await startService(t);
    await client.posts.batch({ posts: publishedPosts(250) });
    const options = { baseUrl, apiKey: adminKey, filter: { published: 'any' } };
    const site = createSite();
    const first = await load(options, site);
    assert.deepEqual([first.index, first.contents, first.rendered.length], [[200, 200, 200], 3, 250]);
    const second = await load(options, site);
    assert.deepEqual([second.index, second.contents, second.rendered], [[304, 304, 304], 0, []]);
    const { id } = await client.posts.getBySlug('post-120');
    await client.posts.unpublish(id);
    await client.posts.create({ title: 'Draft', content: 'A draft' });
    const third = await load(options, site);
    assert.deepEqual([third.index, third.contents, third.rendered], [[304, 200, 200], 1, ['Text 120', 'A draft']]);
    await client.posts.delete(id);
    assert.deepEqual((await load(options, site)).rendered, []);
    assert.deepEqual([site.entries.size, site.entries.has('post-120'), site.entries.has('draft')], [250, false, true]);
  });

  test('fetches and renders only changed posts', async (t) => {
    const { client, baseUrl } = await startService(t);
    await client.posts.batch({ posts: publishedPosts(250) });
    const site = createSite();
    await load({ baseUrl }, site);
    const old = await client.posts.getBySlug('post-120');
    const changed = await client.posts.update(old.id, { title: 'Changed', content: 'New text' });
    await client.posts.create({ title: 'Added', content: 'Added text', published: true });
    const { changes, index, contents, rendered } = await load({ baseUrl }, site);
    assert.deepEqual([changes, index, contents], [[2], [], 1]);
    assert.deepEqual(rendered.sort(), ['Added text', 'New text']);
    assert.deepEqual(site.entries.get('post-120').data, { ...changed, excerpt: 'New text' });
    assert.equal(site.entries.size, 251);
    assert.deepEqual((await load({ baseUrl }, site)).changes, [0]);
  });

  test('a renamed post moves to its new slug', async (t) => {
    const { client, baseUrl } = await startService(t);
    await client.posts.batch({ posts: publishedPosts(3) });
    const site = createSite();
    await load({ baseUrl }, site);
    const { id } = await client.posts.getBySlug('post-1');
    for (const slug of ['first-name', 'second-name']) await client.posts.update(id, { slug });
    const { rendered } = await load({ baseUrl }, site);
    assert.deepEqual([...site.entries.keys()].sort(), ['post-0', 'post-2', 'second-name']);
    assert.deepEqual([rendered, site.log.info.at(-1)], [['Text 1'], 'posts: 3 total, 1 new or changed, 1 removed']);
  });

  test('loads more changes than fit on a page or in a URL', async (t) => {
    const { client, baseUrl } = await startService(t);
    const site = createSite();
    await load({ baseUrl }, site);
    const posts = publishedPosts(230).map((post, index) => ({ ...post, slug: `${'long-'.repeat(38)}${index}` }));
    await client.posts.batch({ posts });
    const { changes, rendered, longestUrl } = await load({ baseUrl }, site);
    assert.deepEqual([changes, rendered.length, site.entries.size], [[100, 100, 30], 230, 230]);
    assert(longestUrl < 4500, longestUrl);
    await client.posts.batch({ posts: posts.map(({ slug }) => ({ title: 'A', slug })), on_conflict: 'replace' });
    await load({ baseUrl }, site);
    assert.equal(site.entries.size, 0);
  });

  test('removes deleted and unpublished posts, adds republished ones', async (t) => {
    const { client, baseUrl } = await startService(t);
    await client.posts.batch({ posts: publishedPosts(120) });
    const site = createSite();
    await load({ baseUrl }, site);
    const [first, second, last] = await Promise.all(
      [0, 50, 119].map((index) => client.posts.getBySlug(`post-${index}`)),
    );
    await client.posts.delete(first.id);
    await client.posts.unpublish(second.id);
    await client.posts.delete(last.id);
    const { changes, contents, rendered } = await load({ baseUrl }, site);
    assert.deepEqual([changes, contents, rendered], [[3], 0, []]);
    assert.equal(site.entries.size, 117);
    for (const { slug } of [first, second, last]) assert.equal(site.entries.has(slug), false);
    assert.deepEqual(site.log.info.at(-1), 'posts: 117 total, 0 new or changed, 3 removed');
    await client.posts.publish(second.id);
    await load({ baseUrl }, site);
    assert.equal(site.entries.has(second.slug), true);

    for await (const post of client.posts.all()) await client.posts.delete(post.id);
    await load({ baseUrl }, site);
    assert.equal(site.entries.size, 0);
  });

  test('detects a deletion and a creation between two loads', async (t) => {
    const { client, baseUrl } = await startService(t);
    await client.posts.batch({ posts: publishedPosts(3) });
    const site = createSite();
    await load({ baseUrl }, site);
    await client.posts.delete((await client.posts.getBySlug('post-1')).id);
    await client.posts.create({ title: 'Post 9', published: true });
    await load({ baseUrl }, site);
    assert.deepEqual(site.titles(), ['Post 0', 'Post 2', 'Post 9']);
  });

  test('handles a slug that moves to another post', async (t) => {
    const { client, baseUrl } = await startService(t);
    const a = await client.posts.create({ title: 'A', content: 'a', published: true });
    const b = await client.posts.create({ title: 'B', content: 'b', published: true });
    const site = createSite();
    await load({ baseUrl }, site);
    await client.posts.update(a.id, { slug: 'old-a' });
    await client.posts.update(b.id, { slug: 'a' });
    await load({ baseUrl }, site);
    const stored = [...site.entries].map(([id, { data, body }]) => [id, data.id, body]).sort();
    assert.deepEqual(stored, [
      ['a', b.id, 'b'],
      ['old-a', a.id, 'a'],
    ]);
  });

  test('detects imported posts with an old updated_at', async (t) => {
    const { client, baseUrl, importPosts } = await startService(t);
    await client.posts.batch({ posts: publishedPosts(3) });
    const site = createSite();
    await load({ baseUrl }, site);
    const times = Object.fromEntries(
      ['created_at', 'updated_at', 'published_at'].map((name) => [name, '2020-01-01T00:00:00Z']),
    );
    await importPosts([{ title: 'Imported', content: 'From elsewhere', published: true, ...times }]);
    await load({ baseUrl }, site);
    assert.equal(site.entries.get('imported').body, 'From elsewhere');
  });

  for (const [description, before, after] of [
    ['the same posts', publishedPosts(2), publishedPosts(2)],
    // The oldest post differs, and the second page has the same ids and versions as before.
    [
      'different posts',
      [{ title: 'Draft' }, ...publishedPosts(149)],
      [...publishedPosts(49), { title: 'Draft' }, ...publishedPosts(100)],
    ],
  ]) {
    test(`detects a recreated database with ${description}`, async (t) => {
      const oldService = await startService(t);
      await oldService.client.posts.batch({ posts: before });
      const site = createSite();
      await load({ baseUrl: oldService.baseUrl }, site);
      await oldService.stop();
      const newService = await startService(t, { port: new URL(oldService.baseUrl).port });
      const posts = after.map((post) => ({ ...post, content: 'Another text' }));
      await newService.client.posts.batch({ posts });
      await load({ baseUrl: newService.baseUrl }, site);
      const bodies = [...site.entries.values()].map(({ body }) => body);
      assert.deepEqual(
        bodies,
        posts.filter(({ published }) => published).map(() => 'Another text'),
      );
    });
  }

  test('follows a restored backup', async (t) => {
    const { client, baseUrl, restart } = await startService(t);
    await client.posts.batch({ posts: publishedPosts(3) });
    await restart((directory) => copyDatabase(directory, join(directory, 'backup')));
    const { id } = await client.posts.getBySlug('post-1');
    for (const content of ['One', 'Two']) await client.posts.update(id, { content });
    await client.posts.create({ title: 'Lost', published: true });
    const site = createSite();
    await load({ baseUrl }, site);
    assert.equal(site.entries.get('post-1').body, 'Two');
    await restart((directory) => copyDatabase(join(directory, 'backup'), directory));
    const { changes, index, contents, rendered } = await load({ baseUrl }, site);
    assert.deepEqual([changes, index, contents, rendered], [[], [200], 1, ['Text 1']], 'compares all posts');
    assert.deepEqual(site.titles(), ['Post 0', 'Post 1', 'Post 2']);
    assert.deepEqual((await load({ baseUrl }, site)).changes, [0]);
  });

  test('compares all posts if the stored cursor is invalid', async (t) => {
    const { client, baseUrl } = await startService(t);
    await client.posts.batch({ posts: publishedPosts(2) });
    const site = createSite();
    await load({ baseUrl }, site);
    const state = JSON.parse(site.meta.get('state'));
    for (const position of ['x', '', 7, null]) {
      site.meta.set('state', JSON.stringify({ ...state, position }));
      const { error, index, rendered } = await load({ baseUrl }, site);
      assert.deepEqual([error, index, rendered], [undefined, [200], []]);
    }
    site.meta.set('state', '{ "pages": [');
    assert.deepEqual((await load({ baseUrl }, site)).error, undefined);
  });

  test('applies each filter to the changes', async (t) => {
    const { client, baseUrl } = await startService(t);
    const filters = {
      tag: { tag: 'NEWS' },
      author: { author: ['ada', 'grace'] },
      q: { q: 'harbor' },
      slug: { slug: ['one', 'two'] },
      after: { published_after: '2020-01-01T00:00:00Z' },
      none: { slug: null, tag: undefined },
    };
    const sites = Object.fromEntries(Object.keys(filters).map((name) => [name, createSite()]));
    const loadAll = async () => {
      const loads = Object.entries(filters).map(([name, filter]) => load({ baseUrl, filter }, sites[name]));
      const made = await Promise.all(loads);
      for (const { error, changes } of made)
        assert.deepEqual([error, changes], [undefined, [2]], 'reads only the changes');
      return Object.fromEntries(Object.entries(sites).map(([name, site]) => [name, [...site.entries.keys()].sort()]));
    };
    await client.posts.create({ title: 'Zero', published: true });
    for (const [name, filter] of Object.entries(filters))
      assert.equal((await load({ baseUrl, filter }, sites[name])).error, undefined);
    const one = await client.posts.create({
      title: 'One',
      tags: ['News'],
      authors: ['Ada'],
      content: 'The harbor.',
      published: true,
    });
    const two = await client.posts.create({ title: 'Two', tags: ['Old'], published: true });
    const both = ['one', 'two'];
    assert.deepEqual(await loadAll(), {
      tag: ['one'],
      author: ['one'],
      q: ['one'],
      slug: both,
      after: ['one', 'two', 'zero'],
      none: ['one', 'two', 'zero'],
    });
    await client.posts.update(one.id, { tags: [], authors: [], content: 'The sea.' });
    await client.posts.update(two.id, { tags: ['news'], authors: ['Grace'], content: 'Harbor', slug: 'three' });
    assert.deepEqual(await loadAll(), {
      tag: ['three'],
      author: ['three'],
      q: ['three'],
      slug: ['one'],
      after: ['one', 'three', 'zero'],
      none: ['one', 'three', 'zero'],
    });
  });

  test('restores an entry that another program removed', async (t) => {
    const { client, baseUrl } = await startService(t);
    await client.posts.batch({ posts: publishedPosts(2) });
    const site = createSite();
    await load({ baseUrl }, site);
    site.entries.delete('post-1');
    const { rendered } = await load({ baseUrl }, site);
    assert.deepEqual([site.titles(), rendered], [['Post 0', 'Post 1'], ['Text 1']]);
  });

  test('applies the filter, and reloads all posts if it changes', async (t) => {
    const { client, baseUrl } = await startService(t);
    await client.posts.create({ title: 'Draft', content: 'd' });
    await client.posts.create({ title: 'Open', content: 'o', published: true });
    const { key } = await client.keys.create({ name: 'site', role: 'reader' });
    const site = createSite();
    await load({ baseUrl, apiKey: key }, site);
    assert.deepEqual(site.titles(), ['Open']);
    await load({ baseUrl, apiKey: key, filter: { published: 'any' } }, site);
    assert.deepEqual(site.titles(), ['Draft', 'Open']);
    await load({ baseUrl, filter: { slug: ['open'], published_after: '2020-01-01T00:00:00Z' } }, site);
    assert.deepEqual(site.titles(), ['Open']);
    const { rendered } = await load({ baseUrl, markdown: false }, site);
    assert.deepEqual([rendered, site.entries.get('open').rendered], [[], undefined]);
  });

  test('keeps the collection and logs an error if a load fails', async (t) => {
    const { client, baseUrl, stop } = await startService(t);
    await client.posts.batch({ posts: publishedPosts(150) });
    const site = createSite();
    await load({ baseUrl }, site);
    const stored = structuredClone([...site.entries]);
    const state = [...site.meta];

    // The changes are read, the contents are not.
    await client.posts.delete((await client.posts.getBySlug('post-3')).id);
    await client.posts.create({ title: 'New', content: 'New', published: true });
    let successes = 1;
    const failingFetch = (url, init) =>
      successes-- > 0 ? fetch(url, init) : Promise.resolve(new Response('Bad gateway', { status: 502 }));
    assert.equal((await load({ baseUrl, fetch: failingFetch }, site)).error, undefined);
    assert.deepEqual([[...site.entries], [...site.meta]], [stored, state]);
    assert.match(
      site.log.error[0],
      /^failed to load posts; keeping the 150 posts of the previous load: GET \/api\/posts failed with 502 unexpected_/,
    );

    // Rendering fails.
    const { renderMarkdown } = site.context;
    site.context.renderMarkdown = () => Promise.reject(new Error('no such plugin'));
    await load({ baseUrl }, site);
    assert.deepEqual([...site.entries], stored);
    assert.match(site.log.error[1], /no such plugin/);
    site.context.renderMarkdown = renderMarkdown;

    await load({ baseUrl }, site);
    assert.equal(site.entries.size, 150);
    assert.deepEqual([site.entries.has('post-3'), site.entries.has('new')], [false, true]);
    await stop();
    await load({ baseUrl }, site);
    assert.equal(site.entries.size, 150);
    assert.match(site.log.error[2], /no_response/);
    assert.equal(site.log.error.length, 3);
  });

  test('throws if no earlier load succeeded', async (t) => {
    const site = createSite();
    const { error } = await load({ baseUrl: 'http://127.0.0.1:1' }, site);
    assert.deepEqual([error.code, site.entries.size, site.meta.size], ['no_response', 0, 0]);
    const { baseUrl } = await startService(t);
    await load({ baseUrl }, site);
    const otherService = await load({ baseUrl: 'http://127.0.0.1:1' }, site);
    assert.equal(otherService.error.code, 'no_response', 'posts of another service are not kept');
  });

  test('handles posts that change during a load', async (t) => {
    const { client, baseUrl } = await startService(t);
    await client.posts.batch({ posts: publishedPosts(4) });
    const site = createSite();
    // Between the index and the contents, one post is updated, one renamed, one unpublished, and one created.
    const changePosts = async () => {
      const [a, b, c] = await Promise.all([0, 1, 2].map((index) => client.posts.getBySlug(`post-${index}`)));
      await client.posts.update(a.id, { content: 'Newer' });
      await client.posts.update(b.id, { slug: 'renamed' });
      await client.posts.unpublish(c.id);
      await client.posts.create({ title: 'Created', content: 'c', published: true });
    };
    const fetchAfterChange = (condition) => {
      let isDone = false;
      return async (url, init) => {
        if (!isDone && condition(new URL(url))) {
          isDone = true;
          await changePosts();
        }
        return fetch(url, init);
      };
    };
    const isContents = ({ pathname, searchParams }) => pathname === '/api/posts' && !searchParams.has('view');
    assert.equal((await load({ baseUrl, fetch: fetchAfterChange(isContents) }, site)).error, undefined);
    assert.deepEqual([...site.entries.keys()].sort(), ['created', 'post-0', 'post-3', 'renamed']);
    assert.equal(site.entries.get('post-0').body, 'Newer');
    await load({ baseUrl }, site);
    assert.deepEqual([...site.entries.keys()].sort(), ['created', 'post-0', 'post-3', 'renamed']);
    const now = new Map((await client.posts.list({ view: 'summary' })).items.map((post) => [post.slug, post]));
    for (const [slug, { data }] of site.entries) {
      assert.deepEqual([data.version, data.excerpt], [now.get(slug).version, now.get(slug).excerpt]);
    }
    assert.deepEqual((await load({ baseUrl }, site)).changes, [0]);
  });

  test('keeps a post whose change was read by the first load', async (t) => {
    const { client, baseUrl } = await startService(t);
    const { items } = await client.posts.batch({ posts: publishedPosts(2) });
    const site = createSite();
    let isDone = false;
    const interceptingFetch = async (url, init) => {
      if (new URL(url).pathname === '/api/posts' && !isDone) {
        isDone = true;
        await client.posts.update(items[0].post.id, { content: 'Newer' });
      }
      return fetch(url, init);
    };
    await load({ baseUrl, fetch: interceptingFetch }, site);
    const { changes, contents } = await load({ baseUrl }, site);
    assert.deepEqual([changes, contents, site.entries.get('post-0').body], [[1], 0, 'Newer']);
    assert.equal(site.entries.size, 2);
  });

  test('handles posts that change between their changes and contents', async (t) => {
    const { client, baseUrl } = await startService(t);
    const site = createSite();
    await load({ baseUrl }, site);
    await client.posts.batch({ posts: publishedPosts(4) });
    const [a, b, c, d] = await Promise.all([0, 1, 2, 3].map((index) => client.posts.getBySlug(`post-${index}`)));
    const sent = [];
    const interceptingFetch = async (url, init) => {
      sent.push(new URL(url).pathname);
      if (String(sent) === '/api/changes,/api/posts') {
        await client.posts.update(a.id, { content: 'Newer' });
        await client.posts.update(b.id, { slug: 'renamed' });
        await client.posts.delete(c.id);
      }
      // The content of this post has been read.
      if (String(sent) === '/api/changes,/api/posts,/api/changes') await client.posts.delete(d.id);
      return fetch(url, init);
    };
    const { error, changes } = await load({ baseUrl, fetch: interceptingFetch }, site);
    assert.deepEqual([error, changes], [undefined, [4, 4]]);
    assert.deepEqual([...site.entries.keys()].sort(), ['post-0', 'renamed'], 'the renamed post is not missing');
    assert.deepEqual([site.entries.get('post-0').body, site.entries.get('post-0').data.excerpt], ['Newer', 'Newer']);
    assert.deepEqual((await load({ baseUrl }, site)).changes, [0]);
  });

  /** A cache in front of the service, such as a CDN. It stores lists while `isCaching`. */
  function createCache(isStored = () => true) {
    const bodies = new Map();
    const cache = { isCaching: true };
    cache.fetch = async (url, init) => {
      const { pathname, searchParams } = new URL(url);
      if (pathname !== '/api/posts' || !isStored(searchParams)) return fetch(url, init);
      if (!cache.isCaching) bodies.clear();
      searchParams.sort();
      const key = String(searchParams);
      if (!bodies.has(key)) bodies.set(key, await (await fetch(url, init)).text());
      return new Response(bodies.get(key), { headers: { 'Content-Type': 'application/json' } });
    };
    return cache;
  }

  test('does not store an outdated list under a new version', async (t) => {
    const { client, baseUrl } = await startService(t);
    const { items } = await client.posts.batch({ posts: publishedPosts(2) });
    const site = createSite();
    const cache = createCache();
    await load({ baseUrl }, site);
    for (const content of ['One', 'Two']) {
      await client.posts.update(items[0].post.id, { content });
      await load({ baseUrl, fetch: cache.fetch }, site);
      assert.deepEqual([site.entries.get('post-0').body, site.entries.size], ['One', 2]);
    }
    const { data, digest } = site.entries.get('post-0');
    assert(digest.startsWith(`${data.id}-${data.version} `), 'the digest is the version of the content');
    const warning = 'posts: 1 changed posts are not in the list yet; the next load looks for them again';
    assert.deepEqual([site.log.warn, site.log.error], [[warning], []]);
    cache.isCaching = false;
    const { changes, index } = await load({ baseUrl, fetch: cache.fetch }, site);
    assert.deepEqual([changes, index, site.entries.get('post-0').body], [[1], [], 'Two']);
    assert.deepEqual((await load({ baseUrl, fetch: cache.fetch }, site)).changes, [0]);
    assert.equal(site.log.warn.length, 1);
  });

  for (const [name, filter] of [
    ['without a filter', {}],
    ['with a filter', { tag: 'news' }],
  ]) {
    test(`finds a post that an outdated list lacks, ${name}`, async (t) => {
      const { client, baseUrl } = await startService(t);
      const site = createSite();
      const cache = createCache();
      const options = { baseUrl, filter, fetch: cache.fetch };
      const post = await client.posts.create({ title: 'Moved', tags: ['News'], content: 'Text', published: true });
      await load({ baseUrl, filter }, site);
      // The cache stores lists without the new slug and without the tag.
      await client.posts.unpublish(post.id);
      const query = { slug: ['new'], sort: 'id' };
      const cached = createPostsClient({ baseUrl, fetch: cache.fetch });
      for (const more of [filter, { view: 'summary' }]) {
        for await (const post of cached.posts.all({ ...query, ...more })) assert.fail(post.slug);
      }
      await client.posts.update(post.id, { slug: 'new', published: true });
      await load(options, site);
      assert.deepEqual([[...site.entries.keys()], site.log.warn.length], [['moved'], 1], 'keeps the stored entry');
      cache.isCaching = false;
      await load(options, site);
      assert.deepEqual([[...site.entries.keys()], site.log.warn.length], [['new'], 1]);
    });
  }

  test('a cache of contents does not affect the first load', async (t) => {
    const { client, baseUrl } = await startService(t);
    const { items } = await client.posts.batch({ posts: publishedPosts(2) });
    const site = createSite();
    const cache = createCache((query) => !query.has('view'));
    await load({ baseUrl, fetch: cache.fetch }, createSite());
    // The loader reads the contents that were updated since the oldest changed post: the same URL as before.
    await client.posts.update(items[1].post.id, { content: 'Newer' });
    await load({ baseUrl, fetch: cache.fetch }, site);
    assert.equal(site.entries.get('post-1').body, 'Newer');
    assert.deepEqual([site.entries.size, site.log.warn], [2, []]);
  });

  test('with drafts, does not store outdated contents', async (t) => {
    const { client, baseUrl } = await startService(t);
    const { items } = await client.posts.batch({ posts: publishedPosts(2) });
    const site = createSite();
    const cache = createCache((query) => !query.has('view'));
    const options = { baseUrl, apiKey: adminKey, filter: { published: 'any' }, fetch: cache.fetch };
    await load(options, createSite());
    await client.posts.update(items[1].post.id, { content: 'Newer' });
    await load(options, site);
    assert.deepEqual([site.titles(), site.log.warn.length], [['Post 0'], 1]);
    cache.isCaching = false;
    await load(options, site);
    assert.deepEqual([site.entries.get('post-1')?.body, site.log.warn.length], ['Newer', 1]);
  });
});
