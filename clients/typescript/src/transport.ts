import { errorAnswer, noAnswer, type PostsApiError, unexpectedAnswer } from './errors.js';

/** How requests are sent again. */
export interface RetryOptions {
  /** How often a request is sent again; 3 where it is not given, 0 for never. */
  retries?: number | undefined;
  /** The longest wait between two tries, in milliseconds; 30,000 where it is not given. A longer `Retry-After` is not waited for. */
  maxRetryDelay?: number | undefined;
  /** How long one try may take, in milliseconds; 30,000 where it is not given. */
  timeout?: number | undefined;
}

/** Sends a request of the generated client. */
export type Fetch = typeof globalThis.fetch;

/** The answer to `If-None-Match`: nothing has changed. Never leaves the package. */
export class NotModified extends Error {}

const FIRST_DELAY = 200;

/**
 * Two ways to send: `repeatable` for requests that may be carried out twice without harm, `once` for the others, which
 * are sent again only where the service says that it did not carry them out.
 */
export class Transport {
  readonly repeatable: Fetch = (input, init) => this.#send(new Request(input, init), true);
  readonly once: Fetch = (input, init) => this.#send(new Request(input, init), false);

  readonly #fetch: (request: Request) => Promise<Response>;
  readonly #retries: number;
  readonly #maxDelay: number;
  readonly #timeout: number;

  constructor(fetch: ((request: Request) => Promise<Response>) | undefined, options: RetryOptions) {
    // Looked up at each request: tests and frameworks replace it. Browsers want it called as a method of the window.
    this.#fetch = fetch ?? ((request) => globalThis.fetch(request));
    this.#retries = options.retries ?? 3;
    this.#maxDelay = options.maxRetryDelay ?? 30_000;
    this.#timeout = options.timeout ?? 30_000;
  }

  async #send(request: Request, repeatable: boolean): Promise<Response> {
    // Whether an earlier try may have been carried out without our knowing.
    let uncertain = false;
    for (let tries = 0; ; tries += 1) {
      const outcome = await this.#try(request);
      if (outcome instanceof Response) return outcome;
      if (uncertain && request.method === 'DELETE' && outcome.status === 404)
        return new Response(null, { status: 204 });
      const delay = delayBefore(outcome, tries);
      if (tries >= this.#retries || delay > this.#maxDelay || !mayRepeat(outcome, repeatable)) throw outcome;
      uncertain ||= outcome.status !== 429;
      await sleep(delay, request.signal);
    }
  }

  /** One try: the whole answer, or what went wrong. Throws where the caller gave up, and `NotModified`. */
  async #try(request: Request): Promise<Response | PostsApiError> {
    request.signal.throwIfAborted();
    const limit = new AbortController();
    const giveUp = (): void => limit.abort(request.signal.reason);
    request.signal.addEventListener('abort', giveUp);
    const late = `no answer within ${this.#timeout} ms`;
    const timer = setTimeout(() => limit.abort(new DOMException(late, 'TimeoutError')), this.#timeout);
    try {
      const response = await this.#fetch(new Request(request.clone(), { signal: limit.signal }));
      // Read here, so that an answer that breaks off counts as none.
      return understand(request, response, await response.text());
    } catch (error) {
      if (error instanceof NotModified) throw error;
      request.signal.throwIfAborted();
      return noAnswer(request, limit.signal.aborted ? limit.signal.reason : error);
    } finally {
      clearTimeout(timer);
      request.signal.removeEventListener('abort', giveUp);
    }
  }
}

function understand(request: Request, response: Response, text: string): Response | PostsApiError {
  const { status, statusText, headers } = response;
  if (status === 304 && request.headers.has('If-None-Match')) throw new NotModified();
  if (status === 204) return new Response(null, { status, statusText, headers });
  if (!response.ok) return errorAnswer(request, response, text);
  // The generated client would take nothing for an empty object.
  if (text === '' || !/^application\/json\b/i.test(headers.get('Content-Type') ?? '')) {
    return unexpectedAnswer(request, response);
  }
  return new Response(text, { status, statusText, headers });
}

/** After a 429, and while another request with the same `Idempotency-Key` runs, this one was surely not carried out. */
function mayRepeat(error: PostsApiError, repeatable: boolean): boolean {
  if (error.status === 429 || error.code === 'idempotency_key_in_use') return true;
  return repeatable && (error.status === 503 || error.status === null);
}

/** In milliseconds; spread, so that clients that were refused together do not come back together. */
function delayBefore(error: PostsApiError, tries: number): number {
  const spread = FIRST_DELAY * 2 ** tries * (0.5 + Math.random() / 2);
  return error.retryAfter === null ? spread : error.retryAfter * 1000 + Math.random() * FIRST_DELAY;
}

function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', giveUp);
      resolve();
    }, milliseconds);
    if (signal.aborted) giveUp();
    else signal.addEventListener('abort', giveUp, { once: true });
  });
}
