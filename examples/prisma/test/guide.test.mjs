// Tests that posts written by Prisma and pg equal posts written through the API.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import pg from 'pg';
import { KEY, request, startPostgres, startService } from '../../support/programs.mjs';
import { connect, insertOnce, publishedPosts, publishTagged, putOnce } from '../guide.ts';

let postgres;
before(async () => {
  postgres = await startPostgres(pg);
});
after(() => postgres?.stop());

/** The fields of a post that do not depend on when it was written. */
const stableFields = ({ id, created_at, updated_at, published_at, ...rest }) => rest;

/** The fields that the guide's model does not have, with their defaults. */
const empty = { description: null, tags: [], authors: [], image: null, image_alt: null, metadata: {} };

// The README recommends a separate schema if the database already contains tables.
for (const schema of [undefined, 'posts_api']) {
  describe(schema ? `in the schema ${schema}` : 'in the schema public', () => {
    let service, prisma, client;
    before(async () => {
      service = await startService({ DATABASE_URL: postgres.url + (schema ? `?schema=${schema}` : '') });
      prisma = connect(postgres.url, schema);
      client = new pg.Client({ connectionString: postgres.url });
      await client.connect();
    });
    after(async () => {
      await client?.end();
      await prisma?.$disconnect();
      await service?.stop();
    });
    const getPost = (id, status = 200) => request(service, `/api/posts/${id}`, { status });

    test('the database fills in the columns that Prisma omits', async () => {
      const draft = await prisma.post.create({ data: { title: 'Über größe Äpfel' } });
      const post = await prisma.post.create({
        data: { title: 'Hello, Prisma!', content: '# One\n\ntwo', published: true },
      });
      assert.equal(post.slug, 'hello-prisma');
      const [one, two] = [await getPost(draft.id), await getPost(post.id)];
      assert.deepEqual(stableFields(one), {
        slug: 'uber-grosse-apfel',
        title: 'Über größe Äpfel',
        ...empty,
        content: null,
        published: false,
        scheduled_for: null,
        version: 1,
      });
      assert.equal(one.published_at, null);
      assert.deepEqual(stableFields(two), {
        slug: 'hello-prisma',
        title: 'Hello, Prisma!',
        ...empty,
        content: '# One\n\ntwo',
        published: true,
        scheduled_for: null,
        version: 1,
      });
      assert.equal(two.published_at, two.created_at);
      assert.equal(two.updated_at, two.created_at);
      assert.ok(Math.abs(Date.parse(two.created_at) - Date.now()) < 60_000);
    });

    test('the API lists, summarizes, and finds posts from Prisma', async () => {
      const { id } = await prisma.post.create({
        data: { title: 'Rare', content: '**quixotic** words', published: true },
      });
      const { items } = await request(service, '/api/posts?q=quixotic&view=summary');
      assert.deepEqual(
        items.map((post) => [post.id, post.excerpt]),
        [[id, 'quixotic words']],
      );
      const newest = await request(service, '/api/posts?sort=-published_at&limit=1');
      assert.equal(newest.items[0].id, id);
    });

    test("the guide's query and the API return the same list", async () => {
      await request(service, '/api/posts', {
        method: 'POST',
        body: { title: 'From the API', published: true },
        status: 201,
      });
      await request(service, '/api/posts', { method: 'POST', body: { title: 'Draft from the API' }, status: 201 });
      const [page, { items }] = [await publishedPosts(prisma), await request(service, '/api/posts?limit=100')];
      assert.deepEqual(
        page.map(({ id, title, content }) => [id, title, content]),
        items.map(({ id, title, content }) => [id, title, content]),
      );
    });

    test('changes by Prisma set published_at and the version', async () => {
      const { id } = await prisma.post.create({ data: { title: 'Later' } });
      assert.ok(!(await request(service, '/api/posts?limit=100')).items.some((post) => post.id === id));
      await request(service, `/api/posts/${id}/publish`, { method: 'POST', body: { at: '2999-01-01T00:00:00Z' } });
      await prisma.post.update({ where: { id }, data: { published: true } });
      const post = await getPost(id);
      assert.deepEqual([post.published, post.scheduled_for, post.version], [true, null, 3]);
      assert.ok(post.published_at >= post.created_at);
      await prisma.post.update({ where: { id }, data: { content: 'New.' } });
      const updated = await getPost(id);
      assert.deepEqual([updated.content, updated.version, updated.published_at], ['New.', 4, post.published_at]);
      await prisma.post.delete({ where: { id } });
      await getPost(id, 404);
    });

    test('tags and authors from Prisma are in the posts, filters, and lists of the API', async () => {
      const { id } = await publishTagged(prisma, 'Tagged', ['Prisma', 'web dev'], ['Ada Lovelace']);
      const post = await getPost(id);
      assert.deepEqual(
        [post.tags, post.authors, post.metadata],
        [['Prisma', 'web dev'], ['Ada Lovelace'], { from: 'Prisma' }],
      );
      const names = async (path) => (await request(service, path)).items.map(({ name, posts }) => [name, posts]);
      assert.deepEqual(await names('/api/tags'), [
        ['Prisma', 1],
        ['web dev', 1],
      ]);
      assert.deepEqual(await names('/api/authors'), [['Ada Lovelace', 1]]);
      await prisma.post.update({ where: { id }, data: { tags: JSON.stringify(['Other']) } });
      assert.deepEqual(await names('/api/tags'), [['Other', 1]]);
      for (const tags of ['[1]', '[null]', '{}', 'Prisma']) {
        await assert.rejects(prisma.post.update({ where: { id }, data: { tags } }));
      }
      await prisma.post.delete({ where: { id } });
      assert.deepEqual(await names('/api/tags'), []);
    });

    test('concurrent posts with the same title get unique slugs', async () => {
      await prisma.post.createMany({ data: Array.from({ length: 5 }, () => ({ title: 'Again' })) });
      await Promise.all(Array.from({ length: 8 }, () => prisma.post.create({ data: { title: 'Again' } })));
      await request(service, '/api/posts', { method: 'POST', body: { title: 'Again' }, status: 201 });
      const slugs = (await prisma.post.findMany({ where: { title: 'Again' } })).map(({ slug }) => slug);
      assert.deepEqual(new Set(slugs), new Set(['again', ...Array.from({ length: 13 }, (_, n) => `again-${n + 2}`)]));
    });

    test('plain SQL needs only title, content, and published', async () => {
      const { rows } = await client.query(
        `INSERT INTO ${schema ?? 'public'}.posts (title, content, published) VALUES ('Plain SQL', 'Hello', true) RETURNING id`,
      );
      const post = await getPost(rows[0].id);
      assert.deepEqual([post.slug, post.content, post.published, post.version], ['plain-sql', 'Hello', true, 1]);
      assert.ok(post.published_at);
    });

    test('conditional inserts by SQL and by the API insert once', async () => {
      if (schema) await client.query(`SET search_path TO ${schema}`);
      assert.equal(await insertOnce(client, 'hello', 'Hello', 'World'), true);
      assert.equal(await insertOnce(client, 'hello', 'Hello', 'again'), false);
      assert.equal(await putOnce(service.url, KEY, 'hello', { title: 'Hello', content: 'again' }), false);
      assert.equal(await putOnce(service.url, KEY, 'hello-2', { title: 'Hello', content: 'World' }), true);
      assert.equal(await putOnce(service.url, KEY, 'hello-2', { title: 'Hello', content: 'again' }), false);
      for (const slug of ['hello', 'hello-2']) {
        assert.equal((await request(service, `/api/posts/by-slug/${slug}`)).content, 'World');
      }
    });
  });
}
