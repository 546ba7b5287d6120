import {
  type BatchResponse,
  type ChangeBatch,
  type ChangePage,
  type ChangeType,
  type CreatedWebhook,
  createPostsClient,
  type ErrorCode,
  type ETag,
  etagOf,
  type FollowOptions,
  type KnownErrorCode,
  type Page,
  type Post,
  PostsApiError,
  type PostSummary,
  verifyWebhook,
  type Webhook,
  type WebhookErrorCode,
  type WebhookEvent,
  WebhookVerificationError,
} from '@posts-api/client';

/** Compiles only if `A` and `B` are the same type. `any` equals only `any`. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_: Same<A, B>): void {}

same<Post['content'], string | null>(true);
same<Post['id'], number>(true);
same<Post['published_at'], string | null>(true);
same<PostSummary['excerpt'], string>(true);
same<'content' extends keyof PostSummary ? true : false, false>(true);

const client = createPostsClient({ baseUrl: 'http://127.0.0.1:8080', apiKey: undefined, retries: 2 });
const signal = new AbortController().signal;

const page = await client.posts.list({ sort: '-published_at', published: 'any', limit: 10 }, { signal });
same<typeof page, Page<Post>>(true);
same<typeof page.next_cursor, string | null>(true);
const summaries = await client.posts.list({ view: 'summary', slug: 'a', published_after: new Date() });
same<typeof summaries, Page<PostSummary>>(true);
const known = await client.posts.list({}, { ifNoneMatch: '"1"' });
same<typeof known, Page<Post> | null>(true);
const either = await client.posts.list({ view: 'summary' as 'summary' | 'full' });
same<typeof either, Page<Post | PostSummary>>(true);

for await (const post of client.posts.all({ sort: '-published_at' })) same<typeof post, Post>(true);
for await (const post of client.posts.all({ view: 'summary' })) same<typeof post, PostSummary>(true);
for await (const one of client.posts.pages()) same<typeof one, Page<Post>>(true);

const post = await client.posts.get(1);
same<typeof post, Post>(true);
const unchanged = await client.posts.get(1, { ifNoneMatch: post });
same<typeof unchanged, Post | null>(true);
const bySlug = await client.posts.getBySlug('a', { ifNoneMatch: etagOf(post) });
same<typeof bySlug, Post | null>(true);
same<ReturnType<typeof client.posts.find>, Promise<Post | null>>(true);
same<ReturnType<typeof client.posts.findBySlug>, Promise<Post | null>>(true);
// @ts-expect-error -- null would have two meanings
client.posts.find(1, { ifNoneMatch: post });
await client.posts.list(
  { cursor: new URL('http://a').searchParams.get('cursor'), tag: undefined },
  { ifNoneMatch: page.etag },
);
await client.posts.get(1, {
  headers: { 'X-A': 'b' },
  fetchOptions: { redirect: 'follow', keepalive: true },
  signal: undefined,
});
// @ts-expect-error -- the method determines it
client.posts.get(1, { fetchOptions: { method: 'POST' } });
// @ts-expect-error -- unknown option
client.posts.get(1, { fetchOptions: { redirekt: 'follow' } });
createPostsClient({ baseUrl: 'http://127.0.0.1:8080', fetch, headers: [['X-A', 'b']] });

same<ReturnType<typeof client.posts.create>, Promise<Post>>(true);
same<ReturnType<typeof client.posts.delete>, Promise<void>>(true);
await client.posts.create({ title: 'a', content: null, published: true }, { idempotencyKey: 'a', signal });
await client.posts.putBySlug('a', { title: 'a' }, { ifNoneMatch: '*' });
await client.posts.update(1, { content: null }, { ifMatch: post });
await client.posts.publish(1, { at: new Date(), ifMatch: page.items[0] ?? '*' });
const stored = await client.posts.batch({ posts: [{ title: 'a' }], on_conflict: 'skip' });
same<(typeof stored.items)[number]['result'], 'created' | 'skipped' | 'replaced' | 'unchanged'>(true);
const key = await client.keys.create({ name: 'ci', role: 'editor' });
same<typeof key.key, string>(true);
same<typeof key.expires_at, string | null>(true);

same<Post['tags'], string[]>(true);
same<PostSummary['image'], string | null>(true);
same<Post['metadata'], Record<string, unknown>>(true);
await client.posts.list({ tag: 'a', author: ['b', 'c'] });
const labels = await client.tags.list({ sort: '-posts', q: 'a', limit: 5 });
same<(typeof labels.items)[number]['posts'], number>(true);
for await (const author of client.authors.all()) same<typeof author.name, string>(true);
for await (const { from, to, id } of client.redirects.all())
  same<[typeof from, typeof to, typeof id], [string, string, number]>(true);
for await (const { items, cursor, has_more } of client.changes.pages({ view: 'summary', cursor: 'now' })) {
  same<[typeof cursor, typeof has_more], [string, boolean]>(true);
  for (const change of items) same<typeof change.post, PostSummary | null>(true);
  for (const { type } of items) same<typeof type, ChangeType>(true);
}
same<ChangeType, string>(false);
for await (const { items, cursor, published } of client.changes.follow(
  { view: 'summary', cursor: null },
  { interval: 10 },
)) {
  same<[typeof cursor, typeof published], [string | null, ReadonlySet<number> | null]>(true);
  for (const change of items) same<typeof change.post, PostSummary | null>(true);
}
const followOptions: FollowOptions = {
  onError: (error, wait) => same<[typeof error, typeof wait], [PostsApiError, number]>(true),
};
for await (const batch of client.changes.follow({}, followOptions)) same<typeof batch, ChangeBatch<Post>>(true);
// @ts-expect-error -- follow sends this header itself
client.changes.follow({}, { ifNoneMatch: '"1"' });

const verified = await verifyWebhook('{}', new Headers(), 'whsec_AAAA');
same<typeof verified, WebhookEvent>(true);
if (verified.type === 'posts.changed') same<typeof verified.data.count, number>(true);
else if (verified.type !== 'webhook.test') same<typeof verified.data.post, PostSummary | null>(true);
const nodeHeaders: Record<string, string | string[] | undefined> = {};
const custom = await verifyWebhook<{ ref: string }>(new Uint8Array(), nodeHeaders, ['whsec_AAAA', 'whsec_BBBB'], {
  tolerance: 60,
});
same<typeof custom, { ref: string }>(true);
await verifyWebhook(new ArrayBuffer(0), [['webhook-id', '1']], 'whsec_AAAA').catch((error) => {
  if (error instanceof WebhookVerificationError) same<typeof error.code, WebhookErrorCode>(true);
});
// @ts-expect-error -- a parsed body
await verifyWebhook({ type: 'posts.changed' }, new Headers(), 'whsec_AAAA');
const changePage = await client.changes.list();
same<typeof changePage, ChangePage<Post>>(true);
const knownLabels = await client.tags.list({}, { ifNoneMatch: '"1"' });
same<typeof knownLabels extends null ? true : null extends typeof knownLabels ? true : false, true>(true);

/** An interface has no index signature, so it is not assignable to `Record<string, unknown>`. */
interface Meta {
  canonical_url?: string;
  card?: { title: string; width: number };
  seo: { title: string; keywords: string[] };
}
const typed = createPostsClient<Meta>({ baseUrl: 'http://127.0.0.1:8080' });
const typedPost = await typed.posts.get(1);
same<typeof typedPost, Post<Meta>>(true);
same<typeof typedPost.metadata.seo.title, string>(true);
same<ReturnType<typeof typed.posts.list<'summary'>>, Promise<Page<PostSummary<Meta>>>>(true);
const typedBatch = await typed.posts.batch({
  posts: [{ title: 'a', metadata: { seo: { title: 'a', keywords: [] } } }],
});
same<typeof typedBatch, BatchResponse<Meta>>(true);
await typed.posts.update(1, { metadata: { seo: { title: 'b' }, canonical_url: null } }, { ifMatch: typedPost });
await typed.posts.update(1, { metadata: { card: { width: 1 } } });
await typed.posts.update(1, { metadata: null });
const tagOfTyped: ETag = typedPost;
// @ts-expect-error -- not in the type of the metadata
typedPost.metadata.rating;
// @ts-expect-error -- wrong type in the metadata
typed.posts.create({ title: 'a', metadata: { seo: { title: 1, keywords: [] } } });
// @ts-expect-error -- arrays are replaced as a whole
typed.posts.update(1, { metadata: { seo: { keywords: [null] } } });

const error: unknown = undefined;
if (error instanceof PostsApiError) {
  same<typeof error.status, number | null>(true);
  same<typeof error.code, ErrorCode>(true);
  const text: string = error.code;
  // The known codes are still in the union, so that editors suggest them. `string | 'a'` would be only `string`.
  same<ErrorCode, string>(false);
  const known: ErrorCode[] = ['slug_taken', 'no_response', text] satisfies (KnownErrorCode | string)[];
  if (error.code === 'not_found' || error.code === 'a_later_code') throw known;
  same<typeof error.retryAfter, number | null>(true);
  same<NonNullable<typeof error.errors>[number]['pointer'], string>(true);
}
const tag: ETag = post;

const summaryTag: ETag | undefined = summaries.items[0];
same<KnownErrorCode extends string ? true : false, true>(true);
// @ts-expect-error -- not a code
const unknownCode: KnownErrorCode = 'slug_token';
// @ts-expect-error -- content may be null
post.content.length;
// @ts-expect-error -- a summary has no content
summaries.items[0]?.content;
// @ts-expect-error -- unknown sort
client.posts.list({ sort: '-created_at' });
// @ts-expect-error -- unknown parameter
client.posts.list({ page: 2 });
// @ts-expect-error -- title is required
client.posts.create({ content: 'a' });
// @ts-expect-error -- unknown field
client.posts.create({ title: 'a', category: 'b' });
// @ts-expect-error -- slug must not be null
client.posts.update(1, { slug: null });
// @ts-expect-error -- unknown role
client.keys.create({ name: 'ci', role: 'owner' });
// @ts-expect-error -- baseUrl is required
createPostsClient({ apiKey: 'a' });

export { summaryTag, tag, tagOfTyped, unknownCode };

const webhook = await client.webhooks.create({
  url: 'https://example.org/hook',
  mode: 'burst',
  events: ['post.deleted'],
  headers: { 'X-A': 'b' },
});
same<typeof webhook, CreatedWebhook>(true);
same<typeof webhook.secret, string>(true);
const { items: webhooks } = await client.webhooks.list();
same<typeof webhooks, Webhook[]>(true);
await client.webhooks.update(1, { mode: 'each', headers: { 'X-A': null }, quiet: 5 }, { ifMatch: webhook });
await client.webhooks.replay(1, { since: new Date() });
await client.webhooks.replay(1, { cursor: 'now' });
// @ts-expect-error -- exactly one of the two
client.webhooks.replay(1, { cursor: 'now', since: new Date() });
