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
