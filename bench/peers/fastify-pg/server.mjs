// A handwritten posts API with Fastify and pg on PostgreSQL, with one process per core.
import cluster from 'node:cluster';
import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import Fastify from 'fastify';
import pg from 'pg';
import { excerpt, pageOf, pageSchema, postSchema, rankedQueries, slug } from './posts.mjs';

// By default, pg returns 64-bit integers as strings. Ids stay below 2^53.
pg.types.setTypeParser(pg.types.builtins.INT8, Number);

const COLUMNS = 'id, slug, title, content, published, published_at, scheduled_for, created_at, updated_at, version';
const SUMMARY = COLUMNS.replace('content', 'excerpt');
const TOUCH = 'updated_at = now(), version = version + 1';

// Named statements: PostgreSQL parses each of them once per connection.
const STATEMENTS = {
  list: `SELECT ${COLUMNS} FROM posts WHERE published ORDER BY id DESC LIMIT 21`,
  summaries: `SELECT ${SUMMARY} FROM posts WHERE published ORDER BY id DESC LIMIT 21`,
  search: `SELECT ${COLUMNS} FROM posts WHERE published AND search @@ plainto_tsquery('simple', $1)
           ORDER BY id DESC LIMIT 21`,
  // Posts with all words in the title come first.
  rankedSearch: `SELECT ${COLUMNS} FROM (
                   (SELECT ${COLUMNS}, 0 AS tier FROM posts WHERE published AND search @@ $1::tsquery
                    ORDER BY id DESC LIMIT 21)
                   UNION ALL
                   (SELECT ${COLUMNS}, 1 FROM posts WHERE published AND search @@ $2::tsquery
                    ORDER BY id DESC LIMIT 21)
                 ) AS page ORDER BY tier, id DESC LIMIT 21`,
  one: `SELECT ${COLUMNS} FROM posts WHERE id = $1 AND published`,
  create: `INSERT INTO posts (slug, title, content, excerpt) VALUES ($1, $2, $3, $4) RETURNING ${COLUMNS}`,
  update: `UPDATE posts SET title = $2, ${TOUCH} WHERE id = $1 RETURNING ${COLUMNS}`,
  publish: `UPDATE posts SET published = true, published_at = coalesce(published_at, now()), scheduled_for = NULL,
            ${TOUCH} WHERE id = $1 AND NOT published RETURNING ${COLUMNS}`,
  unpublish: `UPDATE posts SET published = false, ${TOUCH} WHERE id = $1 AND published RETURNING ${COLUMNS}`,
};

async function serve() {
  const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10 });
  const query = async (name, ...values) => (await pool.query({ name, text: STATEMENTS[name], values })).rows;
  const app = Fastify({ logger: false });

  const found = (reply, rows) => rows[0] ?? reply.code(404).send({ error: 'not found' });

  app.get('/api/posts', { schema: { response: { 200: pageSchema } } }, async (request) => {
    const { q, sort, view } = request.query;
    if (q !== undefined && sort === 'relevance') return pageOf(await query('rankedSearch', ...rankedQueries(q)));
    if (q !== undefined) return pageOf(await query('search', q));
    return pageOf(await query(view === 'summary' ? 'summaries' : 'list'));
  });
  const one = { schema: { response: { 200: postSchema, 201: postSchema } } };
  app.get('/api/posts/:id', one, async (request, reply) => found(reply, await query('one', request.params.id)));
  app.post('/api/posts', one, async (request, reply) => {
    const { title, content } = request.body;
    const rows = await query('create', slug(title, randomBytes), title, content, excerpt(content));
    return reply.code(201).send(rows[0]);
  });
  app.patch('/api/posts/:id', one, async (request, reply) =>
    found(reply, await query('update', request.params.id, request.body.title)));
  for (const action of ['publish', 'unpublish']) {
    app.post(`/api/posts/:id/${action}`, one, async (request, reply) =>
      found(reply, await query(action, request.params.id)));
  }
  await app.listen({ port: Number(process.env.PORT), host: '127.0.0.1' });
}

if (cluster.isPrimary) {
  for (let n = availableParallelism(); n > 0; n--) cluster.fork();
  process.on('SIGTERM', () => process.exit(0));
} else {
  await serve();
}
