import { unexpectedAnswer, PostsApiError } from './errors.js';
import { type ETag, etagOf } from './etag.js';
import { type Client, createClient, createConfig } from './generated/client/index.js';
import * as api from './generated/sdk.gen.js';
import type {
  ApiKeys,
  Batch,
  BatchAnswer,
  CreateApiKey,
  CreatedApiKey,
  CreatePost,
  ListAnswer,
  Post,
  PutPost,
  UpdatePost,
} from './generated/index.js';
import { type ListQuery, type PostOf, toParameters, type View } from './query.js';
import { type Fetch, NotModified, type RetryOptions, Transport } from './transport.js';

export interface PostsClientOptions extends RetryOptions {
  /** Where the service is, without `/api`: `https://posts.example.org`. In a browser, '' is the page's own origin. */
  baseUrl: string | URL;
  /** An API key. It goes to everyone who gets the code it is in: keep it out of browsers. */
  apiKey?: string | undefined;
  /** Used in place of the global `fetch`. */
  fetch?: ((request: Request) => Promise<Response>) | undefined;
}

export interface CallOptions {
  /** Gives the request up, and waiting for the next try too: the promise then rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
}

export interface ConditionalOptions extends CallOptions {
  /** What is known already: where that is still so, the answer is `null`. */
  ifNoneMatch: ETag;
}

/** Options of a read that is not conditional. */
export interface ReadOptions extends CallOptions {
  ifNoneMatch?: undefined;
}

export interface ChangeOptions extends CallOptions {
  /** The post as it was read: where somebody has changed it since, nothing is changed (`precondition_failed`, 412). */
  ifMatch?: ETag | undefined;
}

export interface PutOptions extends ChangeOptions {
  /** `*` creates only: `precondition_failed`, 412, where the slug is taken. */
  ifNoneMatch?: '*' | undefined;
}

export interface CreateOptions extends CallOptions {
  /** Names the request, for 24 hours: sent again with the same name it is carried out once. Left out: a random one. */
  idempotencyKey?: string | undefined;
}

export interface PublishOptions extends ChangeOptions {
  /** When to publish; left out: now. */
  at?: string | Date | undefined;
}

/** A page of a list. */
export interface Page<T> {
  items: T[];
  /** The `cursor` of the page after this one; null on the last. */
  next_cursor: string | null;
  /** The `cursor` of the page before this one; null on the first. */
  prev_cursor: string | null;
  /** How many posts the whole list has, where `count` asks for it. */
  total?: number;
  /** Whether `total` is an estimate. */
  total_is_estimate?: boolean;
  /** For `ifNoneMatch`; null where something on the way removed it. */
  etag: string | null;
}

/** A client of the service at `baseUrl`. Every method rejects with a {@link PostsApiError} where it did not succeed. */
export function createPostsClient(options: PostsClientOptions): PostsClient {
  return new PostsClient(options);
}

export class PostsClient {
  readonly posts: Posts;
  readonly keys: Keys;
  /** Where the service is. */
  readonly baseUrl: string;

  constructor({ baseUrl, apiKey, fetch, ...retry }: PostsClientOptions) {
    this.baseUrl = checked(baseUrl);
    const auth = apiKey === undefined ? {} : { auth: apiKey };
    const client = createClient(createConfig({ baseUrl: this.baseUrl, throwOnError: true, parseAs: 'json', ...auth }));
    client.interceptors.error.use((error, response, request) =>
      error instanceof SyntaxError && response && request ? unexpectedAnswer(request, response, error) : error,
    );
    const transport = new Transport(fetch, retry);
    this.posts = new Posts(client, transport);
    this.keys = new Keys(client, transport);
  }
}

/** The posts. */
export class Posts {
  readonly #client: Client;
  readonly #transport: Transport;

  constructor(client: Client, transport: Transport) {
    this.#client = client;
    this.#transport = transport;
  }

  /** A page of posts; with `view: 'summary'`, of summaries. */
  list<V extends View = 'full'>(
    query: ListQuery<V> | undefined,
    options: ConditionalOptions,
  ): Promise<Page<PostOf<V>> | null>;
  list<V extends View = 'full'>(query?: ListQuery<V>, options?: ReadOptions): Promise<Page<PostOf<V>>>;
  list<V extends View>(
    query: ListQuery<V> = {},
    options: ConditionalOptions | ReadOptions = {},
  ): Promise<Page<PostOf<V>> | null> {
    return unlessNotModified(async () => {
      const { data, response } = await api.listPosts({
        ...this.#call(this.#transport.repeatable, options),
        ...ifNoneMatch(options),
        query: toParameters(query),
      });
      // The document says that the one or the other comes, not that `view` decides which.
      const page = data as ListAnswer & { items: PostOf<V>[] };
      return { ...page, etag: response.headers.get('ETag') };
    });
  }

  /** The pages of a list, one after the other, from `cursor` on; 100 posts a page where `limit` does not say otherwise. */
  async *pages<V extends View = 'full'>(
    query: ListQuery<V> = {},
    options: ReadOptions = {},
  ): AsyncGenerator<Page<PostOf<V>>, void, undefined> {
    let next: ListQuery<V> | undefined = { limit: 100, ...query };
    while (next) {
      const page: Page<PostOf<V>> = await this.list<V>(next, options);
      yield page;
      next = page.next_cursor === null ? undefined : { ...next, cursor: page.next_cursor };
    }
  }

  /** Every post of a list, read page by page as they are taken. */
  async *all<V extends View = 'full'>(
    query: ListQuery<V> = {},
    options: ReadOptions = {},
  ): AsyncGenerator<PostOf<V>, void, undefined> {
    for await (const page of this.pages(query, options)) yield* page.items;
  }

  /** A post; `not_found`, 404, where there is none that the key may read. */
  get(id: number, options: ConditionalOptions): Promise<Post | null>;
  get(id: number, options?: ReadOptions): Promise<Post>;
  get(id: number, options: ConditionalOptions | ReadOptions = {}): Promise<Post | null> {
    const call = { ...this.#call(this.#transport.repeatable, options), ...ifNoneMatch(options), path: { id } };
    return unlessNotModified(async () => (await api.getPost(call)).data);
  }

  /** A post by its slug; `not_found`, 404, where there is none that the key may read. */
  getBySlug(slug: string, options: ConditionalOptions): Promise<Post | null>;
  getBySlug(slug: string, options?: ReadOptions): Promise<Post>;
  getBySlug(slug: string, options: ConditionalOptions | ReadOptions = {}): Promise<Post | null> {
    const call = { ...this.#call(this.#transport.repeatable, options), ...ifNoneMatch(options) };
    return unlessNotModified(async () => (await api.getPostBySlug({ ...call, path: pathTo(slug) })).data);
  }

  /** Writes a post: a draft unless it says `published: true`. */
  async create(post: CreatePost, options: CreateOptions = {}): Promise<Post> {
    const call = this.#call(this.#transport.repeatable, options);
    return (await api.createPost({ ...call, ...idempotencyKey(options), body: post })).data;
  }

  /** Writes up to 500 posts: all of them or none. */
  async batch(batch: Batch, options: CreateOptions = {}): Promise<BatchAnswer> {
    const call = this.#call(this.#transport.repeatable, options);
    return (await api.createPosts({ ...call, ...idempotencyKey(options), body: batch })).data;
  }

  /** Writes the post with this slug, or replaces it whole: what is left out is as in a new post. */
  async putBySlug(slug: string, post: PutPost, options: PutOptions = {}): Promise<Post> {
    const headers = { ...ifMatch(options), ...(options.ifNoneMatch && { 'If-None-Match': options.ifNoneMatch }) };
    const call = { ...this.#change(options, options.ifNoneMatch === undefined), headers, path: pathTo(slug) };
    return (await api.putPost({ ...call, body: post })).data;
  }

  /** Changes a post by JSON Merge Patch (RFC 7396): what is left out stays, null clears. */
  async update(id: number, patch: UpdatePost, options: ChangeOptions = {}): Promise<Post> {
    const call = { ...this.#call(this.#transport.once, options), headers: ifMatch(options), path: { id } };
    return (await api.updatePost({ ...call, body: patch })).data;
  }

  /** Deletes a post. */
  async delete(id: number, options: ChangeOptions = {}): Promise<void> {
    await api.deletePost({
      ...this.#call(this.#transport.repeatable, options),
      headers: ifMatch(options),
      path: { id },
    });
  }

  /** Publishes a post, now or `at` a time. One that is published already stays as it is. */
  async publish(id: number, options: PublishOptions = {}): Promise<Post> {
    const { at } = options;
    const body = at === undefined ? {} : { body: { at: typeof at === 'string' ? at : at.toISOString() } };
    const call = { ...this.#change(options), headers: ifMatch(options), path: { id } };
    return (await api.publishPost({ ...call, ...body })).data;
  }

  /** Makes a post a draft again, and cancels what is scheduled. */
  async unpublish(id: number, options: ChangeOptions = {}): Promise<Post> {
    return (await api.unpublishPost({ ...this.#change(options), headers: ifMatch(options), path: { id } })).data;
  }

  #call(fetch: Fetch, { signal }: CallOptions) {
    return { client: this.#client, throwOnError: true as const, fetch, ...(signal && { signal }) };
  }

  /** A change that may be carried out twice, unless a condition would then refuse what the first try has done. */
  #change(options: ChangeOptions, unconditional = true) {
    const repeatable = unconditional && options.ifMatch === undefined;
    return this.#call(repeatable ? this.#transport.repeatable : this.#transport.once, options);
  }
}

/** The API keys, for admins. */
export class Keys {
  readonly #client: Client;
  readonly #transport: Transport;

  constructor(client: Client, transport: Transport) {
    this.#client = client;
    this.#transport = transport;
  }

  /** Every key that was not revoked, without the key itself. */
  async list(options: CallOptions = {}): Promise<ApiKeys> {
    return (await api.listKeys(this.#call(this.#transport.repeatable, options))).data;
  }

  /** Makes a key. The answer has the key itself, which is not shown again. */
  async create(key: CreateApiKey, options: CallOptions = {}): Promise<CreatedApiKey> {
    return (await api.createKey({ ...this.#call(this.#transport.once, options), body: key })).data;
  }

  /** Revokes a key, from the next request on. */
  async revoke(id: number, options: CallOptions = {}): Promise<void> {
    await api.revokeKey({ ...this.#call(this.#transport.repeatable, options), path: { id } });
  }

  #call(fetch: Fetch, { signal }: CallOptions) {
    return { client: this.#client, throwOnError: true as const, fetch, ...(signal && { signal }) };
  }
}

/** `baseUrl` without a slash at its end. Said here, where it can be seen what is wrong, and not by the first request. */
function checked(baseUrl: string | URL): string {
  const text = String(baseUrl).replace(/\/+$/, '');
  const page = typeof globalThis.location === 'object' ? globalThis.location.href : undefined;
  const wrong = (): TypeError => new TypeError(`baseUrl must be a URL such as http://127.0.0.1:8080, not "${text}"`);
  try {
    if (/^https?:$/.test(new URL(text, page).protocol)) return text;
  } catch {
    throw wrong();
  }
  throw wrong();
}

async function unlessNotModified<T>(read: () => Promise<T>): Promise<T | null> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof NotModified) return null;
    throw error;
  }
}

/** A slug that would lead elsewhere as a part of a URL is refused here, as the service would refuse it. */
function pathTo(slug: string): { slug: string } {
  if (!/^\.{0,2}$/.test(slug)) return { slug };
  const asked = { method: 'GET', url: `/api/posts/by-slug/${slug}` };
  throw new PostsApiError(asked, { status: 404, code: 'not_found', detail: 'no post can have this slug' });
}

function ifNoneMatch({ ifNoneMatch }: ConditionalOptions | ReadOptions) {
  return ifNoneMatch === undefined ? {} : { headers: { 'If-None-Match': etagOf(ifNoneMatch) } };
}

function ifMatch({ ifMatch }: ChangeOptions) {
  return ifMatch === undefined ? {} : { 'If-Match': etagOf(ifMatch) };
}

function idempotencyKey({ idempotencyKey }: CreateOptions) {
  return { headers: { 'Idempotency-Key': idempotencyKey ?? randomKey() } };
}

/** 128 random bits. `crypto.randomUUID` is not there on pages without TLS. */
function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
