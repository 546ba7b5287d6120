import type { Api, Call } from './api.js';
import { PostsApiError } from './errors.js';
import { currentETag, isSameVersion, knownETag, withETag } from './etag.js';
import type * as generated from './generated/index.js';
import { idempotencyKey } from './idempotency.js';
import type {
  ChangeOptions,
  ConditionalListOptions,
  ConditionalOptions,
  CreateOptions,
  PublishOptions,
  PutOptions,
  ReadOptions,
} from './options.js';
import type { Batch, BatchResponse, CreatePost, Metadata, Post, PutPost, UpdatePost } from './post.js';
import type { ListQuery, PostOf, View } from './query.js';

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

/** Operations on posts. */
export class Posts<M extends object = Metadata> {
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
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
    options: ConditionalListOptions,
  ): Promise<Page<PostOf<V, M>> | null>;
  list<V extends View = 'full'>(query?: ListQuery<V>, options?: ReadOptions): Promise<Page<PostOf<V, M>>>;
  async list<V extends View>(
    query: ListQuery<V> = {},
    options: ConditionalListOptions | ReadOptions = {},
  ): Promise<Page<PostOf<V, M>> | null> {
    const call = { query, headers: { 'If-None-Match': options.ifNoneMatch ?? undefined } };
    // The OpenAPI document does not express that `view` determines the type of the items.
    type Body = Omit<Page<PostOf<V, M>>, 'etag'>;
    const { status, data, headers } = await this.#api.send<Body>('GET', '/api/posts', options, call);
    return status === 304 ? null : { ...data, etag: headers.get('ETag') };
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
    return this.#read(postPath(id), options);
  }

  /**
   * Gets a post by id, or null if the post does not exist, or if it is a draft and the client has no API key.
   *
   * @throws PostsApiError for all other errors.
   */
  find(id: number, options: ReadOptions = {}): Promise<Post<M> | null> {
    return nullIfNotFound(this.get(id, options));
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
  async getBySlug(slug: string, options: ConditionalOptions | ReadOptions = {}): Promise<Post<M> | null> {
    return this.#read(slugPath('GET', slug, { status: 404, code: 'not_found' }), options);
  }

  /**
   * Gets a post by slug, or null if the post does not exist, or if it is a draft and the client has no API key.
   *
   * @throws PostsApiError for all other errors.
   */
  findBySlug(slug: string, options: ReadOptions = {}): Promise<Post<M> | null> {
    return nullIfNotFound(this.getBySlug(slug, options));
  }

  /**
   * Creates a post. It is a draft unless `published` is true. Requires a key with the role `editor`.
   *
   * @returns The stored post.
   * @throws PostsApiError `validation_failed` (422) with the invalid fields in `errors`, or `slug_taken` (409).
   */
  async create(post: CreatePost<M>, options: CreateOptions = {}): Promise<Post<M>> {
    const call = { headers: idempotencyKey(options), body: post };
    return withETag<M>(await this.#api.send<generated.Post>('POST', '/api/posts', options, call));
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
    const call = { headers: idempotencyKey(options), body: batch };
    return (await this.#api.send<BatchResponse<M>>('POST', '/api/posts/batch', options, call)).data;
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
    const path = slugPath('PUT', slug, { status: 400, code: 'invalid_parameter' });
    const { ifNoneMatch } = options;
    const headers = { 'If-None-Match': ifNoneMatch };
    const isIdempotent = ifNoneMatch === undefined && options.ifMatch === undefined;
    return withETag<M>(await this.#change('PUT', path, options, { headers, body: post, isIdempotent }));
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
    return withETag<M>(await this.#change('PATCH', postPath(id), options, { body: patch, isIdempotent: false }));
  }

  /**
   * Deletes a post. Requires a key with the role `editor`.
   *
   * @throws PostsApiError `not_found` (404) or `precondition_failed` (412).
   */
  async delete(id: number, options: ChangeOptions = {}): Promise<void> {
    await this.#change('DELETE', postPath(id), options);
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
    const isIdempotent = options.ifMatch === undefined;
    return withETag<M>(await this.#change('POST', `${postPath(id)}/publish`, options, { ...body, isIdempotent }));
  }

  /**
   * Unpublishes a post, or cancels its scheduled publication. Requires a key with the role `editor`.
   *
   * @returns The post, which is a draft.
   * @throws PostsApiError `not_found` (404) or `precondition_failed` (412).
   */
  async unpublish(id: number, options: ChangeOptions = {}): Promise<Post<M>> {
    const isIdempotent = options.ifMatch === undefined;
    return withETag<M>(await this.#change('POST', `${postPath(id)}/unpublish`, options, { isIdempotent }));
  }

  /** Reads a post. If the `ETag` of `ifNoneMatch` is unknown, compares the versions instead. */
  async #read(path: string, options: ConditionalOptions | ReadOptions): Promise<Post<M> | null> {
    const { ifNoneMatch } = options;
    const etag = ifNoneMatch === undefined ? undefined : knownETag(ifNoneMatch);
    const response = await this.#api.send<generated.Post>('GET', path, options, { headers: { 'If-None-Match': etag } });
    if (response.status === 304) return null;
    const post = withETag<M>(response);
    return typeof ifNoneMatch === 'object' && isSameVersion(post, ifNoneMatch) ? null : post;
  }

  /**
   * Sends a change. A change with `If-Match` or `If-None-Match` is not idempotent: the first attempt changes the
   * version, so a retry would fail with `precondition_failed`. `delete` is the exception, because a retry gets
   * `not_found`.
   */
  async #change(method: string, path: string, options: ChangeOptions, call: Call = {}) {
    const { ifMatch, signal, headers: more, fetchOptions } = options;
    const read = (id: number): Promise<Post<M>> => this.get(id, { signal, headers: more, fetchOptions });
    const etag = ifMatch === undefined ? undefined : await currentETag(ifMatch, { method, url: path }, read);
    const headers = { ...call.headers, 'If-Match': etag };
    return this.#api.send<generated.Post>(method, path, options, { ...call, headers });
  }
}

async function nullIfNotFound<T>(read: Promise<T>): Promise<T | null> {
  try {
    return await read;
  } catch (error) {
    if (error instanceof PostsApiError && error.code === 'not_found') return null;
    throw error;
  }
}

function postPath(id: number): string {
  return `/api/posts/${encodeURIComponent(id)}`;
}

/**
 * The path of a slug. `''`, `.`, and `..` would change the path of the URL, so this function rejects them with the
 * error that the service returns for an invalid slug.
 */
function slugPath(method: string, slug: string, error: { status: number; code: string }): string {
  const url = `/api/posts/by-slug/${encodeURIComponent(slug)}`;
  if (!/^\.{0,2}$/.test(slug)) return url;
  throw new PostsApiError(
    { method, url },
    { ...error, detail: `"${slug}" is not a valid slug; the client did not send the request` },
  );
}
