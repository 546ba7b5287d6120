// What is sent again and what is not, against a service that gives the answers it was told.
import assert from 'node:assert/strict';
import { createServer, request as forward } from 'node:http';
import { describe, test } from 'node:test';
import { createPostsClient, PostsApiError } from '@posts-api/client';
import { hangUp, json, problem, silence, startScripted } from './scripted.mjs';
import { adminKey, startService } from './service.mjs';

const post = { id: 1, slug: 'a', title: 'A', content: null, version: 1 };
const done = json(post);
const soon = { 'Retry-After': '0' };
const busy = problem(503, 'database_busy', soon);
const limited = problem(429, 'rate_limited', soon);

/** How often each of these calls is sent where every answer but the last is `answer`, and how the last try ends. */
async function tries(context, answer, call, { retries = 2, last = done } = {}) {
  const { baseUrl, requests } = await startScripted(context, ...Array(retries).fill(answer), last);
  const client = createPostsClient({ baseUrl, apiKey: 'a-key', retries });
  const end = await call(client).then(
    () => 'done',
    (error) => (assert(error instanceof PostsApiError, error), error),
  );
  return { sent: requests.length, end, requests };
}

const harmless = {
  list: (client) => client.posts.list(),
  get: (client) => client.posts.get(1),
  getBySlug: (client) => client.posts.getBySlug('a'),
  create: (client) => client.posts.create({ title: 'A' }),
  batch: (client) => client.posts.batch({ posts: [{ title: 'A' }] }),
  putBySlug: (client) => client.posts.putBySlug('a', { title: 'A' }),
  delete: (client) => client.posts.delete(1, { ifMatch: post }),
  publish: (client) => client.posts.publish(1),
  unpublish: (client) => client.posts.unpublish(1),
  'keys.list': (client) => client.keys.list(),
  'keys.revoke': (client) => client.keys.revoke(1),
};
/** Carried out twice, these change more than once, or the second time say that the first was wrong. */
const once = {
  update: (client) => client.posts.update(1, { title: 'A' }),
  'update with a condition': (client) => client.posts.update(1, { title: 'A' }, { ifMatch: post }),
  'putBySlug that replaces': (client) => client.posts.putBySlug('a', { title: 'A' }, { ifMatch: post }),
  'putBySlug that creates': (client) => client.posts.putBySlug('a', { title: 'A' }, { ifNoneMatch: '*' }),
  'publish with a condition': (client) => client.posts.publish(1, { ifMatch: post }),
  'unpublish with a condition': (client) => client.posts.unpublish(1, { ifMatch: post }),
  'keys.create': (client) => client.keys.create({ name: 'a', role: 'reader' }),
};

describe('retries', { concurrency: 8 }, () => {
  for (const [name, call] of Object.entries(harmless)) {
    test(`${name} is sent again after 503, 429 and a lost connection`, async (t) => {
      for (const answer of [busy, limited, hangUp]) assert.deepEqual([(await tries(t, answer, call)).sent], [3]);
    });
  }

  for (const [name, call] of Object.entries(once)) {
    test(`${name} is sent again after 429 only`, async (t) => {
      assert.equal((await tries(t, limited, call)).sent, 3);
      const refused = await tries(t, busy, call);
      assert.deepEqual([refused.sent, refused.end.code], [1, 'database_busy']);
      const lost = await tries(t, hangUp, call);
      assert.deepEqual([lost.sent, lost.end.code], [1, 'no_answer']);
    });
  }

  test('other errors are not sent again', async (t) => {
    for (const answer of [
      problem(500, 'internal_error', soon),
      problem(404, 'not_found'),
      problem(507, 'storage_full'),
    ]) {
      assert.equal((await tries(t, answer, harmless.list)).sent, 1);
    }
  });

  test('they end', async (t) => {
    const { sent, end } = await tries(t, busy, harmless.list, { retries: 2, last: busy });
    assert.deepEqual([sent, end.status, end.code, end.retryAfter], [3, 503, 'database_busy', 0]);
    assert.equal((await tries(t, busy, harmless.list, { retries: 0, last: busy })).sent, 1);
    const { baseUrl, requests } = await startScripted(t, busy);
    await assert.rejects(createPostsClient({ baseUrl }).posts.list());
    assert.equal(requests.length, 4, 'three by themselves');
  });

  test('each create has a key of its own, which stays the same when it is sent again', async (t) => {
    const { requests } = await tries(t, hangUp, harmless.create);
    const keys = requests.map(({ headers }) => headers['idempotency-key']);
    assert.match(keys[0], /^[0-9a-f]{32}$/);
    assert.deepEqual(keys, [keys[0], keys[0], keys[0]]);
    assert.deepEqual(
      requests.map(({ body }) => body),
      Array(3).fill('{"title":"A"}'),
    );
    const other = await tries(t, limited, harmless.batch);
    assert.notEqual(other.requests[0].headers['idempotency-key'], keys[0]);
    const named = await tries(t, limited, (client) => client.posts.create({ title: 'A' }, { idempotencyKey: 'mine' }));
    assert.deepEqual(
      named.requests.map(({ headers }) => headers['idempotency-key']),
      ['mine', 'mine', 'mine'],
    );
  });

  test('a create waits for the first try that still runs', async (t) => {
    const running = problem(409, 'idempotency_key_in_use');
    assert.deepEqual((await tries(t, running, harmless.create)).end, 'done');
    assert.equal((await tries(t, problem(409, 'slug_taken'), harmless.create)).sent, 1);
  });

  test('a delete that was carried out without our knowing has succeeded', async (t) => {
    const gone = problem(404, 'not_found');
    assert.equal((await tries(t, hangUp, harmless.delete, { retries: 1, last: gone })).end, 'done');
    assert.equal((await tries(t, limited, harmless.delete, { retries: 1, last: gone })).end.code, 'not_found');
  });

  test('an answer that breaks off counts as none', async (t) => {
    const cut = { ...json(post, { 'Content-Length': '5000' }), breaksOff: true };
    assert.deepEqual((await tries(t, cut, harmless.get)).end, 'done');
  });

  test('a signal ends a request, and the wait for the next', { timeout: 15_000 }, async (t) => {
    const reason = new Error('enough');
    for (const answer of [silence, problem(503, 'database_busy', { 'Retry-After': '29' })]) {
      const { baseUrl, requests } = await startScripted(t, answer);
      const stop = new AbortController();
      const call = createPostsClient({ baseUrl }).posts.list({}, { signal: stop.signal });
      while (requests.length === 0) await new Promise(setImmediate);
      setTimeout(() => stop.abort(reason), 50);
      assert.equal(await call.catch((error) => error), reason);
      assert.equal(requests.length, 1);
      await assert.rejects(createPostsClient({ baseUrl }).posts.all({}, { signal: stop.signal }).next(), reason);
    }
  });

  test('a create whose answer was lost is carried out once', async (t) => {
    const { baseUrl, client } = await startService(t);
    let lose = 2;
    const proxy = createServer((request, response) => {
      const { method, headers, url } = request;
      const onward = forward(new URL(url, baseUrl), { method, headers }, (answer) => {
        if (lose-- > 0) return response.destroy();
        response.writeHead(answer.statusCode, answer.headers);
        answer.pipe(response);
      });
      request.pipe(onward);
    });
    await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    t.after(() => (proxy.closeAllConnections(), proxy.close()));
    const through = createPostsClient({ baseUrl: `http://127.0.0.1:${proxy.address().port}`, apiKey: adminKey });
    const post = await through.posts.create({ title: 'Once' });
    assert.equal(lose, -1, 'two answers were lost');
    assert.deepEqual((await client.posts.list({ published: 'any' })).items, [post]);
  });
});

describe('answers that are not the service’s', { concurrency: true }, () => {
  const html = (status, body = '<h1>A page</h1>') => ({
    status,
    headers: { 'Content-Type': 'text/html', 'X-Request-Id': 'p-1' },
    body,
  });

  test('a page in place of JSON', async (t) => {
    const { sent, end } = await tries(t, html(200), harmless.list);
    assert.deepEqual([sent, end.status, end.code, end.requestId], [1, 200, 'unexpected_answer', 'p-1']);
    assert.match(end.message, /GET \/api\/posts answered 200 .*text\/html.*baseUrl/);
  });

  test('a proxy’s error', async (t) => {
    const { sent, end } = await tries(t, html(502), harmless.list);
    assert.deepEqual([sent, end.status, end.code], [1, 502, 'unexpected_answer']);
    assert.equal((await tries(t, html(503), harmless.list)).sent, 3, 'also a proxy may be busy');
  });

  test('something that says it is JSON', async (t) => {
    const cut = { ...json({}), body: '{"items": [' };
    assert.deepEqual((await tries(t, cut, harmless.list)).end.code, 'unexpected_answer');
    const odd = { status: 400, headers: { 'Content-Type': 'application/json' }, body: '{"code": 7}' };
    assert.deepEqual((await tries(t, odd, harmless.list)).end.code, 'unexpected_answer');
    for (const other of [
      { ...json({}), body: '' },
      { status: 200, headers: { 'Content-Type': 'text/plain' }, body: '7' },
    ]) {
      assert.equal((await tries(t, other, harmless.get)).end.code, 'unexpected_answer');
    }
    const moved = { status: 304, headers: {} };
    assert.deepEqual((await tries(t, moved, harmless.list)).end.code, 'unexpected_answer');
  });

  test('nobody there', async () => {
    const client = createPostsClient({ baseUrl: 'http://127.0.0.1:1', retries: 0, apiKey: 'a-secret' });
    const error = await client.posts.list().catch((error) => error);
    assert(error instanceof PostsApiError);
    assert.deepEqual([error.status, error.code, error.requestId, error.errors], [null, 'no_answer', null, undefined]);
    assert.match(error.message, /^GET \/api\/posts failed with no_answer: fetch failed: /);
    assert(error.cause instanceof Error);
    assert.doesNotMatch(JSON.stringify(error) + error.stack, /a-secret/);
  });
});
