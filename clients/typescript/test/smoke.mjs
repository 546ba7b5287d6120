import test from 'node:test';
import { startService } from './service.mjs';
test('smoke', async (t) => {
  const { client, reader, baseUrl } = await startService(t);
  console.log(baseUrl);
  const p = await client.posts.create({ title: 'Hello', content: '# x' });
  console.log(p, await client.posts.publish(p.id), await reader.posts.list(), await reader.posts.list({ view: 'summary' }));
  console.log(await client.posts.update(p.id, { title: '' }).catch((e) => [e, e.errors, e.requestId]));
  console.log(await client.posts.update(p.id, { title: 'T' }, { ifMatch: p }).catch((e) => e.message));
  console.log(await reader.posts.getBySlug('nope').catch((e) => e.message));
  const l = await reader.posts.list();
  console.log(await reader.posts.list({}, { ifNoneMatch: l.etag }), await reader.posts.get(1, { ifNoneMatch: l.items[0] }));
  console.log(await client.posts.delete(1), await client.keys.list());
});
