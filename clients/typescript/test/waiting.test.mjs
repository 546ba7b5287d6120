// Tests the delay between attempts with a mock clock. The mock is global, so these tests do not run concurrently.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createPostsClient } from '@posts-api/client';
import { problem } from './scripted.mjs';

/** Runs all pending work that does not wait for a timer. */
async function settle() {
  for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
}

/** Starts a read whose first attempt gets a 503 with this `Retry-After`. */
async function startRead(context, retryAfter, options = {}) {
  context.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: Date.UTC(2026, 0, 31) });
  const headers = retryAfter === undefined ? {} : { 'Retry-After': retryAfter };
  const { status, ...first } = problem(503, 'database_busy', headers);
  const responses = [new Response(first.body, { status, headers: first.headers }), Response.json({ id: 1 })];
  const state = { sent: 0, outcome: undefined };
  const fetch = async () => responses[state.sent++];
  createPostsClient({ baseUrl: 'http://127.0.0.1:1', fetch, ...options })
    .posts.get(1)
    .then(
      (post) => (state.outcome = post),
      (error) => (state.outcome = error),
    );
  await settle();
  return state;
}

test('waits for a Retry-After in seconds', async (t) => {
  const state = await startRead(t, '20');
  t.mock.timers.tick(19_999);
  await settle();
  assert.equal(state.sent, 1);
  t.mock.timers.tick(201);
  await settle();
  assert.deepEqual(state, { sent: 2, outcome: { id: 1 } });
});

test('waits for a Retry-After date', async (t) => {
  const state = await startRead(t, 'Sat, 31 Jan 2026 00:00:20 GMT');
  t.mock.timers.tick(19_999);
  await settle();
  assert.equal(state.sent, 1);
  t.mock.timers.tick(201);
  await settle();
  assert.deepEqual(state, { sent: 2, outcome: { id: 1 } });
});

for (const retryAfter of [undefined, 'in a while']) {
  test(`uses the default backoff for Retry-After: ${retryAfter}`, async (t) => {
    const state = await startRead(t, retryAfter);
    t.mock.timers.tick(99);
    await settle();
    assert.equal(state.sent, 1);
    t.mock.timers.tick(101);
    await settle();
    assert.equal(state.sent, 2);
  });
}

test('does not retry if Retry-After exceeds maxRetryDelay', async (t) => {
  const state = await startRead(t, '31');
  assert.deepEqual([state.sent, state.outcome.code, state.outcome.retryAfter], [1, 'database_busy', 31]);
  t.mock.timers.reset();
  const patientState = await startRead(t, '31', { maxRetryDelay: 60_000 });
  assert.equal(patientState.outcome, undefined);
  t.mock.timers.tick(31_200);
  await settle();
  assert.equal(patientState.sent, 2);
});

test('an attempt that times out is retried', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  const state = { sent: 0, outcome: undefined };
  const fetch = (_url, { signal }) => {
    state.sent += 1;
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  };
  createPostsClient({ baseUrl: 'http://127.0.0.1:1', fetch, timeout: 5000, retries: 1 })
    .posts.get(1)
    .catch((error) => (state.outcome = error));
  await settle();
  for (const [milliseconds, sent] of [
    [4999, 1],
    [1, 1],
    [200, 2],
    [4999, 2],
  ]) {
    t.mock.timers.tick(milliseconds);
    await settle();
    assert.deepEqual(state, { sent, outcome: undefined });
  }
  t.mock.timers.tick(1);
  await settle();
  assert.deepEqual(
    [state.outcome?.status, state.outcome?.code, state.outcome?.detail],
    [null, 'no_response', 'no response within 5000 ms'],
  );
});

const now = Date.UTC(2026, 0, 31);
const emptyPage = { items: [], cursor: 'c', has_more: false };

/**
 * Follows changes with a mock clock. `respond` returns the response of the nth request. Records the time of each
 * request.
 */
async function startFollow(context, respond, query = {}) {
  context.mock.timers.enable({ apis: ['setTimeout', 'Date'], now });
  context.mock.method(Math, 'random', () => 1);
  const state = { sent: [], urls: [], batches: [], waits: [], error: undefined };
  const fetch = async (url) => {
    state.sent.push(Date.now() - now);
    state.urls.push(new URL(url).search);
    return respond(state.sent.length);
  };
  const client = createPostsClient({ baseUrl: 'http://127.0.0.1:1', fetch, retries: 0 });
  const follow = async () => {
    const onError = (_, wait) => state.waits.push(wait);
    for await (const batch of client.changes.follow(query, { onError, signal: context.signal }))
      state.batches.push(batch);
  };
  follow().catch((error) => (state.error = error));
  await settle();
  return state;
}

/** Lets this many seconds pass in steps of one. */
async function pass(context, seconds) {
  for (let second = 0; second < seconds; second += 1) {
    context.mock.timers.tick(1000);
    await settle();
  }
}

const failed = (status, headers = {}) => {
  const { body, headers: more } = problem(status, status === 410 ? 'cursor_expired' : 'database_busy', headers);
  return new Response(body, { status, headers: more });
};

test('follow sends a request every 5 seconds', async (t) => {
  const state = await startFollow(t, () => Response.json(emptyPage));
  await pass(t, 30);
  // With the highest random number, the interval is 10 % longer.
  assert.deepEqual(state.sent.slice(0, 4), [0, 6000, 12000, 18000]);
  assert.equal(state.batches.length, 1);
});

test('follow waits longer after each failure, up to a minute', async (t) => {
  const state = await startFollow(t, (request) => (request < 10 ? failed(503) : Response.json(emptyPage)));
  await pass(t, 400);
  assert.deepEqual(
    state.waits,
    [1, 2, 4, 8, 16, 32, 60, 60, 60].map((seconds) => seconds * 1000),
  );
  assert.deepEqual(state.batches.length, 1);
  assert(state.sent.length > 20, 'after the outage, the interval is the usual one');
});

test('follow honors Retry-After up to an hour', async (t) => {
  const times = ['90', 'Sat, 31 Jan 2026 00:03:00 GMT', '99999999999', '0'];
  const state = await startFollow(t, (request) =>
    request <= times.length
      ? failed(request % 2 ? 429 : 503, { 'Retry-After': times[request - 1] })
      : Response.json(emptyPage),
  );
  await pass(t, 3900);
  // Up to a second is added, so that clients do not return at the same moment.
  assert.deepEqual(state.waits, [91_000, 90_000, 3_601_000, 8_000]);
  assert.equal(state.batches.length, 1);
});

test('follow does not spin if the cursor always expires', async (t) => {
  const state = await startFollow(t, () => failed(410), { cursor: 'old' });
  await pass(t, 600);
  assert.deepEqual(
    state.waits.slice(0, 8),
    [0, 1, 2, 4, 8, 16, 32, 60].map((seconds) => seconds * 1000),
  );
  assert(state.sent.length < 20);
  assert.deepEqual(state.urls.slice(0, 2), ['?cursor=old', '']);
});

test('follow does not spin if all posts are read in vain', async (t) => {
  // Such as two instances with different databases.
  const state = await startFollow(t, (request) => (request % 2 ? Response.json(emptyPage) : failed(410)));
  await pass(t, 600);
  assert.deepEqual(state.waits.slice(0, 4), [0, 1000, 2000, 4000]);
});

test('follow does not spin on a page that comes again', async (t) => {
  const state = await startFollow(t, () => Response.json({ ...emptyPage, has_more: true }));
  await pass(t, 60);
  assert(state.sent.length <= 13, state.sent.length);
});

test('follow requests the next page at once', async (t) => {
  const state = await startFollow(t, (request) =>
    Response.json({ items: [], cursor: `c${Math.min(request, 5)}`, has_more: request < 5 }),
  );
  assert.deepEqual(state.sent, [0, 0, 0, 0, 0]);
  assert.deepEqual(
    state.batches.map(({ cursor }) => cursor),
    [null, null, null, null, 'c5'],
  );
});
