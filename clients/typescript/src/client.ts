import { ifNoneMatch, nullIfNotModified } from './conditional.js';
import { PostsApiError, unexpectedResponse } from './errors.js';
import { type ETag, etagOf, withETag } from './etag.js';
import { type Client, createClient, createConfig } from './generated/client/index.js';
import * as api from './generated/sdk.gen.js';
import type * as generated from './generated/index.js';
import type { ApiKeys, CreateApiKey, CreatedApiKey, Label, Redirect } from './generated/index.js';
import { type LabelQuery, List, type RedirectQuery } from './lists.js';
import type { Batch, BatchResponse, CreatePost, Metadata, Post, PutPost, UpdatePost } from './post.js';
import { type ListQuery, type PostOf, toParameters, type View } from './query.js';
import { type Fetch, type RetryOptions, Transport } from './transport.js';

export interface PostsClientOptions extends RetryOptions {
  /**
   * The URL of the service without `/api`, such as `https://posts.example.org`. In a browser, `''` is the origin of the
   * page.
   */
  baseUrl: string | URL;
  /** An API key, for writes and drafts. Do not use one in browser code: everyone who loads the page can read it. */
  apiKey?: string | undefined;
  /** Replaces the global `fetch`. It is called with a `Request`, once per attempt. */
  fetch?: ((request: Request) => Promise<Response>) | undefined;
}

export interface CallOptions {
  /** Aborts the request and any wait before a retry. The promise then rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
}

export interface ConditionalOptions extends CallOptions {
  /** The version that the caller already has. If this version is still current, the method returns `null`. */
  ifNoneMatch: ETag;
}

/** Options of an unconditional read. */
export interface ReadOptions extends CallOptions {
  ifNoneMatch?: undefined;
}

export interface ChangeOptions extends CallOptions {
  /**
   * The version that the change is based on. If the post has changed since, the call fails with `precondition_failed`
   * (412).
   */
  ifMatch?: ETag | undefined;
}

export interface PutOptions extends ChangeOptions {
  /** With `*`, the call never replaces a post: if the slug is in use, it fails with `precondition_failed` (412). */
  ifNoneMatch?: '*' | undefined;
}

export interface CreateOptions extends CallOptions {
  /**
   * The `Idempotency-Key` header: 1 to 255 printable ASCII characters without spaces. Within 24 hours, the service
   * executes the request with this key only once, and returns the stored response if the request is repeated. Default:
   * a random key for each call; retries of the call send the same key.
   */
  idempotencyKey?: string | undefined;
}

export interface PublishOptions extends ChangeOptions {
  /** When to publish the post. Default: now. Strings are RFC 3339. */
  at?: string | Date | undefined;
}

/** A page of a list. */
export interface Page<T> {
  items: T[];
  /** The cursor of the next page, or null on the last page. */
  next_cursor: string | null;
  /** The cursor of the previous page, or null on the first page. */
  prev_cursor: string | null;
  /** The number of posts in the whole list. Present if the query sets `count` to `exact` or `estimated`. */
  total?: number;
  /** Whether `total` is an estimate. */
  total_is_estimate?: boolean;
  /** The page's `ETag`, for `ifNoneMatch`. Null if a proxy removed the header. */
  etag: string | null;
}

/**
 * Creates a client for the service at `baseUrl`. This function sends no request.
 *
 * `M` is the type of the `metadata` of the posts. The client does not check it.
 *
 * All methods of the client reject with a {@link PostsApiError} if the request fails, and with the signal's reason if
 * the caller aborts it.
 *
 * @throws TypeError if `baseUrl` is not an http or https URL.
 */
export function createPostsClient<M extends object = Metadata>(options: PostsClientOptions): PostsClient<M> {
  return new PostsClient<M>(options);
}

/** A client for posts-api. To create one, call {@link createPostsClient}. */
export class PostsClient<M extends object = Metadata> {
  readonly posts: Posts<M>;
  /** The tags of the published posts. */
  readonly tags: List<LabelQuery, Label>;
  /** The authors of the published posts. */
  readonly authors: List<LabelQuery, Label>;
  /** The old slugs of the published posts. */
  readonly redirects: List<RedirectQuery, Redirect>;
  readonly keys: Keys;
  /** The URL of the service, without a trailing slash. */
  readonly baseUrl: string;

  constructor({ baseUrl, apiKey, fetch, ...retry }: PostsClientOptions) {
    this.baseUrl = normalizeBaseUrl(baseUrl);
    const auth = apiKey === undefined ? {} : { auth: apiKey };
    const client = createClient(createConfig({ baseUrl: this.baseUrl, throwOnError: true, parseAs: 'json', ...auth }));
    client.interceptors.error.use((error, response, request) =>
      error instanceof SyntaxError && response && request ? unexpectedResponse(request, response, error) : error,
    );
    const transport = new Transport(fetch, retry);
    const read = ({ signal }: CallOptions) => ({
      client,
      throwOnError: true as const,
      fetch: transport.idempotent,
      ...(signal && { signal }),
    });
    this.posts = new Posts(client, transport);
    this.tags = new List((call, options) => api.listTags({ ...read(options), ...call }));
    this.authors = new List((call, options) => api.listAuthors({ ...read(options), ...call }));
    this.redirects = new List((call, options) => api.listRedirects({ ...read(options), ...call }));
    this.keys = new Keys(client, transport);
  }
}

/** Operations on posts. */
export class Posts<M extends object = Metadata> {
  readonly #client: Client;
  readonly #transport: Transport;

  constructor(client: Client, transport: Transport) {
    this.#client = client;
    this.#transport = transport;
  }

  /**
   * Lists one page of posts, or of summaries with `view: 'summary'`. A page has `limit` posts (default 20, at most 100)
   * and ends early at 8 MiB of content.
   *
   * @returns The page, or null if `ifNoneMatch` is given and the page has not changed.
   * @throws PostsApiError `invalid_parameter` or `invalid_cursor` (400).
   */
  list<V extends View = 'full'>(
    query: ListQuery<V> | undefined,
    options: ConditionalOptions,
  ): Promise<Page<PostOf<V, M>> | null>;
  list<V extends View = 'full'>(query?: ListQuery<V>, options?: ReadOptions): Promise<Page<PostOf<V, M>>>;
  list<V extends View>(
    query: ListQuery<V> = {},
    options: ConditionalOptions | ReadOptions = {},
  ): Promise<Page<PostOf<V, M>> | null> {
    return nullIfNotModified(async () => {
      const { data, response } = await api.listPosts({
        ...this.#call(this.#transport.idempotent, options),
        ...ifNoneMatch(options),
        query: toParameters(query),
      });
      // The OpenAPI document does not express that `view` determines the type of the items.
      const page = data as Omit<generated.ListPostsResponse, 'items'> as Omit<Page<PostOf<V, M>>, 'etag'>;
      return { ...page, etag: response.headers.get('ETag') };
    });
  }

  /**
   * Iterates over the pages of a list, starting at `cursor` if given. `limit` is the page size and defaults to 100.
   * Each page is requested when the iterator reaches it.
   *
   * @throws PostsApiError if a page cannot be read. Earlier pages have been yielded by then.
   */
  async *pages<V extends View = 'full'>(
    query: ListQuery<V> = {},
    options: ReadOptions = {},
  ): AsyncGenerator<Page<PostOf<V, M>>, void, undefined> {
    let next: ListQuery<V> | undefined = { limit: 100, ...query };
    while (next) {
      const page: Page<PostOf<V, M>> = await this.list<V>(next, options);
      yield page;
      next = page.next_cursor === null ? undefined : { ...next, cursor: page.next_cursor };
    }
  }

  /**
   * Iterates over all posts of a list, starting at `cursor` if given. `limit` is the page size, not the number of
   * posts, and defaults to 100. Each page is requested when the iterator reaches it.
   *
   * @throws PostsApiError if a page cannot be read. The posts of earlier pages have been yielded by then.
   */
  async *all<V extends View = 'full'>(
    query: ListQuery<V> = {},
    options: ReadOptions = {},
  ): AsyncGenerator<PostOf<V, M>, void, undefined> {
    for await (const page of this.pages(query, options)) yield* page.items;
  }

  /**
   * Gets a post by id. Drafts require an API key.
   *
   * @returns The post, or null if `ifNoneMatch` is given and the post has not changed.
   * @throws PostsApiError `not_found` (404) if the post does not exist, or if it is a draft and the client has no API
   * key.
   */
  get(id: number, options: ConditionalOptions): Promise<Post<M> | null>;
  get(id: number, options?: ReadOptions): Promise<Post<M>>;
  get(id: number, options: ConditionalOptions | ReadOptions = {}): Promise<Post<M> | null> {
    const call = { ...this.#call(this.#transport.idempotent, options), ...ifNoneMatch(options), path: { id } };
    return nullIfNotModified(async () => withETag(await api.getPost(call)));
  }

  /**
   * Gets a post by slug. Drafts require an API key.
   *
   * @returns The post, or null if `ifNoneMatch` is given and the post has not changed.
   * @throws PostsApiError `not_found` (404) if the post does not exist, or if it is a draft and the client has no API
   * key.
   */
  getBySlug(slug: string, options: ConditionalOptions): Promise<Post<M> | null>;
  getBySlug(slug: string, options?: ReadOptions): Promise<Post<M>>;
  getBySlug(slug: string, options: ConditionalOptions | ReadOptions = {}): Promise<Post<M> | null> {
    const call = { ...this.#call(this.#transport.idempotent, options), ...ifNoneMatch(options) };
    return nullIfNotModified(async () => withETag(await api.getPostBySlug({ ...call, path: slugPath(slug) })));
  }

  /**
   * Creates a post. It is a draft unless `published` is true. Requires a key with the role `editor`.
   *
   * @returns The stored post.
   * @throws PostsApiError `validation_failed` (422) with the invalid fields in `errors`, or `slug_taken` (409).
   */
  async create(post: CreatePost<M>, options: CreateOptions = {}): Promise<Post<M>> {
    const call = this.#call(this.#transport.idempotent, options);
    return withETag(await api.createPost({ ...call, ...idempotencyKey(options), body: post as generated.CreatePost }));
  }

  /**
   * Creates 1 to 500 posts in one transaction. Requires a key with the role `editor`. `on_conflict` sets what happens
   * if a slug is taken: `error` (default) fails the whole batch, `skip` keeps the existing post, and `replace` replaces
   * it.
   *
   * @returns One item per post, in the order of the request, with its `result` and the stored `post`.
   * @throws PostsApiError `validation_failed` (422) or `slug_taken` (409), with a JSON Pointer per field in `errors`.
   * The service then creates no post.
   */
  async batch(batch: Batch<M>, options: CreateOptions = {}): Promise<BatchResponse<M>> {
    const call = this.#call(this.#transport.idempotent, options);
    return (await api.createPosts({ ...call, ...idempotencyKey(options), body: batch as generated.Batch })).data as BatchResponse<object> as BatchResponse<M>;
  }

  /**
   * Creates the post with this slug, or replaces it. Omitted fields get the defaults of a new post, so a published post
   * becomes a draft unless `published` is true. Requires a key with the role `editor`.
   *
   * @returns The stored post.
   * @throws PostsApiError `validation_failed` (422), `invalid_parameter` (400) if the slug is invalid, or
   * `precondition_failed` (412) if `ifMatch` or `ifNoneMatch` is not met.
   */
  async putBySlug(slug: string, post: PutPost<M>, options: PutOptions = {}): Promise<Post<M>> {
    const headers = { ...ifMatch(options), ...(options.ifNoneMatch && { 'If-None-Match': options.ifNoneMatch }) };
    const call = this.#conditionalCall(options, options.ifNoneMatch === undefined);
    return withETag(await api.putPost({ ...call, headers, path: slugPath(slug), body: post as generated.PutPost }));
  }

  /**
   * Updates a post with a JSON Merge Patch (RFC 7396): omitted fields keep their value, null clears a field. Requires a
   * key with the role `editor`.
   *
   * @returns The updated post.
   * @throws PostsApiError `not_found` (404), `validation_failed` (422), `slug_taken` (409), or `precondition_failed`
   * (412).
   */
  async update(id: number, patch: UpdatePost<M>, options: ChangeOptions = {}): Promise<Post<M>> {
    const call = { ...this.#call(this.#transport.nonIdempotent, options), headers: ifMatch(options), path: { id } };
    return withETag(await api.updatePost({ ...call, body: patch as generated.UpdatePost }));
  }

  /**
   * Deletes a post. Requires a key with the role `editor`.
   *
   * @throws PostsApiError `not_found` (404) or `precondition_failed` (412).
   */
  async delete(id: number, options: ChangeOptions = {}): Promise<void> {
    await api.deletePost({
      ...this.#call(this.#transport.idempotent, options),
      headers: ifMatch(options),
      path: { id },
    });
  }

  /**
   * Publishes a post now, or schedules it with `at`. If the post is already published, the call does not change it.
   * Requires a key with the role `editor`.
   *
   * @returns The post. If the post is scheduled, `scheduled_for` contains the time.
   * @throws PostsApiError `not_found` (404), `validation_failed` (422), or `precondition_failed` (412).
   */
  async publish(id: number, options: PublishOptions = {}): Promise<Post<M>> {
    const { at } = options;
    const body = at === undefined ? {} : { body: { at: typeof at === 'string' ? at : at.toISOString() } };
    const call = { ...this.#conditionalCall(options), headers: ifMatch(options), path: { id } };
    return withETag(await api.publishPost({ ...call, ...body }));
  }

  /**
   * Unpublishes a post, or cancels its scheduled publication. Requires a key with the role `editor`.
   *
   * @returns The post, which is a draft.
   * @throws PostsApiError `not_found` (404) or `precondition_failed` (412).
   */
  async unpublish(id: number, options: ChangeOptions = {}): Promise<Post<M>> {
    const call = { ...this.#conditionalCall(options), headers: ifMatch(options), path: { id } };
    return withETag(await api.unpublishPost(call));
  }

  #call(fetch: Fetch, { signal }: CallOptions) {
    return { client: this.#client, throwOnError: true as const, fetch, ...(signal && { signal }) };
  }

  /**
   * For changes that are idempotent only without `ifMatch` and `ifNoneMatch`. With one of them, the first attempt
   * changes the version, so a retry would fail with `precondition_failed`.
   */
  #conditionalCall(options: ChangeOptions, isUnconditional = true) {
    const isIdempotent = isUnconditional && options.ifMatch === undefined;
    return this.#call(isIdempotent ? this.#transport.idempotent : this.#transport.nonIdempotent, options);
  }
}

/** Operations on API keys. All of them require a key with the role `admin`. */
export class Keys {
  readonly #client: Client;
  readonly #transport: Transport;

  constructor(client: Client, transport: Transport) {
    this.#client = client;
    this.#transport = transport;
  }

  /**
   * Lists the API keys that are not revoked. The response does not contain the secret `key` values.
   *
   * @throws PostsApiError `forbidden` (403) if the client's key is not an admin key.
   */
  async list(options: CallOptions = {}): Promise<ApiKeys> {
    return (await api.listKeys(this.#call(this.#transport.idempotent, options))).data;
  }

  /**
   * Creates an API key. The client retries this call only after a 429 response.
   *
   * @returns The new key. Store its `key` now: the service cannot return it again.
   * @throws PostsApiError `validation_failed` (422), or `forbidden` (403) if the client's key is not an admin key.
   */
  async create(key: CreateApiKey, options: CallOptions = {}): Promise<CreatedApiKey> {
    return (await api.createKey({ ...this.#call(this.#transport.nonIdempotent, options), body: key })).data;
  }

  /**
   * Revokes an API key. The service rejects the key from the next request on.
   *
   * @throws PostsApiError `not_found` (404), `last_admin_key` (409) for the last admin key, or `forbidden` (403) if the
   * client's key is not an admin key.
   */
  async revoke(id: number, options: CallOptions = {}): Promise<void> {
    await api.revokeKey({ ...this.#call(this.#transport.idempotent, options), path: { id } });
  }

  #call(fetch: Fetch, { signal }: CallOptions) {
    return { client: this.#client, throwOnError: true as const, fetch, ...(signal && { signal }) };
  }
}

/** Removes trailing slashes. Throws when the client is created, so the stack trace shows the invalid configuration. */
function normalizeBaseUrl(baseUrl: string | URL): string {
  const text = String(baseUrl).replace(/\/+$/, '');
  const page = typeof globalThis.location === 'object' ? globalThis.location.href : undefined;
  const invalid = (): TypeError => new TypeError(`baseUrl must be a URL such as http://127.0.0.1:8080, not "${text}"`);
  try {
    if (/^https?:$/.test(new URL(text, page).protocol)) return text;
  } catch {
    throw invalid();
  }
  throw invalid();
}

/**
 * The path parameter of a slug. `''`, `.`, and `..` would change the path of the URL, so this function rejects them
 * with `not_found` (404), the error of a read with an invalid slug.
 */
function slugPath(slug: string): { slug: string } {
  if (!/^\.{0,2}$/.test(slug)) return { slug };
  const request = { method: 'GET', url: `/api/posts/by-slug/${slug}` };
  throw new PostsApiError(request, { status: 404, code: 'not_found', detail: 'no post can have this slug' });
}

function ifMatch({ ifMatch }: ChangeOptions) {
  return ifMatch === undefined ? {} : { 'If-Match': etagOf(ifMatch) };
}

function idempotencyKey({ idempotencyKey }: CreateOptions) {
  return { headers: { 'Idempotency-Key': idempotencyKey ?? randomKey() } };
}

/** 128 random bits in hex. `crypto.randomUUID` is only available in secure contexts (HTTPS or localhost). */
function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
