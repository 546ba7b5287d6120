import type { ListPostsData } from './generated/index.js';
import type { Metadata, Post, PostSummary } from './post.js';

type Parameters = NonNullable<ListPostsData['query']>;

/**
 * The service stores times with microseconds, but a `Date` has only milliseconds. To keep the microseconds, pass a
 * string (RFC 3339).
 */
type Time = string | Date | null | undefined;

type Names = string | string[] | null | undefined;

/** Accepts null and undefined for each member of `T`, such as the result of `searchParams.get('cursor')`. */
export type Nullable<T> = { [K in keyof T]: T[K] | null | undefined };

/** `full`, or `summary`, which has an `excerpt` instead of the `content`. */
export type View = NonNullable<Parameters['view']>;

/** The type of a list's items in view `V`: `Post` for `full`, `PostSummary` for `summary`. */
export type PostOf<V extends View, M extends object = Metadata> = V extends 'summary' ? PostSummary<M> : Post<M>;

/**
 * Filters, order, and page of a list. By default, `list` returns published posts in descending order of id, 20 per
 * page.
 *
 * `limit` is an integer between 1 and 100. `cursor` is the `next_cursor` or `prev_cursor` of another page of the same
 * list. `q` is a full-text search of at most 500 characters. `count` adds `total` to the page. Parameters that are null
 * or undefined are not sent.
 */
export interface ListQuery<V extends View = View> extends Nullable<
  Pick<Parameters, 'limit' | 'cursor' | 'sort' | 'q' | 'count'>
> {
  /** `full` (default) or `summary`. */
  view?: V | undefined;
  /** `true` (default): published posts. `false`: drafts. `any`: both. `false` and `any` require an API key. */
  published?: boolean | 'any' | null | undefined;
  /** Only posts with one of these slugs, at most 100. */
  slug?: Names;
  /** Only posts with one of these tags, at most 10. Upper and lower case of ASCII letters are equal. */
  tag?: Names;
  /** Only posts by one of these authors, at most 10. Upper and lower case of ASCII letters are equal. */
  author?: Names;
  /** Only posts published after this time, exclusive. Strings are RFC 3339. */
  published_after?: Time;
  /** Only posts published before this time, exclusive. Strings are RFC 3339. */
  published_before?: Time;
  /** Only posts updated after this time, exclusive. Strings are RFC 3339. */
  updated_after?: Time;
  /** Only posts updated before this time, exclusive. Strings are RFC 3339. */
  updated_before?: Time;
}
