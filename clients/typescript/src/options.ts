import type { ETag } from './etag.js';

/** The headers of a request, in each form that `fetch` accepts. */
export type RequestHeaders = NonNullable<RequestInit['headers']>;

/**
 * Options for `fetch`: those of the standard, such as `cache`, those that a runtime or a framework adds to the global
 * type `RequestInit`, such as `next` (Next.js), `dispatcher` (Node.js), or `cf` (Cloudflare Workers), and those that
 * Deno and Bun add to `fetch` only.
 */
export type FetchOptions = Omit<RequestInit, 'method' | 'body' | 'headers' | 'signal'> & {
  /** Deno: the `Deno.HttpClient` to use, for example for a proxy or a certificate. */
  client?: unknown;
  /** Bun: the URL of a proxy. */
  proxy?: unknown;
  /** Bun: TLS options. */
  tls?: unknown;
  /** Bun: the path of a Unix socket. */
  unix?: unknown;
};

export interface CallOptions {
  /** Aborts the request and any wait before a retry. The promise then rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** More headers. The client's own headers have precedence, except `Authorization`. */
  headers?: RequestHeaders | undefined;
  /** Options for each `fetch` of this call. */
  fetchOptions?: FetchOptions | undefined;
}

export interface ConditionalOptions extends CallOptions {
  /** The version that the caller already has. If this version is still current, the method returns `null`. */
  ifNoneMatch: ETag;
}

export interface ConditionalListOptions extends CallOptions {
  /**
   * The `etag` of the page that the caller already has. If the page has not changed, the method returns `null`. With
   * null, it always returns the page.
   */
  ifNoneMatch: string | null;
}

/** Options of an unconditional read. */
export interface ReadOptions extends CallOptions {
  ifNoneMatch?: undefined;
}

export interface ChangeOptions extends CallOptions {
  /**
   * The version that the change is based on: an `ETag`, or a post that a method of the client returned. If the post has
   * changed since, the call fails with `precondition_failed` (412). For a post of a list or a batch, or a copy of a
   * post, the client first reads the `ETag` with another request.
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
