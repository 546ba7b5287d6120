import { errorFromResponse, noResponse, type PostsApiError, unexpectedResponse } from './errors.js';
import type { FetchOptions } from './options.js';

/** Retries and timeouts. */
export interface RetryOptions {
  /** The maximum number of retries per request. Default: 3. 0 disables retries. */
  retries?: number | undefined;
  /**
   * The longest wait between two attempts, in milliseconds. Default: 30,000. If `Retry-After` asks for a longer wait,
   * the client does not retry.
   */
  maxRetryDelay?: number | undefined;
  /** The timeout of one attempt, including the response body, in milliseconds. Default: 30,000. */
  timeout?: number | undefined;
}

/** Sends a request. The global `fetch` and those of frameworks have this type. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface ApiRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly body: string | undefined;
  /** Whether the service can safely execute the request twice. */
  readonly isIdempotent: boolean;
  readonly signal: AbortSignal | undefined;
  readonly fetchOptions: FetchOptions | undefined;
}

/** A successful response, or a 304 response to `If-None-Match`. `data` is undefined if the status is 204 or 304. */
export interface ApiResponse<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly data: T;
}

/** The first delay of the exponential backoff, in milliseconds, before jitter. */
const FIRST_DELAY = 200;

/** The status codes of a service, or a proxy before it, that is unavailable for a short time. */
const UNAVAILABLE: readonly (number | null)[] = [502, 503, 504];

/**
 * Sends requests and retries them. Requests that are not idempotent are retried only if the response proves that the
 * service did not execute them.
 */
export class Transport {
  readonly #fetch: Fetch;
  readonly #retries: number;
  readonly #maxDelay: number;
  readonly #timeout: number;

  constructor(fetch: Fetch | undefined, options: RetryOptions) {
    // Looks up `globalThis.fetch` for each request, because tests and frameworks replace it. Browsers require that
    // `fetch` is called as a method of the global object.
    this.#fetch = fetch ?? ((url, init) => globalThis.fetch(url, init));
    this.#retries = options.retries ?? 3;
    this.#maxDelay = options.maxRetryDelay ?? 30_000;
    this.#timeout = options.timeout ?? 30_000;
  }

  /** `T` is the type of the response's body. It is not checked. */
  async send<T>(request: ApiRequest): Promise<ApiResponse<T>> {
    // Whether the service may have executed an earlier attempt that had no successful response.
    let maybeExecuted = false;
    for (let attempt = 0; ; attempt += 1) {
      const outcome = await this.#attempt(request);
      if (!(outcome instanceof Error)) return outcome as ApiResponse<T>;
      // An earlier attempt has probably deleted the resource.
      if (maybeExecuted && request.method === 'DELETE' && outcome.code === 'not_found') {
        return { status: 204, headers: new Headers(), data: undefined as T };
      }
      const delay = retryDelay(outcome, attempt);
      if (attempt >= this.#retries || delay > this.#maxDelay || !isRetryable(outcome, request)) throw outcome;
      maybeExecuted ||= !isNotExecuted(outcome);
      await sleep(delay, request.signal);
    }
  }

  /** Sends the request once. Returns the response or the error. Throws the abort reason. */
  async #attempt(request: ApiRequest): Promise<ApiResponse<unknown> | PostsApiError> {
    const { method, url, headers, body, signal, fetchOptions } = request;
    signal?.throwIfAborted();
    const controller = new AbortController();
    const onAbort = (): void => controller.abort(signal?.reason);
    signal?.addEventListener('abort', onAbort);
    const message = `no response within ${this.#timeout} ms`;
    const timer = setTimeout(() => controller.abort(new DOMException(message, 'TimeoutError')), this.#timeout);
    try {
      const init = { ...fetchOptions, method, headers: new Headers(headers), signal: controller.signal };
      const response = await this.#fetch(url, body === undefined ? init : { ...init, body });
      // Reads the body here, so that the client retries a truncated body like a missing response.
      return checkResponse(request, response, await response.text());
    } catch (error) {
      signal?.throwIfAborted();
      return noResponse(request, controller.signal.aborted ? controller.signal.reason : error);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    }
  }
}

function checkResponse(request: ApiRequest, response: Response, body: string): ApiResponse<unknown> | PostsApiError {
  const { status } = response;
  // A copy, because SvelteKit's `fetch` throws on the server if a universal `load` reads a header by name.
  const headers = new Headers(response.headers);
  if (status === 304 && request.headers.has('If-None-Match')) return { status, headers, data: undefined };
  if (status === 204 && request.method === 'DELETE') return { status, headers, data: undefined };
  if (!response.ok) return errorFromResponse(request, status, headers, body);
  // The body decides, not the Content-Type: while SvelteKit hydrates a page, its `fetch` returns responses without the
  // headers of the service.
  try {
    const data: unknown = JSON.parse(body);
    if (typeof data === 'object' && data !== null) return { status, headers, data };
    return unexpectedResponse(request, status, headers);
  } catch (error) {
    return unexpectedResponse(request, status, headers, error);
  }
}

/**
 * Returns whether the response proves that the service did not execute the request: 408 if it did not receive the whole
 * request in time (RFC 9110, section 15.5.9), 429, and `idempotency_key_in_use` while another request with the same
 * `Idempotency-Key` is in progress.
 */
function isNotExecuted({ status, code }: PostsApiError): boolean {
  return status === 408 || status === 429 || code === 'idempotency_key_in_use';
}

function isRetryable(error: PostsApiError, { isIdempotent }: ApiRequest): boolean {
  if (isNotExecuted(error)) return true;
  return isIdempotent && (error.status === null || UNAVAILABLE.includes(error.status));
}

/** The wait before the next attempt, in milliseconds. Jitter keeps clients from retrying at the same moment. */
function retryDelay(error: PostsApiError, attempt: number): number {
  const backoff = FIRST_DELAY * 2 ** attempt * (0.5 + Math.random() / 2);
  return error.retryAfter === null ? backoff : error.retryAfter * 1000 + Math.random() * FIRST_DELAY;
}

/** Waits. Rejects with the signal's reason if it is aborted. */
export function sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, milliseconds);
    if (signal?.aborted) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
  });
}
