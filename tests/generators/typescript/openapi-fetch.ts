import createClient from 'openapi-fetch';

import type { components, paths } from './build/openapi-typescript';
import { assert, key, step, url } from './steps';

type Post = components['schemas']['Post'];
type Query = NonNullable<paths['/api/posts']['get']['parameters']['query']>;

const client = createClient<paths>({ baseUrl: url, headers: { authorization: `Bearer ${key}` } });

/** Returns the data of a response, or throws its problem. */
async function unwrap<T>(response: Promise<{ data?: T; error?: components['schemas']['Problem'] }>): Promise<T> {
  const { data, error } = await response;
  assert(data !== undefined, `${error?.code}: ${error?.detail}`);
  return data;
}

const list = (query?: Query) => unwrap(client.GET('/api/posts', { params: { query } }));
const create = (body: components['schemas']['CreatePost']) => unwrap(client.POST('/api/posts', { body }));
const path = (post: Post) => ({ params: { path: { id: post.id } } });

let draft: Post;
let full: Post;

await step('create with a title only', async () => {
  draft = await create({ title: 'A draft' });
  assert.equal(draft.slug, 'a-draft');
  assert.equal(draft.content, null);
  assert.equal(draft.published, false);
  assert.deepEqual(draft.tags, []);
});

await step('create with all fields', async () => {
  full = await create({
    title: 'Harbor lights',
    slug: 'harbor-lights',
    description: 'Boats at night',
    content: 'The boats come home.',
    tags: ['C++ & Rust', 'Sea'],
    authors: ['Ada Lovelace'],
    image: '/harbor.jpg',
    image_alt: 'A harbor',
    metadata: { rating: 5, places: ['Porto'] },
    published: true,
  });
  assert.equal(full.published, true);
  assert.deepEqual(full.tags, ['C++ & Rust', 'Sea']);
  assert.deepEqual(full.metadata, { rating: 5, places: ['Porto'] });
});

await step('create once per idempotency key', async () => {
  const options = { params: { header: { 'Idempotency-Key': 'note' } } };
  const body = { title: 'Note', content: 'A harbor in the rain.', tags: ['Rain'], published: true };
  const first = await unwrap(client.POST('/api/posts', { ...options, body }));
  const second = await unwrap(client.POST('/api/posts', { ...options, body }));
  assert.equal(second.id, first.id);
});

await step('create a batch', async () => {
  const posts = [{ title: 'One', published: true }, { title: 'Harbor lights', slug: 'harbor-lights' }];
  const batch = await unwrap(client.POST('/api/posts/batch', { body: { posts, on_conflict: 'skip' } }));
  assert.deepEqual(batch.items.map((item) => item.result), ['created', 'skipped']);
});

await step('get by id and by slug', async () => {
  assert.deepEqual(await unwrap(client.GET('/api/posts/{id}', path(full))), full);
  const bySlug = { params: { path: { slug: full.slug } } };
  assert.deepEqual(await unwrap(client.GET('/api/posts/by-slug/{slug}', bySlug)), full);
});

await step('list the full view', async () => {
  const { items } = await list();
  assert.deepEqual(items.map((post) => post.title), ['One', 'Note', 'Harbor lights']);
  assert.equal(items[2]?.content, 'The boats come home.');
  assert.equal(items[2]?.excerpt, undefined);
});

await step('list the summary view', async () => {
  const { items } = await list({ view: 'summary' });
  assert.equal(items[2]?.excerpt, 'Boats at night');
  assert.equal(items[1]?.excerpt, 'A harbor in the rain.');
  assert.equal(items[2]?.content, undefined);
});

await step('search by relevance', async () => {
  const { items } = await list({ q: 'harbor' });
  assert.deepEqual(items.map((post) => post.title), ['Harbor lights', 'Note']);
});

await step('filter by repeated slugs and tags', async () => {
  const bySlug = await list({ slug: ['harbor-lights', 'one'] });
  assert.deepEqual(bySlug.items.map((post) => post.slug), ['one', 'harbor-lights']);
  const byTag = await list({ tag: ['C++ & Rust', 'Rain'] });
  assert.deepEqual(byTag.items.map((post) => post.title), ['Note', 'Harbor lights']);
});

await step('follow cursors', async () => {
  const titles: string[] = [];
  let page = await list({ limit: 2, count: 'exact' });
  assert.equal(page.total, 3);
  titles.push(...page.items.map((post) => post.title));
  while (page.next_cursor !== null) {
    page = await list({ limit: 2, cursor: page.next_cursor });
    titles.push(...page.items.map((post) => post.title));
  }
  assert.deepEqual(titles, ['One', 'Note', 'Harbor lights']);
});

await step('update and clear fields', async () => {
  const body = { title: 'Harbor lamps', content: null, metadata: { rating: null } };
  const updated = await unwrap(client.PATCH('/api/posts/{id}', { ...path(full), body }));
  assert.equal(updated.title, 'Harbor lamps');
  assert.equal(updated.content, null);
  assert.deepEqual(updated.metadata, { places: ['Porto'] });
  assert.equal(updated.description, 'Boats at night');
  assert.deepEqual(updated.tags, ['C++ & Rust', 'Sea']);
});

await step('reject an outdated ETag', async () => {
  const params = { path: { id: full.id }, header: { 'If-Match': '"outdated"' } };
  const { error } = await client.PATCH('/api/posts/{id}', { params, body: { title: 'Lost' } });
  assert.equal(error?.code, 'precondition_failed');
});

await step('publish and unpublish', async () => {
  const published = await unwrap(client.POST('/api/posts/{id}/publish', path(draft)));
  assert.equal(published.published, true);
  const unpublished = await unwrap(client.POST('/api/posts/{id}/unpublish', path(draft)));
  assert.equal(unpublished.published, false);
});

await step('list tags', async () => {
  const tags = await unwrap(client.GET('/api/tags'));
  assert.deepEqual(tags.items.map(({ name, posts }) => [name, posts]), [['C++ & Rust', 1], ['Rain', 1], ['Sea', 1]]);
});

await step('read a validation problem', async () => {
  const { error, response } = await client.POST('/api/posts', { body: { title: 'Twice', tags: ['Sea', 'SEA'] } });
  assert.equal(response.status, 422);
  assert.equal(error?.code, 'validation_failed');
  assert.deepEqual(error.errors?.map(({ pointer, code }) => [pointer, code]), [['/tags/1', 'duplicate']]);
});

await step('read a not-found problem', async () => {
  const { error, response } = await client.GET('/api/posts/{id}', { params: { path: { id: 999_999 } } });
  assert.equal(response.status, 404);
  assert.equal(error?.code, 'not_found');
});

await step('delete', async () => {
  const { response } = await client.DELETE('/api/posts/{id}', path(draft));
  assert.equal(response.status, 204);
});
