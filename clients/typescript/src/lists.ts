import type { Api } from './api.js';
import type { ListRedirectsData, ListTagsData } from './generated/index.js';
import type { ConditionalListOptions, ReadOptions } from './options.js';
import type { Nullable } from './query.js';

/**
 * Prefix, order, and page of a list of tags or authors. By default, `list` returns 20 per page, in the order of their
 * names.
 *
 * `q` is the beginning of the name. `limit` is an integer between 1 and 100. `cursor` is the `next_cursor` of another
 * page of the same list.
 */
export type LabelQuery = Nullable<Pick<NonNullable<ListTagsData['query']>, 'limit' | 'cursor' | 'sort' | 'q'>>;

/** Page of the list of redirects. */
export type RedirectQuery = Nullable<Pick<NonNullable<ListRedirectsData['query']>, 'limit' | 'cursor'>>;

/** A page of a list that has no previous pages. */
export interface ForwardPage<T> {
  items: T[];
  /** The cursor of the next page, or null on the last page. */
  next_cursor: string | null;
  /** The page's `ETag`, for `ifNoneMatch`. Null if a proxy removed the header. */
  etag: string | null;
}

/** A list of tags, authors, or redirects. */
export class List<Q extends { cursor?: string | null | undefined; limit?: number | null | undefined }, T> {
  readonly #api: Api;
  readonly #path: string;

  constructor(api: Api, path: string) {
    this.#api = api;
    this.#path = path;
  }

  /**
   * Lists one page.
   *
   * @returns The page, or null if `ifNoneMatch` is given and the page has not changed.
   * @throws PostsApiError `invalid_parameter` or `invalid_cursor` (400).
   */
  list(query: Q | undefined, options: ConditionalListOptions): Promise<ForwardPage<T> | null>;
  list(query?: Q, options?: ReadOptions): Promise<ForwardPage<T>>;
  async list(
    query: Q = {} as Q,
    options: ConditionalListOptions | ReadOptions = {},
  ): Promise<ForwardPage<T> | null> {
    const headers = { 'If-None-Match': options.ifNoneMatch ?? undefined };
    const { status, data, headers: received } = await this.#api.send<Omit<ForwardPage<T>, 'etag'>>(
      'GET',
      this.#path,
      options,
      { query, headers },
    );
    return status === 304 ? null : { ...data, etag: received.get('ETag') };
  }

  /**
   * Iterates over all items, starting at `cursor` if given. `limit` is the page size and defaults to 100. Each page is
   * requested when the iterator reaches it.
   *
   * @throws PostsApiError if a page cannot be read. The items of earlier pages have been yielded by then.
   */
  async *all(query: Q = {} as Q, options: ReadOptions = {}): AsyncGenerator<T, void, undefined> {
    let next: Q | undefined = { limit: 100, ...query };
    while (next) {
      const page: ForwardPage<T> = await this.list(next, options);
      yield* page.items;
      next = page.next_cursor === null ? undefined : { ...next, cursor: page.next_cursor };
    }
  }
}
