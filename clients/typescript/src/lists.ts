import type { CallOptions, ConditionalOptions, ReadOptions } from './client.js';
import { ifNoneMatch, nullIfNotModified } from './conditional.js';
import type { ListRedirectsData, ListTagsData } from './generated/index.js';

/**
 * Prefix, order, and page of a list of tags or authors. By default, `list` returns 20 per page, in the order of their
 * names.
 *
 * `q` is the beginning of the name. `limit` is an integer between 1 and 100. `cursor` is the `next_cursor` of another
 * page of the same list.
 */
export type LabelQuery = Pick<NonNullable<ListTagsData['query']>, 'limit' | 'cursor' | 'sort' | 'q'>;

/** Page of the list of redirects. */
export type RedirectQuery = Pick<NonNullable<ListRedirectsData['query']>, 'limit' | 'cursor'>;

/** A page of a list that has no previous pages. */
export interface ForwardPage<T> {
  items: T[];
  /** The cursor of the next page, or null on the last page. */
  next_cursor: string | null;
  /** The page's `ETag`, for `ifNoneMatch`. Null if a proxy removed the header. */
  etag: string | null;
}

/** Requests one page. */
type RequestPage<Q, T> = (
  call: { query: Q; headers?: { 'If-None-Match'?: string } },
  options: CallOptions,
) => Promise<{ data: { items: T[]; next_cursor: string | null }; response: Response }>;

/** A list of tags, authors, or redirects. */
export class List<Q extends { cursor?: string; limit?: number }, T> {
  readonly #request: RequestPage<Q, T>;

  constructor(request: RequestPage<Q, T>) {
    this.#request = request;
  }

  /**
   * Lists one page.
   *
   * @returns The page, or null if `ifNoneMatch` is given and the page has not changed.
   * @throws PostsApiError `invalid_parameter` or `invalid_cursor` (400).
   */
  list(query: Q | undefined, options: ConditionalOptions): Promise<ForwardPage<T> | null>;
  list(query?: Q, options?: ReadOptions): Promise<ForwardPage<T>>;
  list(
    query: Q = {} as Q,
    options: ConditionalOptions | ReadOptions = {},
  ): Promise<ForwardPage<T> | null> {
    return nullIfNotModified(async () => {
      const { data, response } = await this.#request({ query, ...ifNoneMatch(options) }, options);
      return { ...data, etag: response.headers.get('ETag') };
    });
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
