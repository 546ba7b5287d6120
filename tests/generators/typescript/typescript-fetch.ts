import { type CreatePost, type ListPostsRequest, type Post, PostsApi, type Problem } from './build/typescript-fetch';
import { Configuration, ProblemFromJSON, ResponseError } from './build/typescript-fetch';
import { assert, key, step, url } from './steps';

const posts = new PostsApi(new Configuration({ basePath: url, accessToken: key }));

const create = (createPost: CreatePost) => posts.createPost({ createPost });
const list = (request?: ListPostsRequest) => posts.listPosts(request);

/** Returns the problem of a request that must fail with this status. */
async function problem(request: Promise<unknown>, status: number): Promise<Problem> {
  const error = await request.then(() => undefined, (error: unknown) => error);
  assert(error instanceof ResponseError, `not a problem: ${error}`);
  assert.equal(error.response.status, status);
  return ProblemFromJSON(await error.response.json());
}

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
    imageAlt: 'A harbor',
    metadata: { rating: 5, places: ['Porto'] },
    published: true,
  });
  assert.equal(full.published, true);
  assert.deepEqual(full.tags, ['C++ & Rust', 'Sea']);
  assert.deepEqual(full.metadata, { rating: 5, places: ['Porto'] });
});

await step('create once per idempotency key', async () => {
  const createPost = { title: 'Note', content: 'A harbor in the rain.', tags: ['Rain'], published: true };
  const first = await posts.createPost({ createPost, idempotencyKey: 'note' });
  const second = await posts.createPost({ createPost, idempotencyKey: 'note' });
  assert.equal(second.id, first.id);
});

await step('create a batch', async () => {
  const items = [{ title: 'One', published: true }, { title: 'Harbor lights', slug: 'harbor-lights' }];
  const batch = await posts.batchCreatePosts({ batch: { posts: items, onConflict: 'skip' } });
  assert.deepEqual(batch.items.map((item) => item.result), ['created', 'skipped']);
});

await step('get by id and by slug', async () => {
  assert.deepEqual(await posts.getPost({ id: full.id }), full);
  assert.deepEqual(await posts.getPostBySlug({ slug: full.slug }), full);
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
  while (page.nextCursor !== null) {
    page = await list({ limit: 2, cursor: page.nextCursor });
    titles.push(...page.items.map((post) => post.title));
  }
  assert.deepEqual(titles, ['One', 'Note', 'Harbor lights']);
});

await step('update and clear fields', async () => {
  const updatePost = { title: 'Harbor lamps', content: null, metadata: { rating: null } };
  const updated = await posts.updatePost({ id: full.id, updatePost });
  assert.equal(updated.title, 'Harbor lamps');
  assert.equal(updated.content, null);
  assert.deepEqual(updated.metadata, { places: ['Porto'] });
  assert.equal(updated.description, 'Boats at night');
  assert.deepEqual(updated.tags, ['C++ & Rust', 'Sea']);
});

await step('reject an outdated ETag', async () => {
  const request = posts.updatePost({ id: full.id, updatePost: { title: 'Lost' }, ifMatch: '"outdated"' });
  assert.equal((await problem(request, 412)).code, 'precondition_failed');
});

await step('publish and unpublish', async () => {
  assert.equal((await posts.publishPost({ id: draft.id })).published, true);
  assert.equal((await posts.unpublishPost({ id: draft.id })).published, false);
});

await step('list tags', async () => {
  const tags = await posts.listTags();
  assert.deepEqual(tags.items.map(({ name, posts }) => [name, posts]), [['C++ & Rust', 1], ['Rain', 1], ['Sea', 1]]);
});

await step('read a validation problem', async () => {
  const { code, errors } = await problem(create({ title: 'Twice', tags: ['Sea', 'SEA'] }), 422);
  assert.equal(code, 'validation_failed');
  assert.deepEqual(errors?.map(({ pointer, code }) => [pointer, code]), [['/tags/1', 'duplicate']]);
});

await step('read a not-found problem', async () => {
  assert.equal((await problem(posts.getPost({ id: 999_999 }), 404)).code, 'not_found');
});

await step('delete', async () => {
  await posts.deletePost({ id: draft.id });
  await problem(posts.getPost({ id: draft.id }), 404);
});
