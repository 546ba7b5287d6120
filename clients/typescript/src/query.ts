import type { ListPostsData } from './generated/index.js';
import type { Metadata, Post, PostSummary } from './post.js';

type Parameters = NonNullable<ListPostsData['query']>;
type Time = string | Date;

/** `full`, or `summary`, which has an `excerpt` instead of the `content`. */
export type View = NonNullable<Parameters['view']>;

/** The type of a list's items in view `V`: `Post` for `full`, `PostSummary` for `summary`. */
export type PostOf<V extends View, M extends object = Metadata> = V extends 'summary' ? PostSummary<M> : Post<M>;

/**
 * Filters, order, and page of a list. By default, `list` returns published posts in descending order of id, 20 per
 * page.
 *
 * `limit` is an integer between 1 and 100. `cursor` is the `next_cursor` or `prev_cursor` of another page of the same
 * list. `q` is a full-text search of at most 500 characters. `count` adds `total` to the page.
 */
export interface ListQuery<V extends View = View> extends Pick<
  Parameters,
  'limit' | 'cursor' | 'sort' | 'q' | 'count'
> {
  /** `full` (default) or `summary`. */
  view?: V;
  /** `true` (default): published posts. `false`: drafts. `any`: both. `false` and `any` require an API key. */
  published?: boolean | 'any';
  /** Only posts with one of these slugs, at most 100. */
  slug?: string | string[];
  /** Only posts with one of these tags, at most 10. Upper and lower case of ASCII letters are equal. */
  tag?: string | string[];
  /** Only posts by one of these authors, at most 10. Upper and lower case of ASCII letters are equal. */
  author?: string | string[];
  /** Only posts published after this time, exclusive. Strings are RFC 3339. */
  published_after?: Time;
  /** Only posts published before this time, exclusive. Strings are RFC 3339. */
  published_before?: Time;
  /** Only posts updated after this time, exclusive. Strings are RFC 3339. */
  updated_after?: Time;
  /** Only posts updated before this time, exclusive. Strings are RFC 3339. */
  updated_before?: Time;
}

/**
 * Converts a query to the parameters of the generated client. The service stores times with microseconds, but a `Date`
 * has only milliseconds. To keep the microseconds, pass a string.
 */
export function toParameters(query: ListQuery): Parameters {
  const { published, slug, tag, author, published_after, published_before, updated_after, updated_before, ...same } =
    query;
  const parameters: Parameters = same;
  if (published !== undefined) parameters.published = `${published}`;
  for (const [name, values] of Object.entries({ slug, tag, author })) {
    if (values !== undefined) Object.assign(parameters, { [name]: typeof values === 'string' ? [values] : values });
  }
  for (const [name, time] of Object.entries({ published_after, published_before, updated_after, updated_before })) {
    if (time !== undefined) Object.assign(parameters, { [name]: typeof time === 'string' ? time : time.toISOString() });
  }
  return parameters;
}
