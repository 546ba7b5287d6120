import type { Api } from './api.js';
import type * as generated from './generated/index.js';
import type { ConditionalListOptions, ReadOptions } from './options.js';
import type { Metadata } from './post.js';
import type { Nullable, PostOf, View } from './query.js';

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
  /** The `cursor` of the next page, also if there is none yet. Store it after you have applied the page. */
  cursor: string;
  /** Whether the next page has items already. */
  has_more: boolean;
  /** The page's `ETag`, for `ifNoneMatch`. Null if a proxy removed the header. */
  etag: string | null;
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
   * Iterates over the pages from `cursor` to the present end of the feed. Store the `cursor` of each page after you have
   * applied it, and pass the last one to the next call.
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
}
