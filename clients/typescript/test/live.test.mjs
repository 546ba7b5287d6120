// Tests the loader for live collections against the service.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { z } from 'astro/zod';
import { PostsApiError } from '@posts-api/client';
import { livePostsLoader } from '@posts-api/client/astro';
import { adminKey, startService } from './service.mjs';

describe('livePostsLoader', { concurrency: 4 }, () => {
  test('loads a post by slug, with cache hints', async (t) => {
    const { client, baseUrl } = await startService(t);
    const post = await client.posts.create({ title: 'Hello', content: 'A *text*.', published: true });
    const { loadEntry } = livePostsLoader({ baseUrl, render: async (content) => `<p>${content}</p>` });
    assert.deepEqual(await loadEntry({ collection: 'posts', filter: { id: 'hello' } }), {
      id: 'hello',
      data: post,
      rendered: { html: '<p>A *text*.</p>' },
      cacheHint: { tags: ['posts', `posts:${post.id}`], lastModified: new Date(post.updated_at) },
    });
    const plain = await livePostsLoader({ baseUrl }).loadEntry({ collection: 'posts', filter: { id: 'hello' } });
    assert.equal('rendered' in plain, false);
    const summary = await livePostsLoader({ baseUrl, view: 'summary' }).loadEntry({
      collection: 'posts',
      filter: { id: 'hello' },
    });
    assert.deepEqual([summary.data.excerpt, 'content' in summary.data], ['A text.', false]);
  });

  test('finds a draft only with an API key', async (t) => {
    const { client, baseUrl } = await startService(t);
    await client.posts.create({ title: 'Draft', content: 'A text.' });
    const lookup = { collection: 'posts', filter: { id: 'draft' } };
    for (const view of ['full', 'summary']) {
      assert.equal(await livePostsLoader({ baseUrl, view }).loadEntry(lookup), undefined);
      assert.equal((await livePostsLoader({ baseUrl, view, apiKey: adminKey }).loadEntry(lookup)).data.title, 'Draft');
    }
  });

  test('lists posts by filter and limit', async (t) => {
    const { client, baseUrl } = await startService(t);
    const posts = Array.from({ length: 150 }, (_, index) => ({
      title: `Post ${index}`,
      content: `Text ${index}`,
      published: true,
    }));
    await client.posts.batch({ posts });
    const { loadCollection } = livePostsLoader({ baseUrl, view: 'summary' });
    const list = async (filter) => (await loadCollection({ collection: 'posts', filter })).entries;
    assert.equal((await loadCollection({ collection: 'posts' })).entries.length, 150, 'all posts by default');
    assert.equal((await list({ limit: undefined, tag: null })).length, 150);
    assert.equal((await list({ limit: 130 })).length, 130);
    assert.equal((await list({ limit: 1000 })).length, 150);
    assert.deepEqual(await list({ limit: 0 }), []);
    assert.deepEqual(
      (await list({ limit: 2, sort: 'id' })).map(({ id }) => id),
      ['post-0', 'post-1'],
    );
    assert.deepEqual(
      (await list({ q: '"text 7"' })).map(({ data }) => data.excerpt),
      ['Text 7'],
    );
  });

  test('returns the last modification time of a list', async (t) => {
    const { client, baseUrl } = await startService(t);
    const { loadCollection } = livePostsLoader({ baseUrl });
    assert.deepEqual(await loadCollection({ collection: 'posts' }), { entries: [], cacheHint: { tags: ['posts'] } });
    const old = await client.posts.create({ title: 'Old', published: true });
    await client.posts.create({ title: 'New', published: true });
    const updated = await client.posts.update(old.id, { title: 'Changed' });
    const { cacheHint } = await loadCollection({ collection: 'posts' });
    assert.deepEqual(cacheHint, { tags: ['posts'], lastModified: new Date(updated.updated_at) });
  });

  test('filters by tag and author, with cache tags for both', async (t) => {
    const { client, baseUrl } = await startService(t);
    const posts = [{ tags: ['C++', 'News'] }, { tags: ['News'], authors: ['Zoë B.'] }, { authors: ['Zoë B.'] }];
    await client.posts.batch({
      posts: posts.map((post, index) => ({ ...post, title: `Post ${index}`, published: true })),
    });
    const { loadCollection } = livePostsLoader({ baseUrl, view: 'summary' });
    const list = async (filter) => {
      const { entries, cacheHint } = await loadCollection({ collection: 'blog', filter: { sort: 'id', ...filter } });
      return [entries.map(({ id }) => id).join(' '), ...cacheHint.tags];
    };
    assert.deepEqual(await list({ tag: 'c++' }), ['post-0', 'blog', 'blog:tag:c%2B%2B']);
    assert.deepEqual(await list({ tag: ['C++', ' NEWS '] }), [
      'post-0 post-1',
      'blog',
      'blog:tag:c%2B%2B',
      'blog:tag:news',
    ]);
    const author = ['blog', 'blog:author:zo%C3%AB%20b.'];
    assert.deepEqual(await list({ author: 'Zoe\u0308  b.' }), ['post-1 post-2', ...author]);
    assert.deepEqual(await list({ tag: 'news', author: 'Zoë B.' }), [
      'post-1',
      'blog',
      'blog:tag:news',
      ...author.slice(1),
    ]);
  });

  test('finds a post by an old slug', async (t) => {
    const { client, baseUrl } = await startService(t);
    const post = await client.posts.create({ title: 'Before', content: 'Text', published: true });
    await client.posts.update(post.id, { slug: 'after' });
    for (const view of ['full', 'summary']) {
      const { loadEntry } = livePostsLoader({ baseUrl, view });
      const entry = await loadEntry({ collection: 'posts', filter: { id: 'before' } });
      assert.deepEqual([entry.id, entry.data.id, entry.data.slug], ['after', post.id, 'after']);
    }
  });

  test('parses the metadata with a schema', async (t) => {
    const { client, baseUrl } = await startService(t);
    await client.posts.create({ title: 'Good', metadata: { rating: 5, other: 'x' }, published: true });
    await client.posts.create({ title: 'Bad', metadata: { rating: 'high' }, published: true });
    const metadata = z.object({ rating: z.number().transform((rating) => rating * 2) });
    for (const view of ['full', 'summary']) {
      const { loadEntry, loadCollection } = livePostsLoader({ baseUrl, view, metadata });
      const { data } = await loadEntry({ collection: 'posts', filter: { id: 'good' } });
      assert.deepEqual([data.title, data.metadata], ['Good', { rating: 10 }]);
      await assert.rejects(loadEntry({ collection: 'posts', filter: { id: 'bad' } }), z.ZodError);
      await assert.rejects(loadCollection({ collection: 'posts' }), z.ZodError);
    }
  });

  test('returns errors as values', async (t) => {
    const { baseUrl } = await startService(t);
    const down = livePostsLoader({ baseUrl: 'http://127.0.0.1:1', retries: 0 });
    for (const result of [
      await down.loadEntry({ collection: 'posts', filter: { id: 'a' } }),
      await down.loadCollection({ collection: 'posts' }),
    ]) {
      assert(result.error instanceof PostsApiError);
      assert.equal(result.error.code, 'no_response');
    }
    const invalid = await livePostsLoader({ baseUrl }).loadCollection({
      collection: 'posts',
      filter: { sort: 'content' },
    });
    assert.deepEqual([invalid.error.status, invalid.error.code], [400, 'invalid_parameter']);
  });
});
