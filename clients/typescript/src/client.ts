import { Api } from './api.js';
import { Changes } from './changes.js';
import type { Label, Redirect } from './generated/index.js';
import { Keys } from './keys.js';
import { type LabelQuery, List, type RedirectQuery } from './lists.js';
import type { RequestHeaders } from './options.js';
import type { Metadata } from './post.js';
import { Posts } from './posts.js';
import { type Fetch, type RetryOptions, Transport } from './transport.js';
import { Webhooks } from './webhooks.js';

export interface PostsClientOptions extends RetryOptions {
  /**
   * The URL of the service without `/api`, such as `https://posts.example.org`. In a browser, `''` is the origin of the
   * page.
   */
  baseUrl: string | URL;
  /** An API key, for writes and drafts. Do not use one in browser code: everyone who loads the page can read it. */
  apiKey?: string | undefined;
  /** Headers that the client adds to all requests. */
  headers?: RequestHeaders | undefined;
  /** Replaces the global `fetch`. The client calls it with the URL and the options, once per attempt. */
  fetch?: Fetch | undefined;
}

/**
 * Creates a client for the service at `baseUrl`. This function sends no request.
 *
 * `M` is the type of the `metadata` of the posts. The client does not check it.
 *
 * All methods of the client reject with a {@link PostsApiError} if the request fails, and with the signal's reason if
 * the caller aborts it.
 *
 * @throws TypeError if `baseUrl` is not an http or https URL, or `apiKey` cannot be sent in a header.
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
  /** The changes of the published posts. */
  readonly changes: Changes<M>;
  readonly keys: Keys;
  readonly webhooks: Webhooks;
  /** The URL of the service, without a trailing slash. */
  readonly baseUrl: string;

  constructor({ baseUrl, apiKey, headers, fetch, ...retry }: PostsClientOptions) {
    this.baseUrl = normalizeBaseUrl(baseUrl);
    const api = new Api(this.baseUrl, apiKey, headers, new Transport(fetch, retry));
    this.posts = new Posts(api);
    this.tags = new List(api, '/api/tags');
    this.authors = new List(api, '/api/authors');
    this.redirects = new List(api, '/api/redirects');
    this.changes = new Changes(api);
    this.keys = new Keys(api);
    this.webhooks = new Webhooks(api);
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
