import { PostsApiError } from './errors.js';
import type { Change, ChangePage } from './changes.js';
import type { CallOptions } from './options.js';

/** A batch of changes. Apply them, then store `cursor`. */
export interface ChangeBatch<P> {
  /** The changes in order. Each post is listed once. Can be empty. */
  items: Change<P>[];
  /**
   * The position after this batch. Store it together with your copy after you have applied the batch, and pass it to
   * the next `follow`. Null while all posts are being read: a program that restarts during this time starts over.
   */
  cursor: string | null;
  /** Whether the next batch follows at once. If false, your copy is complete. */
  has_more: boolean;
  /**
   * The ids of all published posts, in the batch with which all posts have been read. Remove the other posts from your
   * copy. Null in all other batches.
   */
  published: ReadonlySet<number> | null;
}

export interface FollowOptions extends CallOptions {
  /** The time between two requests at the end of the feed, in milliseconds. Default: 5,000. It varies by 10 %. */
  interval?: number | undefined;
  /**
   * Called after each failed request that `follow` repeats, with the error and the wait in milliseconds. Use it to log
   * outages. The code of the error is `cursor_expired` if `follow` reads all posts again. Default: `console.warn` with
   * both.
   */
  onError?: ((error: PostsApiError, wait: number) => void) | undefined;
}

const DEFAULT_INTERVAL = 5_000;
/** The first and the longest wait of the exponential backoff, in milliseconds, before jitter. */
const FIRST_WAIT = 1_000;
const LONGEST_WAIT = 60_000;
/** The longest `Retry-After` that counts, in milliseconds. */
const LONGEST_RETRY_AFTER = 3_600_000;
/** The longest delay that timers support, in milliseconds. They treat a longer one as 1. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** A page that has been received, and the wait before the next request, in milliseconds. */
export interface Step<P> {
  /** Undefined if the page contains nothing new. */
  readonly batch: ChangeBatch<P> | undefined;
  readonly wait: number;
}

/** The state of `follow` between two requests. Sends no requests itself. */
export class Follower<P> {
  readonly #interval: number;
  #cursor: string | undefined;
  /** The `ETag` of the last page, if the next request has the same URL. */
  #etag: string | null = null;
  /** The posts received so far while all posts are being read. */
  #published: Set<number> | undefined;
  #hasYielded = false;
  /** Failed requests since the last successful one. */
  #failures = 0;
  /** Expired cursors since the last page that was read with a cursor of the end of the feed. */
  #expirations = 0;

  constructor(cursor: string | null | undefined, interval = DEFAULT_INTERVAL) {
    if (!(interval > 0 && interval * 1.1 <= LONGEST_TIMER)) {
      const longest = Math.floor(LONGEST_TIMER / 1.1);
      throw new RangeError(`interval must be a number of milliseconds between 1 and ${longest}, not ${interval}`);
    }
    this.#interval = interval;
    this.#cursor = cursor ?? undefined;
    if (cursor === null || cursor === undefined) this.#published = new Set();
  }

  /** The cursor of the next request. Undefined for the first page of all posts. */
  get cursor(): string | undefined {
    return this.#cursor;
  }

  get etag(): string | null {
    return this.#etag;
  }

  /** Continues after a page. `null` is a 304 response. */
  receive(page: ChangePage<P> | null): Step<P> {
    this.#failures = 0;
    if (this.#published === undefined) this.#expirations = 0;
    const wait = this.#interval * (0.9 + Math.random() * 0.2);
    if (page === null) return { batch: undefined, wait };
    const { items, cursor, has_more } = checkPage(page);
    const isNew = cursor !== this.#cursor;
    this.#cursor = cursor;
    this.#etag = isNew ? null : page.etag;
    for (const { id, post } of items) {
      if (post === null) this.#published?.delete(id);
      else this.#published?.add(id);
    }
    const isReading = this.#published !== undefined && has_more;
    const published = (!isReading && this.#published) || null;
    if (!isReading) this.#published = undefined;
    const isEmpty = this.#hasYielded && !isNew && items.length === 0 && published === null;
    this.#hasYielded = true;
    const batch = isEmpty ? undefined : { items, cursor: isReading ? null : cursor, has_more, published };
    // A page that does not move the cursor would be returned again, so the next request must wait.
    return { batch, wait: has_more && isNew ? 0 : wait };
  }

  /** Returns the wait after an error, in milliseconds. Throws an error that is not temporary. */
  fail(error: unknown): { error: PostsApiError; wait: number } {
    if (!(error instanceof PostsApiError)) throw error;
    if (error.code === 'cursor_expired') {
      this.#cursor = undefined;
      this.#etag = null;
      this.#published = new Set();
      this.#expirations += 1;
      return { error, wait: this.#expirations === 1 ? 0 : backoff(this.#expirations - 1) };
    }
    if (!isTemporary(error)) throw error;
    this.#failures += 1;
    const wait = backoff(this.#failures);
    if (error.retryAfter === null) return { error, wait };
    const requested = Math.min(error.retryAfter * 1000, LONGEST_RETRY_AFTER) + Math.random() * FIRST_WAIT;
    return { error, wait: Math.max(requested, wait) };
  }
}

/** Without this check, a page of another list would be requested again and again. */
function checkPage<P>(page: ChangePage<P>): ChangePage<P> {
  if (typeof page.cursor === 'string' && Array.isArray(page.items)) return page;
  const detail = 'the response is not a page of the change feed; check baseUrl';
  const request = { method: 'GET', url: '/api/changes' };
  throw new PostsApiError(request, { status: 200, code: 'unexpected_response', detail });
}

/** Returns whether a later request can succeed: there was no response, or the service or a proxy is unavailable. */
function isTemporary({ status }: PostsApiError): boolean {
  return status === null || status === 408 || status === 429 || status >= 500;
}

/** Jitter keeps followers from returning at the same moment. */
function backoff(failures: number): number {
  return Math.min(FIRST_WAIT * 2 ** (failures - 1), LONGEST_WAIT) * (0.5 + Math.random() / 2);
}
