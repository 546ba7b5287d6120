// A handwritten posts API with Fastify and Prisma on PostgreSQL, with one process per core.
import cluster from 'node:cluster';
import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { PrismaPg } from '@prisma/adapter-pg';
import Fastify from 'fastify';
import { Prisma, PrismaClient } from './generated/client.ts';
import { excerpt, pageOf, pageSchema, postSchema, rankedQueries, slug } from './posts.mjs';

const post = {
  id: true,
  slug: true,
  title: true,
  content: true,
  published: true,
  publishedAt: true,
  scheduledFor: true,
  createdAt: true,
  updatedAt: true,
  version: true,
};
const { content, ...rest } = post;
const summary = { ...rest, excerpt: true };

function toResponse(row) {
  const { id, publishedAt, scheduledFor, createdAt, updatedAt, version, ...rest } = row;
  return {
    ...rest,
    id: Number(id),
    published_at: publishedAt,
    scheduled_for: scheduledFor,
    created_at: createdAt,
    updated_at: updatedAt,
    version: Number(version),
  };
}

async function serve() {
  const prisma = new PrismaClient({
    adapter: new PrismaPg({ connectionString: process.env.DATABASE_URL, max: 10 }),
  });
  const newest = (select, where = {}) =>
    prisma.post.findMany({ where: { published: true, ...where }, orderBy: { id: 'desc' }, take: 21, select });
  // Raw SQL, because Prisma's query API does not support tsvector columns.
  const columns = Prisma.sql`
    id, slug, title, content, published, published_at AS "publishedAt", scheduled_for AS "scheduledFor",
    created_at AS "createdAt", updated_at AS "updatedAt", version`;
  const search = (q) => prisma.$queryRaw`
    SELECT ${columns} FROM posts WHERE published AND search @@ plainto_tsquery('simple', ${q})
    ORDER BY id DESC LIMIT 21`;
  // Posts with all words in the title come first. The serializer omits the tier.
  const rankedSearch = ([title, other]) => prisma.$queryRaw`
    SELECT * FROM (
      (SELECT ${columns}, 0 AS tier FROM posts WHERE published AND search @@ ${title}::tsquery
       ORDER BY id DESC LIMIT 21)
      UNION ALL
      (SELECT ${columns}, 1 FROM posts WHERE published AND search @@ ${other}::tsquery ORDER BY id DESC LIMIT 21)
    ) AS page ORDER BY tier, id DESC LIMIT 21`;
  const read = ({ q, sort, view }) => {
    if (q === undefined) return newest(view === 'summary' ? summary : post);
    return sort === 'relevance' ? rankedSearch(rankedQueries(q)) : search(q);
  };
  const app = Fastify({ logger: false });

  app.get('/api/posts', { schema: { response: { 200: pageSchema } } }, async (request) => {
    const rows = await read(request.query);
    return pageOf(rows.map(toResponse));
  });
  const one = { schema: { response: { 200: postSchema, 201: postSchema } } };
  app.get('/api/posts/:id', one, async (request, reply) => {
    const row = await prisma.post.findUnique({
      where: { id: BigInt(request.params.id), published: true },
      select: post,
    });
    return row ? toResponse(row) : reply.code(404).send({ error: 'not found' });
  });
  app.post('/api/posts', one, async (request, reply) => {
    const { title, content } = request.body;
    const data = { title, content, slug: slug(title, randomBytes), excerpt: excerpt(content) };
    return reply.code(201).send(toResponse(await prisma.post.create({ data, select: post })));
  });
  const change = async (where, data) =>
    toResponse(await prisma.post.update({ where, data: { ...data, version: { increment: 1 } }, select: post }));
  app.patch('/api/posts/:id', one, (request) =>
    change({ id: BigInt(request.params.id) }, { title: request.body.title }),
  );
  app.post('/api/posts/:id/publish', one, (request) =>
    change(
      { id: BigInt(request.params.id), published: false },
      { published: true, publishedAt: new Date(), scheduledFor: null },
    ),
  );
  app.post('/api/posts/:id/unpublish', one, (request) =>
    change({ id: BigInt(request.params.id), published: true }, { published: false }),
  );
  await app.listen({ port: Number(process.env.PORT), host: '127.0.0.1' });
}

if (cluster.isPrimary) {
  for (let n = availableParallelism(); n > 0; n--) cluster.fork();
  process.on('SIGTERM', () => process.exit(0));
} else {
  await serve();
}
