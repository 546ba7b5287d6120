// Tests `client.webhooks` and `verifyWebhook` with the requests that the service sends.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { describe, test } from 'node:test';
import { createPostsClient, PostsApiError, verifyWebhook } from '@posts-api/client';
import { startService } from './service.mjs';

const settings = { WEBHOOK_NETWORKS: '127.0.0.0/8' };

/** Starts a receiver. `next()` waits for a request, and returns its verified body and its headers. */
async function startReceiver(context) {
  const received = [];
  let onRequest = () => undefined;
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    received.push({ body: Buffer.concat(chunks), headers: request.headers });
    response.writeHead(204).end();
    onRequest();
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  context.after(() => (server.closeAllConnections(), server.close()));
  const next = async (secret) => {
    while (received.length === 0) await new Promise((resolve) => (onRequest = resolve));
    const { body, headers } = received.shift();
    return { event: await verifyWebhook(body, headers, secret), headers };
  };
  return { url: `http://127.0.0.1:${server.address().port}/hook`, next };
}

const codeOf = (call) =>
  call.then(
    () => 'success',
    (error) => (assert(error instanceof PostsApiError, error), error.code),
  );

/** Waits for this many attempts: the service stores an attempt after it has received the response. */
async function attemptsOf(client, { id }, count) {
  for (;;) {
    const { items } = await client.webhooks.attempts(id);
    if (items.length >= count) return items;
  }
}

describe('webhooks', { concurrency: 4 }, () => {
  test('create, get, list, update, and delete', async (t) => {
    const { client, reader } = await startService(t, { settings });
    const created = await client.webhooks.create({
      url: 'http://127.0.0.1:9/a',
      mode: 'burst',
      headers: { 'X-A': 'b' },
      enabled: false,
    });
    const { secret, ...webhook } = created;
    assert.match(secret, /^whsec_[A-Za-z0-9+/=]{32,}$/);
    assert.deepEqual([webhook.mode, webhook.headers, webhook.enabled], ['burst', ['X-A'], false]);
    assert.deepEqual(await client.webhooks.get(webhook.id), webhook);
    assert.deepEqual((await client.webhooks.list()).items, [webhook]);
    const updated = await client.webhooks.update(webhook.id, { name: 'Renamed', quiet: 3 });
    assert.deepEqual([updated.name, updated.quiet, updated.version], ['Renamed', 3, 2]);
    const invalid = await client.webhooks.create({ url: 'ftp://a' }).catch((error) => error);
    assert.deepEqual([invalid.code, invalid.errors[0].pointer], ['validation_failed', '/url']);
    assert.equal(await codeOf(reader.webhooks.list()), 'key_required');
    await client.webhooks.delete(webhook.id);
    assert.equal(await codeOf(client.webhooks.get(webhook.id)), 'not_found');
  });

  test('a stale webhook is not changed', async (t) => {
    const { client } = await startService(t, { settings });
    const created = await client.webhooks.create({ url: 'http://127.0.0.1:9/a', enabled: false });
    const [listed] = (await client.webhooks.list()).items;
    const updated = await client.webhooks.update(created.id, { quiet: 3 }, { ifMatch: created });
    for (const stale of [created, listed, structuredClone(created)]) {
      const options = { ifMatch: stale };
      assert.equal(await codeOf(client.webhooks.update(created.id, { quiet: 4 }, options)), 'precondition_failed');
      assert.equal(await codeOf(client.webhooks.rotate(created.id, options)), 'precondition_failed');
      assert.equal(await codeOf(client.webhooks.replay(created.id, { cursor: 'now' }, options)), 'precondition_failed');
      assert.equal(await codeOf(client.webhooks.delete(created.id, options)), 'precondition_failed');
    }
    await client.webhooks.delete(created.id, { ifMatch: structuredClone(updated) });
  });

  test('the requests of each, burst, and test verify', async (t) => {
    const { client } = await startService(t, { settings });
    const [each, burst] = [await startReceiver(t), await startReceiver(t)];
    const eachHook = await client.webhooks.create({ url: each.url });
    const burstHook = await client.webhooks.create({ url: burst.url, mode: 'burst', quiet: 1 });
    const post = await client.posts.create({ title: 'Ä', content: 'Text', published: true });
    const published = await each.next(eachHook.secret);
    const { content, ...fields } = post;
    assert.deepEqual(published.event, {
      type: 'post.published',
      timestamp: published.event.timestamp,
      data: {
        id: post.id,
        slug: post.slug,
        former_slug: null,
        version: post.version,
        post: { ...fields, excerpt: content },
      },
    });
    await client.posts.update(post.id, { slug: 'renamed' });
    const renamed = (await each.next(eachHook.secret)).event;
    assert.deepEqual(
      [renamed.type, renamed.data.slug, renamed.data.former_slug],
      ['post.updated', 'renamed', post.slug],
    );
    await client.posts.delete(post.id);
    const deleted = (await each.next(eachHook.secret)).event;
    assert.deepEqual([deleted.type, deleted.data.post], ['post.deleted', null]);

    const { event, headers } = await burst.next(burstHook.secret);
    assert.deepEqual([event.type, headers['webhook-id']], ['posts.changed', event.data.cursor]);
    assert(event.data.count >= 1);
    assert.deepEqual((await client.webhooks.test(eachHook.id)).status, 204);
    const tested = (await each.next(eachHook.secret)).event;
    assert.deepEqual([tested.type, tested.data], ['webhook.test', { webhook_id: eachHook.id }]);
  });

  test('both secrets verify after a rotation, and replay repeats', async (t) => {
    const { client } = await startService(t, { settings });
    const receiver = await startReceiver(t);
    const hook = await client.webhooks.create({ url: receiver.url });
    const { cursor } = await client.changes.list({ cursor: 'now' });
    await client.posts.create({ title: 'A', published: true });
    const first = await receiver.next(hook.secret);
    const { secret, previous_valid_until } = await client.webhooks.rotate(hook.id);
    assert(Date.parse(previous_valid_until) > Date.now());
    for (const [start, valid] of [
      [{ cursor }, hook.secret],
      [{ since: new Date(Date.now() - 60_000) }, secret],
      [{ cursor }, [secret, hook.secret]],
    ]) {
      await client.webhooks.replay(hook.id, start);
      const again = await receiver.next(valid);
      assert.deepEqual([again.headers['webhook-id'], again.event.data.slug], [first.headers['webhook-id'], 'a']);
    }
    const expired = await client.webhooks.rotate(hook.id, { expirePrevious: true });
    assert.equal(expired.previous_valid_until, null);
    await client.webhooks.test(hook.id);
    await assert.rejects(receiver.next(secret), { code: 'invalid_signature' });
    const items = await attemptsOf(client, hook, 4);
    assert.deepEqual(
      items.map(({ type, status, attempt }) => [type, status, attempt]),
      Array(4).fill(['post.published', 204, 1]),
    );
    assert.equal(await codeOf(client.webhooks.replay(hook.id, { cursor: 'x' })), 'validation_failed');
  });

  test('a failed test is a result', async (t) => {
    const { client, baseUrl } = await startService(t, { settings });
    const { id } = await client.webhooks.create({ url: 'http://127.0.0.1:1/', enabled: false });
    const { status, error } = await client.webhooks.test(id);
    assert.deepEqual([status, typeof error], [null, 'string']);
    await assert.rejects(createPostsClient({ baseUrl, apiKey: 'wrong' }).webhooks.test(id), { code: 'key_invalid' });
  });
});
