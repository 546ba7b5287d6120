// Tests `changes.follow` against the service, and with prepared responses.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { createPostsClient } from '@posts-api/client';
import { json, problem, startScripted } from './scripted.mjs';
import { copyDatabase, startService } from './service.mjs';

const options = { interval: 20 };
const published = (...titles) => ({ posts: titles.map((title) => ({ title, content: 'Text', published: true })) });

/** Follows the feed, and applies its batches to a copy of the posts as the documentation says. */
class Copy {
  posts = new Map();
  cursor = null;
  batches = [];

  constructor(client, query = {}, { interval, ...more } = options) {
    this.cursor = query.cursor ?? null;
    this.feed = client.changes.follow(query, { interval, ...more });
  }

  async next() {
    const { value: batch, done } = await this.feed.next();
    assert.equal(done, false);
    for (const { id, post } of batch.items) post ? this.posts.set(id, post) : this.posts.delete(id);
    if (batch.published) for (const id of this.posts.keys()) if (!batch.published.has(id)) this.posts.delete(id);
    this.cursor = batch.cursor;
    this.batches.push(batch);
    return batch;
  }

  async until(condition) {
    while (!condition()) await this.next();
  }

  /** Reads until the copy is complete. */
  async complete() {
    while ((await this.next()).has_more);
  }

  slugs() {
    return [...this.posts.values()].map(({ slug }) => slug).sort();
  }
}

const collect = async (items) => {
  const all = [];
  for await (const item of items) all.push(item);
  return all;
};

const listOf = async (client) => {
  const posts = await collect(client.posts.all({ sort: 'id' }));
  return posts.map(({ slug }) => slug).sort();
};

describe('follow', { concurrency: 4 }, () => {
  test('yields all posts, then each change', async (t) => {
    const { client, reader } = await startService(t);
    await client.posts.batch(published('A', 'B', 'C', 'D', 'E'));
    const copy = new Copy(reader, { limit: 2 });
    await copy.complete();
    assert.deepEqual(copy.slugs(), ['a', 'b', 'c', 'd', 'e']);
    assert.deepEqual(
      copy.batches.map(({ cursor }) => cursor === null),
      [true, true, false],
    );
    const ids = [...copy.posts.keys()].sort();
    assert.deepEqual(
      copy.batches.map(({ published }) => published && [...published].sort()),
      [null, null, ids],
    );

    const { id } = await client.posts.create({ title: 'New', published: true });
    await copy.until(() => copy.slugs().includes('new'));
    await client.posts.update(id, { slug: 'renamed' });
    await copy.until(() => copy.slugs().includes('renamed'));
    assert.deepEqual(
      copy.batches.at(-1).items.map(({ type, former_slugs }) => [type, former_slugs]),
      [['post.updated', ['new']]],
    );
    await client.posts.unpublish(id);
    await copy.until(() => !copy.posts.has(id));
    await client.posts.delete(ids[0]);
    await copy.until(() => !copy.posts.has(ids[0]));
    assert.deepEqual(copy.slugs(), ['b', 'c', 'd', 'e']);
    assert(
      copy.batches.slice(3).every(({ published, cursor, items }) => published === null && cursor && items.length === 1),
    );
    await copy.feed.return();
  });

  test('ends with the list after random changes', async (t) => {
    const { client, reader } = await startService(t);
    await client.posts.batch(published(...'ABCDEFGH'));
    let seed = 7;
    const random = (below) => (seed = (seed * 48271) % 2147483647) % below;
    const copy = new Copy(reader, { limit: 3, view: 'summary' });
    const ids = (await collect(client.posts.all())).map(({ id }) => id);
    const changes = [
      async () => ids.push((await client.posts.create({ title: 'New', published: random(2) === 0 })).id),
      (id) => client.posts.update(id, { slug: `slug-${random(1000)}` }).catch(() => undefined),
      (id) => client.posts.unpublish(id),
      (id) => client.posts.publish(id),
      (id) => client.posts.delete(id),
    ];
    for (let round = 0; round < 80; round += 1) {
      const id = ids[random(ids.length)];
      await changes[random(changes.length)](id).catch(({ code }) => assert.equal(code, 'not_found'));
      if (random(3) === 0 && (round < 10 || copy.batches.at(-1)?.has_more)) await copy.next();
    }
    await client.posts.create({ title: 'The last change', published: true });
    await copy.until(() => copy.slugs().includes('the-last-change'));
    assert.deepEqual(copy.slugs(), await listOf(client));
    await copy.feed.return();
  });

  test('continues at a stored cursor', async (t) => {
    const { client, reader } = await startService(t);
    const { items } = await client.posts.batch(published('A', 'B'));
    const first = new Copy(reader);
    await first.complete();
    await first.feed.return();
    await client.posts.delete(items[0].post.id);
    await client.posts.create({ title: 'C', published: true });
    const second = new Copy(reader, { cursor: first.cursor });
    const batch = await second.next();
    assert.deepEqual(
      batch.items.map(({ type, slug }) => [type, slug]),
      [
        ['post.deleted', 'a'],
        ['post.published', 'c'],
      ],
    );
    assert.deepEqual([batch.published, batch.has_more], [null, false]);
    // The first batch comes at once, so that a program learns that its copy is complete.
    const third = await new Copy(reader, { cursor: batch.cursor }).next();
    assert.deepEqual(third, { items: [], cursor: batch.cursor, has_more: false, published: null });
    const now = await new Copy(reader, { cursor: 'now' }).next();
    assert.deepEqual([now.items, now.cursor, now.published], [[], batch.cursor, null]);
  });

  test('yields only summaries with view=summary', async (t) => {
    const { client, reader } = await startService(t);
    await client.posts.batch(published('A'));
    const { items } = await new Copy(reader, { view: 'summary' }).next();
    assert.deepEqual([items[0].post.excerpt, 'content' in items[0].post], ['Text', false]);
  });

  test('gets 304 responses while nothing changes', async (t) => {
    const { client, baseUrl } = await startService(t);
    await client.posts.batch(published('A'));
    const statuses = [];
    const recordingFetch = async (...request) => {
      const response = await fetch(...request);
      statuses.push(response.status);
      if (statuses.length === 6) await client.posts.create({ title: 'B', published: true });
      return response;
    };
    const copy = new Copy(createPostsClient({ baseUrl, fetch: recordingFetch }));
    await copy.until(() => copy.slugs().includes('b'));
    assert.deepEqual([statuses.slice(0, 6), statuses.at(-1)], [[200, 200, 304, 304, 304, 304], 200]);
    assert.equal(copy.batches.length, 2);
    await copy.feed.return();
  });

  test('continues after the service was restarted', async (t) => {
    const { client, baseUrl, restart } = await startService(t);
    await client.posts.batch(published('A'));
    const errors = [];
    const reader = createPostsClient({ baseUrl, retries: 0 });
    const copy = new Copy(reader, {}, { ...options, onError: (error, wait) => errors.push([error.code, wait]) });
    await copy.complete();
    const next = copy.next();
    await restart(async () => {
      while (errors.length === 0) await new Promise(setImmediate);
    });
    await client.posts.create({ title: 'B', published: true });
    assert.deepEqual(
      (await next).items.map(({ slug }) => slug),
      ['b'],
    );
    assert.equal(errors[0][0], 'no_response');
    assert(errors[0][1] >= 500 && errors[0][1] <= 1000, errors[0][1]);
    assert.deepEqual(copy.batches.at(-1).published, null);
    await copy.feed.return();
  });

  test('reads all posts again after a backup was restored', async (t) => {
    const { client, reader, restart } = await startService(t);
    await client.posts.batch(published('A', 'B', 'C'));
    await restart((directory) => copyDatabase(directory, join(directory, 'backup')));
    const { id } = await client.posts.getBySlug('a');
    for (const title of ['One', 'Two', 'Three']) await client.posts.update(id, { title });
    await client.posts.create({ title: 'Lost', published: true });
    const errors = [];
    const copy = new Copy(reader, { limit: 2 }, { ...options, onError: (error) => errors.push(error.code) });
    await copy.complete();
    assert.deepEqual([copy.slugs(), copy.posts.get(id).title], [['a', 'b', 'c', 'lost'], 'Three']);
    await restart((directory) => copyDatabase(join(directory, 'backup'), directory));
    await client.posts.create({ title: 'After', published: true });
    await copy.until(() => copy.slugs().includes('after') && copy.cursor !== null);
    assert.deepEqual([copy.slugs(), copy.posts.get(id).title], [['a', 'after', 'b', 'c'], 'A']);
    assert(errors.includes('cursor_expired'));
    assert.equal(copy.batches.filter(({ published }) => published).length, 2);
    await copy.feed.return();
  });

  test('rejects a damaged cursor after one request', async (t) => {
    const { client, baseUrl } = await startService(t);
    const { cursor } = await client.changes.list({ cursor: 'now' });
    let sent = 0;
    const countingFetch = (...request) => ((sent += 1), fetch(...request));
    const reader = createPostsClient({ baseUrl, fetch: countingFetch });
    for (const damaged of [cursor.slice(0, -1), `${cursor}A`, cursor.toLowerCase(), 'x']) {
      await assert.rejects(new Copy(reader, { cursor: damaged }).next(), { code: 'invalid_cursor', status: 400 });
    }
    // An empty cursor is not the beginning of the feed: a program that has lost its cursor must decide what to do.
    await assert.rejects(new Copy(reader, { cursor: '' }).next(), { status: 400 });
    assert.equal(sent, 5);
  });

  test('published lacks the posts that were removed meanwhile', async (t) => {
    const change = (id, post = {}) => ({
      type: 'post.updated',
      id,
      slug: 'a',
      former_slugs: [],
      version: 1,
      at: '',
      post,
    });
    const { baseUrl } = await startScripted(
      t,
      json({ items: [change(1), change(2), change(3)], cursor: 'a', has_more: true }),
      json({ items: [change(2, null), change(4)], cursor: 'b', has_more: true }),
      json({ items: [change(4, null), change(2)], cursor: 'c', has_more: true }),
      json({ items: [change(2, null)], cursor: 'd', has_more: false }),
    );
    const copy = new Copy(createPostsClient({ baseUrl }));
    await copy.complete();
    assert.deepEqual([...copy.batches.at(-1).published], [1, 3]);
  });

  test('a signal ends the wait and the request', async (t) => {
    const { client, reader } = await startService(t);
    await client.posts.batch(published('A'));
    const reason = new Error('by the test');
    const controller = new AbortController();
    const copy = new Copy(reader, {}, { interval: 3_600_000, signal: controller.signal });
    await copy.next();
    const next = copy.next();
    setImmediate(() => controller.abort(reason));
    await assert.rejects(next, reason);
    assert.deepEqual(await copy.feed.next(), { value: undefined, done: true });
    await assert.rejects(new Copy(reader, {}, { signal: AbortSignal.abort(reason) }).next(), reason);
  });

  test('leaving the loop ends the requests', async (t) => {
    const { baseUrl, requests } = await startScripted(t, json({ items: [], cursor: 'c', has_more: false }));
    const client = createPostsClient({ baseUrl });
    for await (const { cursor } of client.changes.follow({}, { interval: 1 })) {
      assert.equal(cursor, 'c');
      break;
    }
    for (let count = 0; count < 20; count += 1) await client.tags.list();
    assert.deepEqual(requests.filter(({ url }) => url.startsWith('/api/changes')).length, 1);
  });

  test('errors that are not temporary end it', async (t) => {
    const list = json({ items: [], next_cursor: null });
    for (const [response, code] of [
      [problem(404, 'not_found'), 'not_found'],
      [problem(400, 'invalid_parameter'), 'invalid_parameter'],
      [problem(401, 'key_invalid'), 'key_invalid'],
      [problem(410, 'gone'), 'gone'],
      [{ status: 200, headers: { 'Content-Type': 'text/html' }, body: '<h1>A page</h1>' }, 'unexpected_response'],
      [list, 'unexpected_response'],
    ]) {
      const { baseUrl, requests } = await startScripted(t, response);
      await assert.rejects(new Copy(createPostsClient({ baseUrl })).next(), { code });
      assert.equal(requests.length, 1, code);
    }
  });

  test('without onError, logs a warning for each failure', async (t) => {
    const page = json({ items: [], cursor: 'c', has_more: false });
    const { baseUrl } = await startScripted(t, problem(503, 'unavailable'), page);
    const warnings = t.mock.method(console, 'warn', () => undefined).mock;
    await new Copy(createPostsClient({ baseUrl, retries: 0 })).next();
    const lines = warnings.calls.map(({ arguments: [line] }) => line);
    assert.equal(lines.filter((line) => line.includes('503 unavailable')).length, 1, String(lines));
    assert.match(
      String(lines),
      /failed to read the change feed; will retry in \d\.\d s: GET \/api\/changes failed with 503/,
    );
  });

  test('rejects an invalid interval', async () => {
    const client = createPostsClient({ baseUrl: 'http://127.0.0.1:1' });
    for (const interval of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, '1s']) {
      await assert.rejects(new Copy(client, {}, { interval }).next(), RangeError);
    }
  });
});
