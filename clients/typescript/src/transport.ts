import { errorFromResponse, noResponse, type PostsApiError, unexpectedResponse } from './errors.js';

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

/** Sends a request of the generated client. */
export type Fetch = typeof globalThis.fetch;

/** A 304 response to `If-None-Match`. The methods of the client catch it and return `null`. */
export class NotModified extends Error {}

/** The first delay of the exponential backoff, in milliseconds, before jitter. */
const FIRST_DELAY = 200;

/**
 * Sends requests and retries them.
 *
 * `idempotent` sends requests that the service can safely execute twice. `nonIdempotent` sends all others, and retries
 * only if the response proves that the service did not execute the request.
 */
export class Transport {
  readonly idempotent: Fetch = (input, init) => this.#send(new Request(input, init), true);
  readonly nonIdempotent: Fetch = (input, init) => this.#send(new Request(input, init), false);

  readonly #fetch: (request: Request) => Promise<Response>;
  readonly #retries: number;
  readonly #maxDelay: number;
  readonly #timeout: number;

  constructor(fetch: ((request: Request) => Promise<Response>) | undefined, options: RetryOptions) {
    // Looks up `globalThis.fetch` for each request, because tests and frameworks replace it. Browsers require that
    // `fetch` is called as a method of the global object.
    this.#fetch = fetch ?? ((request) => globalThis.fetch(request));
    this.#retries = options.retries ?? 3;
    this.#maxDelay = options.maxRetryDelay ?? 30_000;
    this.#timeout = options.timeout ?? 30_000;
  }

  async #send(request: Request, isIdempotent: boolean): Promise<Response> {
    // Whether the service may have executed an earlier attempt that had no successful response.
    let maybeExecuted = false;
    for (let attempt = 0; ; attempt += 1) {
      const outcome = await this.#attempt(request);
      if (outcome instanceof Response) return outcome;
      // An earlier attempt has probably deleted the resource.
      if (maybeExecuted && request.method === 'DELETE' && outcome.status === 404) {
        return new Response(null, { status: 204 });
      }
      const delay = retryDelay(outcome, attempt);
      if (attempt >= this.#retries || delay > this.#maxDelay || !isRetryable(outcome, isIdempotent)) throw outcome;
      maybeExecuted ||= outcome.status !== 429;
      await sleep(delay, request.signal);
    }
  }

  /** Sends the request once. Returns the response or the error. Throws `NotModified`, or the abort reason. */
  async #attempt(request: Request): Promise<Response | PostsApiError> {
    request.signal.throwIfAborted();
    const controller = new AbortController();
    const onAbort = (): void => controller.abort(request.signal.reason);
    request.signal.addEventListener('abort', onAbort);
    const message = `no response within ${this.#timeout} ms`;
    const timer = setTimeout(() => controller.abort(new DOMException(message, 'TimeoutError')), this.#timeout);
    try {
      const response = await this.#fetch(new Request(request.clone(), { signal: controller.signal }));
      // Reads the body here, so that the client retries a truncated body like a missing response.
      return checkResponse(request, response, await response.text());
    } catch (error) {
      if (error instanceof NotModified) throw error;
      request.signal.throwIfAborted();
      return noResponse(request, controller.signal.aborted ? controller.signal.reason : error);
    } finally {
      clearTimeout(timer);
      request.signal.removeEventListener('abort', onAbort);
    }
  }
}

function checkResponse(request: Request, response: Response, body: string): Response | PostsApiError {
  const { status, statusText, headers } = response;
  if (status === 304 && request.headers.has('If-None-Match')) throw new NotModified();
  if (status === 204) return new Response(null, { status, statusText, headers });
  if (!response.ok) return errorFromResponse(request, response, body);
  // The generated client would parse an empty body as an empty object.
  if (body === '' || !/^application\/json\b/i.test(headers.get('Content-Type') ?? '')) {
    return unexpectedResponse(request, response);
  }
  return new Response(body, { status, statusText, headers });
}

/**
 * The service did not execute the request if it responds with 429, or with `idempotency_key_in_use` while another
 * request with the same `Idempotency-Key` is in progress.
 */
function isRetryable(error: PostsApiError, isIdempotent: boolean): boolean {
  if (error.status === 429 || error.code === 'idempotency_key_in_use') return true;
  return isIdempotent && (error.status === 503 || error.status === null);
}

/** The wait before the next attempt, in milliseconds. Jitter keeps clients from retrying at the same moment. */
function retryDelay(error: PostsApiError, attempt: number): number {
  const backoff = FIRST_DELAY * 2 ** attempt * (0.5 + Math.random() / 2);
  return error.retryAfter === null ? backoff : error.retryAfter * 1000 + Math.random() * FIRST_DELAY;
}

function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    }, milliseconds);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}
