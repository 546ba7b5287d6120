import type { ListPostsData, Post, PostSummary } from './generated/index.js';

type Parameters = NonNullable<ListPostsData['query']>;
type Time = string | Date;

/** `full`, or `summary`: an `excerpt` in place of the `content`. */
export type View = NonNullable<Parameters['view']>;

/** What a list gives with this view. */
export type PostOf<V extends View> = V extends 'summary' ? PostSummary : Post;

/** Which posts to list, and how. What is left out is the service's default: published posts, newest first, 20 a page. */
export interface ListQuery<V extends View = View> extends Pick<
  Parameters,
  'limit' | 'cursor' | 'sort' | 'q' | 'count'
> {
  view?: V;
  /** `true`, which is the default; with a key also `false` for drafts, and `any` for both. */
  published?: boolean | 'any';
  /** Only posts with one of these slugs, at most 100. */
  slug?: string | string[];
  /** Only posts published after this time. */
  published_after?: Time;
  /** Only posts published before this time. */
  published_before?: Time;
  /** Only posts changed after this time. */
  updated_after?: Time;
  /** Only posts changed before this time. */
  updated_before?: Time;
}

/** The query as the generated client takes it. A `Date` has milliseconds, the service's times have microseconds. */
export function toParameters(query: ListQuery): Parameters {
  const { published, slug, published_after, published_before, updated_after, updated_before, ...same } = query;
  const parameters: Parameters = same;
  if (published !== undefined) parameters.published = `${published}`;
  if (slug !== undefined) parameters.slug = typeof slug === 'string' ? [slug] : slug;
  for (const [name, time] of Object.entries({ published_after, published_before, updated_after, updated_before })) {
    if (time !== undefined) Object.assign(parameters, { [name]: typeof time === 'string' ? time : time.toISOString() });
  }
  return parameters;
}
