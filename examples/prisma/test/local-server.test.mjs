// Tests the service on Prisma's local server, `prisma dev`, where all clients share one session.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { PrismaPg } from '@prisma/adapter-pg';
import { startPrismaDevServer } from '@prisma/dev';
import { freePort, request, startService } from '../../support/programs.mjs';
import { PrismaClient } from '../generated/client.ts';
import { publishedPosts } from '../guide.ts';

let server;
before(async () => {
  const [port, databasePort, shadowDatabasePort, streamsPort] = await Promise.all(Array.from({ length: 4 }, freePort));
  server = await startPrismaDevServer({
    name: `posts-api-${process.pid}`,
    persistenceMode: 'stateless',
    port,
    databasePort,
    shadowDatabasePort,
    streamsPort,
  });
});
after(() => server?.close());

test('the service runs with each URL that prisma dev prints', async () => {
  for (const url of [server.ppg.url, server.database.prismaORMConnectionString, server.database.connectionString]) {
    const service = await startService({ DATABASE_URL: url });
    try {
      const post = { title: `Zażółć ${url.slice(0, 6)}`, content: 'gęślą', published: true };
      const { id } = await request(service, '/api/posts', { method: 'POST', body: post, status: 201 });
      assert.equal((await request(service, '/api/posts')).items[0].id, id);
      assert.equal((await request(service, '/api/posts?q=zazołc+gesl*')).items[0].id, id);
      assert.equal((await request(service, '/health/ready')).status, 'ok');
    } finally {
      await service.stop();
    }
  }
});

test('Prisma and the service can write at the same time', async () => {
  const service = await startService({ DATABASE_URL: server.ppg.url });
  // The server accepts ten connections; the service uses one.
  const prisma = new PrismaClient({
    adapter: new PrismaPg({ connectionString: server.database.connectionString, max: 5 }),
  });
  try {
    const { length: before } = await publishedPosts(prisma);
    const calls = Array.from({ length: 8 }, (_, n) => [
      prisma.post.create({ data: { title: `Prisma ${n}`, published: true } }),
      request(service, '/api/posts', { method: 'POST', body: { title: `API ${n}`, published: true }, status: 201 }),
      request(service, '/api/posts'),
    ]);
    await Promise.all(calls.flat());
    const page = await publishedPosts(prisma);
    assert.equal(page.length, before + 16);
    const { items } = await request(service, '/api/posts?limit=100');
    assert.deepEqual(
      items.map(({ id }) => id),
      page.map(({ id }) => id),
    );
  } finally {
    await prisma.$disconnect();
    await service.stop();
  }
});
