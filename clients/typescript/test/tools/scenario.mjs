// Uses the installed package in the runtime that runs this file, and prints 'passed'. The service at BASE_URL has no
// posts.
import assert from 'node:assert/strict';
import process from 'node:process';
import { createPostsClient, etagOf, PostsApiError, verifyWebhook } from '@posts-api/client';

const { BASE_URL: baseUrl, API_KEY: apiKey } = process.env;
const client = createPostsClient({ baseUrl, apiKey });
const reader = createPostsClient({ baseUrl });

// create, publish
const draft = await client.posts.create({ title: 'Hello', content: 'Some *text*.', tags: ['C++'] });
assert.deepEqual([draft.slug, draft.published], ['hello', false]);
assert.equal(await reader.posts.find(draft.id), null);
const post = await client.posts.publish(draft.id);
await client.posts.create({ title: 'Text without the other word', content: null, published: true });

// list, search
const { items, next_cursor } = await reader.posts.list({ limit: 1, sort: 'id' });
assert.deepEqual(items, [post]);
assert.equal((await reader.posts.list({ limit: 1, sort: 'id', cursor: next_cursor })).items.length, 1);
const found = await reader.posts.list({ q: 'some text', view: 'summary', tag: ['c++'] });
assert.deepEqual(
  found.items.map(({ excerpt }) => excerpt),
  ['Some text.'],
);

// patch
const patched = await client.posts.update(post.id, { title: 'Hello again', slug: 'again' }, { ifMatch: post });
assert.equal(patched.title, 'Hello again');
assert.deepEqual(await reader.posts.getBySlug('hello'), patched, 'follows the redirect of the old slug');

// 304 and ETag
assert.match(etagOf(patched), /^".+"$/);
assert.equal(await reader.posts.get(post.id, { ifNoneMatch: patched }), null);
const page = await reader.posts.list();
assert.equal(await reader.posts.list({}, { ifNoneMatch: page.etag }), null);

// problem
const problem = async (call) => {
  const error = await call.then(
    () => assert.fail('the call succeeded'),
    (error) => error,
  );
  assert(error instanceof PostsApiError, error);
  return [error.status, error.code, error.errors?.[0]?.pointer];
};
assert.deepEqual(await problem(client.posts.create({ title: '' })), [422, 'validation_failed', '/title']);
const stale = client.posts.update(post.id, { title: 'Lost' }, { ifMatch: post });
assert.deepEqual(await problem(stale), [412, 'precondition_failed', undefined]);

// abort, connection failure
await assert.rejects(client.posts.list({}, { signal: AbortSignal.abort(new Error('by the test')) }), /by the test/);
const down = createPostsClient({ baseUrl: 'http://127.0.0.1:1', retries: 0 });
assert.deepEqual(await problem(down.posts.list()), [null, 'no_response', undefined]);

// follow, delete
const controller = new AbortController();
const feed = reader.changes.follow({ view: 'summary' }, { interval: 20, signal: controller.signal });
const { value: all } = await feed.next();
assert.deepEqual([all.items.length, all.published.size, all.has_more], [2, 2, false]);
await client.posts.delete(post.id, { ifMatch: patched });
const { value: change } = await feed.next();
assert.deepEqual(
  change.items.map(({ type, id, post }) => [type, id, post]),
  [['post.deleted', post.id, null]],
);
const waiting = feed.next();
controller.abort(new Error('by the test'));
await assert.rejects(waiting, /by the test/);
assert.equal(await client.posts.find(post.id), null);

// webhook
const secret = `whsec_${btoa('a secret of 24 characters')}`;
const body = JSON.stringify({ type: 'webhook.test', timestamp: '2026-01-31T12:00:00Z', data: {} });
const timestamp = String(Math.floor(Date.now() / 1000));
const encode = (text) => new TextEncoder().encode(text);
const algorithm = { name: 'HMAC', hash: 'SHA-256' };
const key = await crypto.subtle.importKey('raw', encode('a secret of 24 characters'), algorithm, false, ['sign']);
const signature = await crypto.subtle.sign('HMAC', key, encode(`msg-1.${timestamp}.${body}`));
const headers = new Headers({
  'webhook-id': 'msg-1',
  'webhook-timestamp': timestamp,
  'webhook-signature': `v1,${btoa(String.fromCharCode(...new Uint8Array(signature)))}`,
});
const request = new Request('http://127.0.0.1:1/hook', { method: 'POST', body, headers });
assert.equal((await verifyWebhook(await request.clone().text(), request.headers, secret)).type, 'webhook.test');
assert.equal((await verifyWebhook(await request.arrayBuffer(), request.headers, secret)).type, 'webhook.test');
await assert.rejects(verifyWebhook(`${body} `, headers, secret), { code: 'invalid_signature' });
console.log('passed');
