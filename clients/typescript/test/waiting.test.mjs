// How long is waited between two tries, with a clock that the test moves. Not beside other tests: the clock is everyone's.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createPostsClient } from '@posts-api/client';
import { problem } from './scripted.mjs';

/** Lets everything run that does not wait for the clock. */
async function settle() {
  for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
}

/** A read that is refused once, with this `Retry-After`. */
async function refused(context, retryAfter, options = {}) {
  context.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: Date.UTC(2026, 0, 31) });
  const headers = retryAfter === undefined ? {} : { 'Retry-After': retryAfter };
  const { status, ...first } = problem(503, 'database_busy', headers);
  const answers = [new Response(first.body, { status, headers: first.headers }), Response.json({ id: 1 })];
  const seen = { sent: 0, end: undefined };
  const fetch = async () => answers[seen.sent++];
  createPostsClient({ baseUrl: 'http://127.0.0.1:1', fetch, ...options })
    .posts.get(1)
    .then(
      (post) => (seen.end = post),
      (error) => (seen.end = error),
    );
  await settle();
  return seen;
}

test('Retry-After is waited for, in seconds', async (t) => {
  const seen = await refused(t, '20');
  t.mock.timers.tick(19_999);
  await settle();
  assert.equal(seen.sent, 1);
  t.mock.timers.tick(201);
  await settle();
  assert.deepEqual(seen, { sent: 2, end: { id: 1 } });
});

test('Retry-After is waited for, as a date', async (t) => {
  const seen = await refused(t, 'Sat, 31 Jan 2026 00:00:20 GMT');
  t.mock.timers.tick(19_999);
  await settle();
  assert.equal(seen.sent, 1);
  t.mock.timers.tick(201);
  await settle();
  assert.deepEqual(seen, { sent: 2, end: { id: 1 } });
});

for (const unclear of [undefined, 'in a while']) {
  test(`without a Retry-After that can be read (${unclear}) the wait is short`, async (t) => {
    const seen = await refused(t, unclear);
    t.mock.timers.tick(99);
    await settle();
    assert.equal(seen.sent, 1);
    t.mock.timers.tick(101);
    await settle();
    assert.equal(seen.sent, 2);
  });
}

test('a Retry-After that is longer than the longest wait is not waited for', async (t) => {
  const seen = await refused(t, '31');
  assert.deepEqual([seen.sent, seen.end.code, seen.end.retryAfter], [1, 'database_busy', 31]);
  t.mock.timers.reset();
  const patient = await refused(t, '31', { maxRetryDelay: 60_000 });
  assert.equal(patient.end, undefined);
  t.mock.timers.tick(31_200);
  await settle();
  assert.equal(patient.sent, 2);
});

test('a try that takes too long counts as none', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  const seen = { sent: 0, end: undefined };
  const fetch = ({ signal }) => {
    seen.sent += 1;
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  };
  createPostsClient({ baseUrl: 'http://127.0.0.1:1', fetch, timeout: 5000, retries: 1 })
    .posts.get(1)
    .catch((error) => (seen.end = error));
  await settle();
  for (const [passes, sent] of [
    [4999, 1],
    [1, 1],
    [200, 2],
    [4999, 2],
  ]) {
    t.mock.timers.tick(passes);
    await settle();
    assert.deepEqual(seen, { sent, end: undefined });
  }
  t.mock.timers.tick(1);
  await settle();
  assert.deepEqual(
    [seen.end?.status, seen.end?.code, seen.end?.detail],
    [null, 'no_answer', 'no answer within 5000 ms'],
  );
});
