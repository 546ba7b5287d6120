import type { Api } from './api.js';
import type { PostsApiError } from './errors.js';
import { type ChangeBatch, Follower, type FollowOptions, type Step } from './follow.js';
import type * as generated from './generated/index.js';
import type { ConditionalListOptions, ReadOptions } from './options.js';
import type { Metadata } from './post.js';
import type { Nullable, PostOf, View } from './query.js';
import { sleep } from './transport.js';

/**
 * Position and page of the change feed. `cursor` is the `cursor` of an earlier page, or `now` for the end of the feed.
 * Without a cursor, the feed begins with all published posts. `limit` is an integer between 1 and 100, and defaults to
 * 100.
 */
export interface ChangesQuery<V extends View = View>
  extends Nullable<Pick<NonNullable<generated.ListChangesData['query']>, 'limit' | 'cursor'>> {
  /** `full` (default) or `summary`. */
  view?: V | undefined;
}

/** Later versions of the service may add types. */
export type ChangeType = 'post.published' | 'post.updated' | 'post.unpublished' | 'post.deleted' | (string & {});

/** A change of a published post. */
export interface Change<P> extends Omit<generated.ChangeItem, 'type' | 'post'> {
  type: ChangeType;
  /** The post as it is now. Null if the change removed it from the published posts. */
  post: P | null;
}

/** A page of the change feed. */
export interface ChangePage<P> {
  /** The changes in order. Each post is listed once, at its last change on the page. */
  items: Change<P>[];
  /** The `cursor` of the next page, even if that page has no changes yet. Store it after you have applied this page. */
  cursor: string;
  /** Whether the next page has changes already. */
  has_more: boolean;
  /** The page's `ETag`, for `ifNoneMatch`. Null if a proxy removed the header. */
  etag: string | null;
}

function logFailure(error: PostsApiError, wait: number): void {
  console.warn(`failed to read the change feed; will retry in ${(wait / 1000).toFixed(1)} s: ${error.message}`);
}

/** The feed of the changes of the published posts. */
export class Changes<M extends object = Metadata> {
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  /**
   * Lists one page of changes.
   *
   * @returns The page, or null if `ifNoneMatch` is given and the page has not changed.
   * @throws PostsApiError `cursor_expired` (410) if the feed no longer contains the position of the cursor: start over
   * without one. `invalid_parameter` or `invalid_cursor` (400).
   */
  list<V extends View = 'full'>(
    query: ChangesQuery<V> | undefined,
    options: ConditionalListOptions,
  ): Promise<ChangePage<PostOf<V, M>> | null>;
  list<V extends View = 'full'>(query?: ChangesQuery<V>, options?: ReadOptions): Promise<ChangePage<PostOf<V, M>>>;
  async list<V extends View>(
    query: ChangesQuery<V> = {},
    options: ConditionalListOptions | ReadOptions = {},
  ): Promise<ChangePage<PostOf<V, M>> | null> {
    const call = { query, headers: { 'If-None-Match': options.ifNoneMatch ?? undefined } };
    type Body = Omit<ChangePage<PostOf<V, M>>, 'etag'>;
    const { status, data, headers } = await this.#api.send<Body>('GET', '/api/changes', options, call);
    return status === 304 ? null : { ...data, etag: headers.get('ETag') };
  }

  /**
   * Iterates over the pages from `cursor` to the present end of the feed. Store the `cursor` of each page after you
   * have applied it, and pass the last one to the next call.
   *
   * @throws PostsApiError if a page cannot be read. Earlier pages have been yielded by then.
   */
  async *pages<V extends View = 'full'>(
    query: ChangesQuery<V> = {},
    options: ReadOptions = {},
  ): AsyncGenerator<ChangePage<PostOf<V, M>>, void, undefined> {
    let next: ChangesQuery<V> | undefined = query;
    while (next) {
      const page: ChangePage<PostOf<V, M>> = await this.list<V>(next, options);
      yield page;
      next = page.has_more ? { ...next, cursor: page.cursor } : undefined;
    }
  }

  /**
   * Follows the feed from `cursor`: yields the changes since then, and waits for further changes. It ends only if the
   * caller leaves the loop or aborts `signal`. Without a cursor, it yields all published posts first.
   *
   * For each batch, apply the items. If `published` is not null, remove the other posts. Then store `cursor`. In this
   * order, your copy survives a crash at any point.
   *
   * - After a temporary error, such as a lost connection, 429, or 503, it repeats the request with a backoff of up to a
   *   minute, until it succeeds. `onError` receives these errors, and defaults to `console.warn`.
   * - If the cursor has expired (410), it reads all published posts again, as without a cursor. Do not compare the
   *   versions of these posts with those of your copy: a restored backup contains older versions.
   *
   * @throws PostsApiError for errors that are not temporary, such as `invalid_cursor` (400) for a damaged cursor.
   * @throws RangeError if `interval` is invalid.
   */
  async *follow<V extends View = 'full'>(
    query: ChangesQuery<V> = {},
    options: FollowOptions = {},
  ): AsyncGenerator<ChangeBatch<PostOf<V, M>>, void, undefined> {
    const { interval, onError = logFailure, ...call } = options;
    const follower = new Follower<PostOf<V, M>>(query.cursor, interval);
    for (;;) {
      let step: Step<PostOf<V, M>>;
      try {
        const position = { cursor: follower.cursor };
        step = follower.receive(await this.list<V>({ ...query, ...position }, { ...call, ifNoneMatch: follower.etag }));
      } catch (error) {
        const failure = follower.fail(error);
        onError(failure.error, failure.wait);
        step = { batch: undefined, wait: failure.wait };
      }
      if (step.batch) yield step.batch;
      if (step.wait > 0) await sleep(step.wait, call.signal);
    }
  }
}
