// Tests which requests the client retries, against a server with prepared responses.
import assert from 'node:assert/strict';
import { createServer, request as forward } from 'node:http';
import { describe, test } from 'node:test';
import { createPostsClient, PostsApiError } from '@posts-api/client';
import { hangUp, json, problem, silence, startScripted } from './scripted.mjs';
import { adminKey, startService } from './service.mjs';

const post = { id: 1, slug: 'a', title: 'A', content: null, version: 1 };
const tag = '"tag"';
const success = json(post);
const retryNow = { 'Retry-After': '0' };
const unavailable = problem(503, 'database_busy', retryNow);
const badGateway = { status: 502, headers: { 'Content-Type': 'text/html', ...retryNow }, body: '<h1>Bad gateway</h1>' };
const gatewayTimeout = { ...badGateway, status: 504 };
/** What the service sends if the head of a request arrives too late. */
const requestTimeout = { status: 408, headers: retryNow, body: '' };
const rateLimited = problem(429, 'rate_limited', retryNow);

/**
 * Runs `call` against a server that sends `response` for each attempt but the last, and `last` after that. Returns the
 * number of requests, and the outcome: 'success' or the error.
 */
async function attempts(context, response, call, { retries = 2, last = success } = {}) {
  const { baseUrl, requests } = await startScripted(context, ...Array(retries).fill(response), last);
  const client = createPostsClient({ baseUrl, apiKey: 'a-key', retries });
  const outcome = await call(client).then(
    () => 'success',
    (error) => (assert(error instanceof PostsApiError, error), error),
  );
  return { sent: requests.length, outcome, requests };
}

const idempotent = {
  list: (client) => client.posts.list(),
  get: (client) => client.posts.get(1),
  find: (client) => client.posts.find(1),
  getBySlug: (client) => client.posts.getBySlug('a'),
  create: (client) => client.posts.create({ title: 'A' }),
  batch: (client) => client.posts.batch({ posts: [{ title: 'A' }] }),
  putBySlug: (client) => client.posts.putBySlug('a', { title: 'A' }),
  delete: (client) => client.posts.delete(1, { ifMatch: tag }),
  publish: (client) => client.posts.publish(1),
  unpublish: (client) => client.posts.unpublish(1),
  'tags.list': (client) => client.tags.list(),
  'authors.list': (client) => client.authors.list(),
  'redirects.list': (client) => client.redirects.list(),
  'changes.list': (client) => client.changes.list(),
  'keys.list': (client) => client.keys.list(),
  'keys.revoke': (client) => client.keys.revoke(1),
  'webhooks.list': (client) => client.webhooks.list(),
  'webhooks.get': (client) => client.webhooks.get(1),
  'webhooks.create': (client) => client.webhooks.create({ url: 'https://example.org' }),
  'webhooks.delete': (client) => client.webhooks.delete(1),
  'webhooks.attempts': (client) => client.webhooks.attempts(1),
};
/** A second execution of these would change the post or key again, or fail because of the first. */
const nonIdempotent = {
  update: (client) => client.posts.update(1, { title: 'A' }),
  'update with a condition': (client) => client.posts.update(1, { title: 'A' }, { ifMatch: tag }),
  'putBySlug with If-Match': (client) => client.posts.putBySlug('a', { title: 'A' }, { ifMatch: tag }),
  'putBySlug with If-None-Match': (client) => client.posts.putBySlug('a', { title: 'A' }, { ifNoneMatch: '*' }),
  'publish with a condition': (client) => client.posts.publish(1, { ifMatch: tag }),
  'unpublish with a condition': (client) => client.posts.unpublish(1, { ifMatch: tag }),
  'keys.create': (client) => client.keys.create({ name: 'a', role: 'reader' }),
  'webhooks.update': (client) => client.webhooks.update(1, { quiet: 5 }),
  'webhooks.rotate': (client) => client.webhooks.rotate(1),
  'webhooks.replay': (client) => client.webhooks.replay(1, { cursor: 'now' }),
  'webhooks.test': (client) => client.webhooks.test(1),
};

describe('retries', { concurrency: 8 }, () => {
  for (const [name, call] of Object.entries(idempotent)) {
    test(`retries ${name} after 408, 429, 502, 503, 504, and a lost connection`, async (t) => {
      for (const response of [requestTimeout, rateLimited, badGateway, unavailable, gatewayTimeout, hangUp]) {
        assert.equal((await attempts(t, response, call)).sent, 3);
      }
    });
  }

  for (const [name, call] of Object.entries(nonIdempotent)) {
    test(`retries ${name} only after 408 and 429`, async (t) => {
      for (const response of [requestTimeout, rateLimited]) assert.equal((await attempts(t, response, call)).sent, 3);
      const failed = await attempts(t, unavailable, call);
      assert.deepEqual([failed.sent, failed.outcome.code], [1, 'database_busy']);
      for (const response of [badGateway, gatewayTimeout]) {
        const { sent, outcome } = await attempts(t, response, call);
        assert.deepEqual([sent, outcome.status, outcome.code], [1, response.status, 'unexpected_response']);
      }
      const lost = await attempts(t, hangUp, call);
      assert.deepEqual([lost.sent, lost.outcome.code], [1, 'no_response']);
    });
  }

  test('does not retry other errors', async (t) => {
    for (const response of [
      problem(500, 'internal_error', retryNow),
      problem(404, 'not_found'),
      problem(507, 'storage_full'),
    ]) {
      assert.equal((await attempts(t, response, idempotent.list)).sent, 1);
    }
  });

  test('stops after the maximum number of retries', async (t) => {
    const { sent, outcome } = await attempts(t, unavailable, idempotent.list, { retries: 2, last: unavailable });
    assert.deepEqual([sent, outcome.status, outcome.code, outcome.retryAfter], [3, 503, 'database_busy', 0]);
    assert.equal((await attempts(t, unavailable, idempotent.list, { retries: 0, last: unavailable })).sent, 1);
    const { baseUrl, requests } = await startScripted(t, unavailable);
    await assert.rejects(createPostsClient({ baseUrl }).posts.list());
    assert.equal(requests.length, 4, 'the default is 3 retries');
  });

  test('each create has a random key that its retries reuse', async (t) => {
    const { requests } = await attempts(t, hangUp, idempotent.create);
    const keys = requests.map(({ headers }) => headers['idempotency-key']);
    assert.match(keys[0], /^[0-9a-f]{32}$/);
    assert.deepEqual(keys, [keys[0], keys[0], keys[0]]);
    assert.deepEqual(
      requests.map(({ body }) => body),
      Array(3).fill('{"title":"A"}'),
    );
    const batch = await attempts(t, rateLimited, idempotent.batch);
    assert.notEqual(batch.requests[0].headers['idempotency-key'], keys[0]);
    const custom = await attempts(t, rateLimited, (client) =>
      client.posts.create({ title: 'A' }, { idempotencyKey: 'custom' }),
    );
    assert.deepEqual(
      custom.requests.map(({ headers }) => headers['idempotency-key']),
      ['custom', 'custom', 'custom'],
    );
  });

  test('retries a create while its key is in use', async (t) => {
    const inUse = problem(409, 'idempotency_key_in_use');
    assert.deepEqual((await attempts(t, inUse, idempotent.create)).outcome, 'success');
    assert.equal((await attempts(t, problem(409, 'slug_taken'), idempotent.create)).sent, 1);
  });

  test('a retried delete succeeds if the post is gone', async (t) => {
    const gone = problem(404, 'not_found');
    assert.equal((await attempts(t, hangUp, idempotent.delete, { retries: 1, last: gone })).outcome, 'success');
    assert.equal(
      (await attempts(t, rateLimited, idempotent.delete, { retries: 1, last: gone })).outcome.code,
      'not_found',
    );
  });

  test('retries a truncated response', async (t) => {
    const truncated = { ...json(post, { 'Content-Length': '5000' }), isTruncated: true };
    assert.deepEqual((await attempts(t, truncated, idempotent.get)).outcome, 'success');
  });

  test('a signal aborts a request and the wait before a retry', { timeout: 15_000 }, async (t) => {
    const reason = new Error('aborted by the test');
    for (const response of [silence, problem(503, 'database_busy', { 'Retry-After': '29' })]) {
      const { baseUrl, requests } = await startScripted(t, response);
      const controller = new AbortController();
      const call = createPostsClient({ baseUrl }).posts.list({}, { signal: controller.signal });
      while (requests.length === 0) await new Promise(setImmediate);
      setTimeout(() => controller.abort(reason), 50);
      assert.equal(await call.catch((error) => error), reason);
      assert.equal(requests.length, 1);
      await assert.rejects(createPostsClient({ baseUrl }).posts.all({}, { signal: controller.signal }).next(), reason);
    }
  });

  test('a create whose responses are lost is executed once', async (t) => {
    const { baseUrl, client } = await startService(t);
    let responsesToLose = 2;
    const proxy = createServer((request, response) => {
      const { method, headers, url } = request;
      const upstream = forward(new URL(url, baseUrl), { method, headers }, (upstreamResponse) => {
        if (responsesToLose-- > 0) return response.destroy();
        response.writeHead(upstreamResponse.statusCode, upstreamResponse.headers);
        upstreamResponse.pipe(response);
      });
      request.pipe(upstream);
    });
    await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    t.after(() => (proxy.closeAllConnections(), proxy.close()));
    const proxyClient = createPostsClient({ baseUrl: `http://127.0.0.1:${proxy.address().port}`, apiKey: adminKey });
    const post = await proxyClient.posts.create({ title: 'Once' });
    assert.equal(responsesToLose, -1, 'the proxy dropped two responses');
    assert.deepEqual((await client.posts.list({ published: 'any' })).items, [post]);
  });
});

describe('responses that are not from the service', { concurrency: true }, () => {
  const html = (status, body = '<h1>A page</h1>') => ({
    status,
    headers: { 'Content-Type': 'text/html', 'X-Request-Id': 'p-1' },
    body,
  });

  test('HTML instead of JSON', async (t) => {
    const { sent, outcome } = await attempts(t, html(200), idempotent.list);
    assert.deepEqual([sent, outcome.status, outcome.code, outcome.requestId], [1, 200, 'unexpected_response', 'p-1']);
    assert.match(outcome.message, /GET \/api\/posts failed with 200 unexpected_response: .*text\/html.*baseUrl/);
  });

  test('an error page of a proxy', async (t) => {
    for (const status of [401, 404, 500]) {
      const { sent, outcome } = await attempts(t, html(status), idempotent.find);
      assert.deepEqual([sent, outcome.status, outcome.code], [1, status, 'unexpected_response']);
    }
    const { sent, outcome } = await attempts(t, html(502), idempotent.list, { retries: 1, last: html(502) });
    assert.deepEqual([sent, outcome.status, outcome.code], [2, 502, 'unexpected_response']);
  });

  test('a success without a body', async (t) => {
    for (const call of [idempotent.get, idempotent.create]) {
      const { outcome } = await attempts(t, { status: 204, headers: {} }, call);
      assert.deepEqual([outcome.status, outcome.code], [204, 'unexpected_response']);
    }
  });

  test('JSON with another Content-Type is accepted', async (t) => {
    for (const headers of [{}, { 'Content-Type': 'text/plain;charset=UTF-8' }]) {
      assert.equal((await attempts(t, { ...success, headers }, idempotent.get)).outcome, 'success');
      const page = await attempts(t, { status: 200, headers, body: '<h1>A page</h1>' }, idempotent.get);
      assert.equal(page.outcome.code, 'unexpected_response');
    }
  });

  test('invalid JSON', async (t) => {
    const truncated = { ...json({}), body: '{"items": [' };
    assert.deepEqual((await attempts(t, truncated, idempotent.list)).outcome.code, 'unexpected_response');
    const notAProblem = { status: 400, headers: { 'Content-Type': 'application/json' }, body: '{"code": 7}' };
    assert.deepEqual((await attempts(t, notAProblem, idempotent.list)).outcome.code, 'unexpected_response');
    for (const response of [
      { ...json({}), body: '' },
      { status: 200, headers: { 'Content-Type': 'text/plain' }, body: '7' },
    ]) {
      assert.equal((await attempts(t, response, idempotent.get)).outcome.code, 'unexpected_response');
    }
    const notModified = { status: 304, headers: {} };
    assert.deepEqual((await attempts(t, notModified, idempotent.list)).outcome.code, 'unexpected_response');
  });

  test('connection refused', async () => {
    const client = createPostsClient({ baseUrl: 'http://127.0.0.1:1', retries: 0, apiKey: 'a-secret' });
    const error = await client.posts.list().catch((error) => error);
    assert(error instanceof PostsApiError);
    assert.deepEqual([error.status, error.code, error.requestId, error.errors], [null, 'no_response', null, undefined]);
    assert.match(error.message, /^GET \/api\/posts failed with no_response: fetch failed: /);
    assert(error.cause instanceof Error);
    assert.doesNotMatch(JSON.stringify(error) + error.stack, /a-secret/);
  });
});
