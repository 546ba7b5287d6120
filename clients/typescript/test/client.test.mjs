// Tests the client against the service.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createPostsClient, etagOf, PostsApiError } from '@posts-api/client';
import { adminKey, startService } from './service.mjs';

/** Returns the error of a call that must fail. */
async function failure(promise) {
  const error = await promise.then(
    () => assert.fail('the call succeeded'),
    (error) => error,
  );
  assert(error instanceof PostsApiError, error);
  return error;
}

async function collect(iterable) {
  const all = [];
  for await (const item of iterable) all.push(item);
  return all;
}

// More processes at once would delay requests on a busy machine, and the service closes connections that send nothing.
describe('client', { concurrency: 4 }, () => {
  test('creates, publishes, updates, and deletes a post', async (t) => {
    const { client, reader } = await startService(t);
    const draft = await client.posts.create({ title: 'Hello, world', content: null });
    assert.equal(draft.slug, 'hello-world');
    assert.equal(draft.content, null);
    assert.equal(draft.published, false);
    assert.equal((await failure(reader.posts.get(draft.id))).code, 'not_found');

    const post = await client.posts.publish(draft.id);
    assert.equal(post.published, true);
    assert.deepEqual(await reader.posts.get(post.id), post);
    assert.deepEqual(await reader.posts.getBySlug('hello-world'), post);

    const changed = await client.posts.update(post.id, { content: 'Text' });
    assert.deepEqual([changed.title, changed.content], ['Hello, world', 'Text']);
    assert.equal((await client.posts.unpublish(post.id)).published, false);
    const scheduled = await client.posts.publish(post.id, { at: new Date('2099-01-01T00:00:00Z') });
    assert.equal(scheduled.scheduled_for, '2099-01-01T00:00:00.000000Z');

    assert.equal(await client.posts.delete(post.id), undefined);
    assert.equal((await failure(client.posts.get(post.id))).status, 404);
  });

  test('puts posts by slug and creates batches', async (t) => {
    const { client } = await startService(t);
    const about = await client.posts.putBySlug('about', { title: 'About', published: true }, { ifNoneMatch: '*' });
    assert.equal(about.version, 1);
    assert.equal((await client.posts.putBySlug('about', { title: 'About us' })).id, about.id);
    const taken = await failure(client.posts.putBySlug('about', { title: 'Them' }, { ifNoneMatch: '*' }));
    assert.equal(taken.code, 'precondition_failed');

    const posts = [{ title: 'A', slug: 'about' }, { title: 'B' }];
    const { items } = await client.posts.batch({ posts, on_conflict: 'skip' });
    assert.deepEqual(
      items.map(({ result, post }) => [result, post.title]),
      [
        ['skipped', 'About us'],
        ['created', 'B'],
      ],
    );
    const conflict = await failure(client.posts.batch({ posts }));
    assert.deepEqual(
      [conflict.status, conflict.code, conflict.errors?.[0]?.pointer],
      [409, 'slug_taken', '/posts/0/slug'],
    );
  });

  test('iterates over all pages in the requested order', async (t) => {
    const { client, reader } = await startService(t);
    const posts = Array.from({ length: 250 }, (_, index) => ({
      title: `Post ${index}`,
      content: `Text ${index}`,
      published: index % 5 > 0,
    }));
    await client.posts.batch({ posts });
    const titles = posts.filter(({ published }) => published).map(({ title }) => title);

    assert.deepEqual(
      (await collect(reader.posts.all({ sort: 'id' }))).map(({ title }) => title),
      titles,
    );
    const newest = await collect(reader.posts.all({ sort: '-published_at', limit: 7 }));
    assert.deepEqual(
      newest.map(({ title }) => title),
      [...titles].reverse(),
    );
    assert.equal((await collect(client.posts.all({ published: 'any' }))).length, 250);
    assert.equal((await collect(client.posts.all({ published: false }))).length, 50);

    const pages = await collect(reader.posts.pages({ limit: 80, count: 'exact' }));
    assert.deepEqual(
      pages.map(({ items, total }) => [items.length, total]),
      [
        [80, 200],
        [80, 200],
        [40, 200],
      ],
    );
    assert.equal(pages.at(-1).next_cursor, null);
    const second = await reader.posts.list({ limit: 80, cursor: pages[0].next_cursor });
    assert.deepEqual(second.items, pages[1].items);
    const rest = await collect(reader.posts.pages({ limit: 80, cursor: pages[0].next_cursor }));
    assert.deepEqual(
      rest.map(({ items }) => items),
      pages.slice(1).map(({ items }) => items),
    );
    const first = await reader.posts.list({ limit: 80, cursor: second.prev_cursor });
    assert.deepEqual(first.items, pages[0].items);

    const summaries = await collect(reader.posts.all({ view: 'summary', q: 'text', limit: 100 }));
    assert.equal(summaries.length, 200);
    assert.equal(
      summaries.some((post) => 'content' in post),
      false,
    );
    assert.match(summaries[0].excerpt, /^Text \d+$/);

    const bySlugs = await reader.posts.list({ slug: ['post-1', 'post-2', 'post-5'], sort: 'id' });
    assert.deepEqual(
      bySlugs.items.map(({ slug }) => slug),
      ['post-1', 'post-2'],
    );
    assert.equal((await reader.posts.list({ slug: 'post-1' })).items.length, 1);
    const [oldest] = bySlugs.items;
    assert.equal(
      (await reader.posts.list({ published_after: oldest.published_at, updated_after: new Date() })).items.length,
      0,
    );
  });

  test('filters posts by tags and authors', async (t) => {
    const { client, reader } = await startService(t);
    const posts = [
      { title: 'A', tags: ['Rust', 'C++'], authors: ['Ada'] },
      { title: 'B', tags: ['rust'], authors: ['Bob', 'Ada'] },
      { title: 'C', tags: ['C++'], authors: ['Bob'] },
      { title: 'D', tags: ['C#'] },
    ];
    await client.posts.batch({ posts: posts.map((post) => ({ ...post, published: true })) });
    const titles = async (query) =>
      (await collect(reader.posts.all({ sort: 'id', ...query }))).map(({ title }) => title);
    assert.deepEqual(await titles({ tag: 'RUST' }), ['A', 'B']);
    assert.deepEqual(await titles({ tag: ['c++', 'C#'], limit: 1 }), ['A', 'C', 'D']);
    assert.deepEqual(await titles({ author: ['Ada'] }), ['A', 'B']);
    assert.deepEqual(await titles({ tag: 'rust', author: 'Bob' }), ['B']);
    assert.deepEqual(await titles({ tag: 'none' }), []);
    assert.equal((await failure(reader.posts.list({ tag: '' }))).code, 'invalid_parameter');
  });

  test('lists tags and authors', async (t) => {
    const { client, reader } = await startService(t);
    const posts = Array.from({ length: 130 }, (_, index) => ({
      title: `Post ${index}`,
      tags: [`Tag ${String(index).padStart(3, '0')}`, 'All'],
      authors: index % 2 ? ['Ada'] : ['Ada', 'Bob'],
      published: true,
    }));
    await client.posts.batch({ posts });
    await client.posts.create({ title: 'Draft', tags: ['Draft tag'], authors: ['Draft author'] });
    const all = await collect(reader.tags.all());
    assert.deepEqual(
      all.map(({ name }) => name),
      ['All', ...posts.map(({ tags }) => tags[0])],
    );
    const page = await reader.tags.list({ limit: 2, sort: '-posts' });
    assert.deepEqual(page.items, [
      { name: 'All', posts: 130 },
      { name: 'Tag 000', posts: 1 },
    ]);
    const next = await reader.tags.list({ limit: 1, sort: '-posts', cursor: page.next_cursor });
    assert.deepEqual(next.items, [{ name: 'Tag 001', posts: 1 }]);
    assert.equal(await reader.tags.list({ limit: 2, sort: '-posts' }, { ifNoneMatch: page.etag }), null);
    assert.equal((await collect(reader.tags.all({ q: 'tag 12', limit: 3 }))).length, 10);
    assert.deepEqual(await collect(reader.authors.all()), [
      { name: 'Ada', posts: 130 },
      { name: 'Bob', posts: 65 },
    ]);
    assert.equal((await failure(reader.authors.list({ sort: 'id' }))).code, 'invalid_parameter');
  });

  test('finds posts by old slugs, and lists the redirects', async (t) => {
    const { client, reader } = await startService(t);
    const post = await client.posts.create({ title: 'Before', published: true });
    const renamed = await client.posts.update(post.id, { slug: 'after' });
    assert.deepEqual(await reader.posts.getBySlug('before'), renamed);
    assert.equal(etagOf(await client.posts.getBySlug('before')), etagOf(renamed));
    assert.equal(await reader.posts.getBySlug('before', { ifNoneMatch: renamed }), null);
    assert.deepEqual(await collect(reader.redirects.all({ limit: 1 })), [{ from: 'before', to: 'after', id: post.id }]);
    assert.equal((await reader.redirects.list()).next_cursor, null);
  });

  test('follows the changes of the published posts', async (t) => {
    const { client, reader } = await startService(t);
    const posts = Array.from({ length: 5 }, (_, index) => ({
      title: `Post ${index}`,
      content: 'Text',
      published: true,
    }));
    const { items } = await client.posts.batch({ posts });
    const follow = async (query) => {
      const pages = await collect(reader.changes.pages(query));
      return [pages.flatMap((page) => page.items), pages.at(-1).cursor, pages.length];
    };
    const [all, cursor, pages] = await follow({ limit: 2, view: 'summary' });
    assert.deepEqual(
      all.map(({ post }) => [post.slug, post.excerpt]),
      posts.map((_, index) => [`post-${index}`, 'Text']),
    );
    assert(pages >= 3);

    const [first, second] = items.map(({ post }) => post);
    const renamed = await client.posts.update(first.id, { slug: 'renamed' });
    await client.posts.delete(second.id);
    const [changes, later] = await follow({ cursor });
    assert.deepEqual(
      changes.map(({ type, slug, former_slugs, post }) => [type, slug, former_slugs, post]),
      [
        ['post.updated', 'renamed', ['post-0'], renamed],
        ['post.deleted', 'post-1', [], null],
      ],
    );
    const empty = await reader.changes.list({ cursor: later });
    assert.deepEqual([empty.items, empty.has_more], [[], false]);
    assert.equal(await reader.changes.list({ cursor: later }, { ifNoneMatch: empty.etag }), null);
    assert.deepEqual((await reader.changes.list({ cursor: 'now' })).items, []);
    assert.equal((await failure(reader.changes.list({ cursor: 'x' }))).code, 'invalid_cursor');
  });

  test('stores and patches the metadata', async (t) => {
    const { client } = await startService(t);
    const metadata = { canonical_url: 'https://example.org/a', seo: { title: 'A', weight: 1 } };
    const post = await client.posts.create({
      title: 'A',
      description: 'About A',
      image: '/a.png',
      image_alt: 'A',
      metadata,
    });
    assert.deepEqual(
      [post.metadata, post.description, post.image, post.image_alt],
      [metadata, 'About A', '/a.png', 'A'],
    );
    const patched = await client.posts.update(post.id, { metadata: { canonical_url: null, seo: { weight: 2 } } });
    assert.deepEqual(patched.metadata, { seo: { title: 'A', weight: 2 } });
    const cleared = await client.posts.update(post.id, { metadata: null, image: null });
    assert.deepEqual([cleared.metadata, cleared.image], [{}, null]);
  });

  test('requests no more pages when the caller stops iterating', async (t) => {
    const { client, baseUrl } = await startService(t);
    await client.posts.batch({
      posts: Array.from({ length: 30 }, (_, index) => ({ title: `${index}`, published: true })),
    });
    let requests = 0;
    const counting = createPostsClient({ baseUrl, fetch: (url, init) => ((requests += 1), fetch(url, init)) });
    for await (const _ of counting.posts.all({ limit: 10 })) break;
    assert.equal(requests, 1);
  });

  test('accepts a post that a method returned as its ETag', async (t) => {
    const { client, reader, baseUrl } = await startService(t);
    const post = await client.posts.create({ title: 'A', published: true });
    const response = await fetch(`${baseUrl}/api/posts/${post.id}`);
    assert.equal(response.headers.get('ETag'), etagOf(post));
    const newer = await client.posts.update(post.id, { title: 'B' }, { ifMatch: post });
    assert.equal(newer.title, 'B');
    for (const change of [
      () => client.posts.update(post.id, { title: 'C' }, { ifMatch: post }),
      () => client.posts.putBySlug('a', { title: 'C' }, { ifMatch: post }),
      () => client.posts.publish(post.id, { ifMatch: post }),
      () => client.posts.unpublish(post.id, { ifMatch: etagOf(post) }),
      () => client.posts.delete(post.id, { ifMatch: post }),
    ]) {
      const error = await failure(change());
      assert.deepEqual([error.status, error.code], [412, 'precondition_failed']);
    }
    const read = await reader.posts.getBySlug('a');
    assert.deepEqual(read, newer);
    assert.equal(etagOf(read), etagOf(newer));
    await client.posts.delete(post.id, { ifMatch: newer });
  });

  test('accepts a post of a list, or a copy of a post, as a version', async (t) => {
    const { client, reader } = await startService(t);
    const created = await client.posts.create({ title: 'A', content: 'Text', published: true });
    const batched = (await client.posts.batch({ posts: [{ title: 'B', published: true }] })).items[0].post;
    const [item] = (await reader.posts.list({ slug: 'a' })).items;
    const [summary] = (await reader.posts.list({ slug: 'a', view: 'summary' })).items;
    for (const unknown of [item, summary, { ...created }, batched]) {
      assert.throws(
        () => etagOf(unknown),
        new RegExp(`TypeError: the ETag of post ${unknown.id} is unknown.*get\\(\\)`),
      );
      assert.equal(await reader.posts.get(unknown.id, { ifNoneMatch: unknown }), null);
      assert.equal(await reader.posts.getBySlug(unknown.slug, { ifNoneMatch: unknown }), null);
    }
    await client.posts.publish(batched.id, { ifMatch: batched });
    const changed = await client.posts.update(created.id, { title: 'C' }, { ifMatch: item });
    assert.equal(changed.title, 'C');

    assert.deepEqual(await reader.posts.get(created.id, { ifNoneMatch: item }), changed);
    for (const change of [
      () => client.posts.update(created.id, { title: 'D' }, { ifMatch: item }),
      () => client.posts.putBySlug('a', { title: 'D' }, { ifMatch: summary }),
      () => client.posts.publish(created.id, { ifMatch: { ...created } }),
      () => client.posts.unpublish(created.id, { ifMatch: item }),
      () => client.posts.delete(created.id, { ifMatch: summary }),
    ]) {
      const error = await failure(change());
      assert.deepEqual([error.status, error.code], [412, 'precondition_failed']);
      assert.match(error.message, /api\/posts\/.*has version 2 now, not 1: read it again/);
    }
    assert.deepEqual(await reader.posts.get(created.id), changed);
    await client.posts.delete(created.id, { ifMatch: (await client.posts.list({ slug: 'a' })).items[0] });
    assert.equal((await failure(client.posts.delete(created.id, { ifMatch: item }))).code, 'not_found');
    await assert.rejects(
      client.posts.update(1, {}, { ifMatch: null }),
      /ifMatch must be an ETag or a post or webhook, not null/,
    );
  });

  test('detects a change between the read of the ETag and the change', async (t) => {
    const { client, baseUrl } = await startService(t);
    const { id } = await client.posts.create({ title: 'A', published: true });
    const [item] = (await client.posts.list()).items;
    const racing = createPostsClient({
      baseUrl,
      apiKey: adminKey,
      fetch: async (url, init) => {
        const response = await fetch(url, init);
        if (init.method === 'GET') await client.posts.update(id, { title: 'First' });
        return response;
      },
    });
    assert.equal(
      (await failure(racing.posts.update(id, { title: 'Lost' }, { ifMatch: item }))).code,
      'precondition_failed',
    );
    assert.equal((await client.posts.get(id)).title, 'First');
  });

  test('finds a post, or returns null if it does not exist', async (t) => {
    const { client, reader } = await startService(t);
    const draft = await client.posts.create({ title: 'Draft' });
    assert.deepEqual(await client.posts.find(draft.id), draft);
    assert.deepEqual(await client.posts.findBySlug('draft'), draft);
    assert.equal(await reader.posts.find(draft.id), null);
    for (const slug of ['draft', 'none', '..', 'No Slug']) assert.equal(await reader.posts.findBySlug(slug), null);
    const unauthorized = createPostsClient({ baseUrl: client.baseUrl, apiKey: 'no-key-of-this-service' });
    assert.equal((await failure(unauthorized.posts.find(draft.id))).code, 'key_invalid');
    assert.equal((await failure(unauthorized.posts.findBySlug('draft'))).code, 'key_invalid');
  });

  test('sends headers and fetch options per call', async (t) => {
    const { baseUrl } = await startService(t);
    const sent = [];
    const recording = (url, init) => (sent.push(init), fetch(url, init));
    const client = createPostsClient({
      baseUrl,
      apiKey: adminKey,
      headers: { 'X-Site': 'one', 'X-Page': 'none' },
      fetch: recording,
    });
    const options = {
      headers: new Headers({ 'X-Page': 'home', Accept: '*/*' }),
      fetchOptions: { cache: 'no-store', next: { revalidate: 60 } },
    };
    const post = await client.posts.create({ title: 'A', published: true }, options);
    await client.posts.update(post.id, { title: 'B' }, { ...options, ifMatch: { ...post } });
    await client.tags.list({}, options);
    await client.keys.list(options);
    for await (const _ of client.posts.all({}, options)) break;
    assert.deepEqual(
      sent.map(({ method }) => method),
      ['POST', 'GET', 'PATCH', 'GET', 'GET', 'GET'],
    );
    for (const { headers, cache, next } of sent) {
      assert.deepEqual(
        [headers.get('X-Site'), headers.get('X-Page'), headers.get('Accept')],
        ['one', 'home', 'application/json'],
      );
      assert.deepEqual([cache, next], ['no-store', { revalidate: 60 }]);
      assert.equal(headers.get('Authorization'), `Bearer ${adminKey}`);
    }
    const other = await failure(client.keys.list({ headers: { authorization: 'Bearer other' } }));
    assert.equal(other.code, 'key_invalid');
    await client.posts.list();
    assert.deepEqual([sent.at(-1).headers.get('X-Page'), 'next' in sent.at(-1)], ['none', false]);
  });

  test('encodes parameters, and omits those that are null', async (t) => {
    const { client, reader } = await startService(t);
    await client.posts.batch({
      posts: [
        { title: 'Salt & pepper + 100%', published: true },
        { title: 'Other', published: true },
      ],
    });
    const { items } = await reader.posts.list({
      q: '"salt & pepper + 100%"',
      cursor: null,
      limit: undefined,
      tag: null,
      published_after: null,
    });
    assert.deepEqual(
      items.map(({ slug }) => slug),
      ['salt-pepper-100'],
    );
    assert.deepEqual((await reader.tags.list({ cursor: null, q: undefined })).items, []);
    const page = await reader.posts.list({}, { ifNoneMatch: null });
    assert.equal(page.items.length, 2);
  });

  test('rejects an API key that a header cannot contain, without printing it', () => {
    for (const apiKey of ['', 'secret\n', 'my secret', 'sécret', ' secret']) {
      assert.throws(
        () => createPostsClient({ baseUrl: 'http://127.0.0.1:1', apiKey }),
        (error) =>
          error instanceof TypeError && /apiKey must/.test(error.message) && !/s.cret/.test(error.stack.split('\n')[0]),
      );
    }
    createPostsClient({ baseUrl: 'http://127.0.0.1:1', apiKey: undefined });
  });

  test('returns null if nothing has changed', async (t) => {
    const { client, reader } = await startService(t);
    const post = await client.posts.create({ title: 'A', published: true });
    const page = await reader.posts.list();
    assert.equal(await reader.posts.get(post.id, { ifNoneMatch: post }), null);
    assert.equal(await reader.posts.getBySlug('a', { ifNoneMatch: post }), null);
    assert.equal(await reader.posts.list({}, { ifNoneMatch: page.etag }), null);

    const newer = await client.posts.update(post.id, { title: 'B' });
    assert.deepEqual(await reader.posts.get(post.id, { ifNoneMatch: post }), newer);
    assert.deepEqual((await reader.posts.list({}, { ifNoneMatch: page.etag })).items, [newer]);
  });

  test('throws a problem response as an error with all fields', async (t) => {
    const { client, reader, baseUrl } = await startService(t);
    const invalid = await failure(client.posts.batch({ posts: [{ title: '' }, { title: 'a', slug: 'No Slug' }] }));
    assert.deepEqual([invalid.status, invalid.code], [422, 'validation_failed']);
    assert.deepEqual(
      invalid.errors.map(({ pointer }) => pointer),
      ['/posts/0/title', '/posts/1/slug'],
    );
    assert.match(invalid.errors[0].code, /^[a-z_]+$/);
    assert.match(invalid.requestId, /^\S+$/);
    assert.equal(invalid.retryAfter, null);
    const fieldErrors = invalid.errors.map(({ pointer, detail }) => `; ${pointer} ${detail}`).join('');
    assert.equal(
      invalid.message,
      `POST /api/posts/batch failed with 422 validation_failed: ${invalid.detail}${fieldErrors}`,
    );

    assert.equal((await failure(reader.posts.create({ title: 'a' }))).code, 'key_required');
    const unauthorized = createPostsClient({ baseUrl, apiKey: 'no-key-of-this-service' });
    assert.equal((await failure(unauthorized.posts.list())).code, 'key_invalid');
    assert.equal((await failure(reader.posts.list({ limit: 1000 }))).code, 'invalid_parameter');
    assert.equal((await failure(reader.posts.list({ cursor: 'x' }))).code, 'invalid_cursor');
  });

  test('does not let an id change the path', async () => {
    const sent = [];
    const fetch = async (url) => (sent.push(new URL(url).pathname), new Response(null, { status: 204 }));
    const { posts, keys } = createPostsClient({ baseUrl: 'http://127.0.0.1:1', apiKey: 'a-key', fetch });
    for (const id of ['.', '..']) {
      for (const call of [posts.get(id), posts.find(id), posts.delete(id), posts.publish(id), keys.revoke(id)]) {
        await assert.rejects(call, /TypeError: .* contains an invalid id/);
      }
    }
    await keys.revoke('../posts/1');
    await posts.delete('../keys/1');
    assert.deepEqual(sent, ['/api/keys/..%2Fposts%2F1', '/api/posts/..%2Fkeys%2F1']);
  });

  test('does not let a slug change the path', async (t) => {
    const { client } = await startService(t);
    for (const slug of ['', '.', '..', '../..', '..%2f', 'a/b', 'a?b#c', 'Ä']) {
      assert.equal((await failure(client.posts.getBySlug(slug))).status, 404, slug);
    }
    // A proxy may normalize these to the path of the list, so the client does not send them.
    let sent = 0;
    const counting = createPostsClient({
      baseUrl: client.baseUrl,
      fetch: (url, init) => ((sent += 1), fetch(url, init)),
    });
    for (const slug of ['', '.', '..']) {
      const read = await failure(counting.posts.getBySlug(slug));
      assert.deepEqual([read.status, read.code], [404, 'not_found']);
      const put = await failure(counting.posts.putBySlug(slug, { title: 'a' }));
      assert.deepEqual([put.status, put.code], [400, 'invalid_parameter']);
      assert.equal(
        put.message,
        `PUT /api/posts/by-slug/${slug} failed with 400 invalid_parameter: ` +
          `"${slug}" is not a valid slug; the client did not send the request`,
      );
    }
    assert.equal(sent, 0);
    const invalid = await failure(client.posts.putBySlug('a b', { title: 'a' }));
    assert.deepEqual([invalid.status, invalid.code], [400, 'invalid_parameter'], 'the service returns the same error');
  });

  test('creates, lists, and revokes keys', async (t) => {
    const { client, baseUrl } = await startService(t);
    const created = await client.keys.create({ name: 'ci', role: 'reader', expires_at: '2099-01-01T00:00:00Z' });
    const reader = createPostsClient({ baseUrl, apiKey: created.key });
    assert.deepEqual((await reader.posts.list({ published: 'any' })).items, []);
    assert.equal((await failure(reader.posts.create({ title: 'a' }))).code, 'forbidden');
    const listed = (await client.keys.list()).items.find(({ id }) => id === created.id);
    assert.deepEqual([listed.name, listed.role, 'key' in listed], ['ci', 'reader', false]);
    await client.keys.revoke(created.id);
    assert.equal((await failure(reader.posts.list({ published: 'any' }))).code, 'key_invalid');
  });

  test('throws for an invalid baseUrl', () => {
    for (const baseUrl of ['', 'posts.example.org', 'undefined', 'ftp://example.org']) {
      assert.throws(() => createPostsClient({ baseUrl }), /baseUrl must be a URL/);
    }
    assert.equal(
      createPostsClient({ baseUrl: new URL('http://127.0.0.1:1/posts/') }).baseUrl,
      'http://127.0.0.1:1/posts',
    );
  });
});
