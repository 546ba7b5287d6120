import type { PostsClient } from '../client.js';
import type { Post, PostSummary } from '../post.js';
import type { ListQuery } from '../query.js';

/** The posts that a collection contains. By default, all published posts. */
export type PostsFilter = Pick<
  ListQuery,
  'published' | 'slug' | 'tag' | 'author' | 'q' | 'published_after' | 'published_before'
>;

/** An entry of the collection. */
export interface Stored {
  readonly id: number;
  readonly fingerprint: string;
}

/** The entries of the collection by slug. */
export type StoredEntries = ReadonlyMap<string, Stored>;

/** The result of a load. */
export interface Update<P> {
  /** The position from which the next load continues. */
  readonly position: P;
  /** The posts that are new or have changed. */
  readonly contents: readonly (readonly [PostSummary, Post])[];
  /** The slugs of the entries that remain as they are. */
  readonly unchanged: ReadonlySet<string>;
  /** The number of changed posts whose content was not available. The next load looks for them again. */
  readonly missing: number;
}

/** Identifies a version of a post. Contains `created_at`, because a recreated database repeats ids and versions. */
export function fingerprintOf({ id, version, created_at }: PostSummary): string {
  return `${id}-${version} ${created_at}`;
}

/** Returns whether the collection contains this version of a post under its slug. */
export function isStored(entries: StoredEntries, post: PostSummary): boolean {
  return entries.get(post.slug)?.fingerprint === fingerprintOf(post);
}

/**
 * Returns whether a listed post is at least as new as its summary. A list can be older than the summary if a cache,
 * such as a CDN, stores it.
 */
export function isCurrent(post: Post | PostSummary, summary: PostSummary): boolean {
  return post.version >= summary.version && post.created_at === summary.created_at;
}

/** Fetches the full posts of the changed summaries. Lists the posts updated since the oldest `updated_at` of these. */
export async function readContents(
  client: PostsClient,
  filter: PostsFilter,
  changed: readonly PostSummary[],
): Promise<[PostSummary, Post][]> {
  const contents: [PostSummary, Post][] = [];
  const missing = new Map(changed.map((post) => [post.id, post]));
  if (missing.size === 0) return contents;
  const oldest = Math.min(...changed.map(({ updated_at }) => Date.parse(updated_at)));
  // `updated_after` is exclusive, and a `Date` has no microseconds.
  const updated_after = new Date(oldest - 1);
  for await (const post of client.posts.all({ ...filter, sort: 'updated_at', updated_after })) {
    const summary = missing.get(post.id);
    if (!summary || !isCurrent(post, summary)) continue;
    contents.push([summary, post]);
    missing.delete(post.id);
    if (missing.size === 0) break;
  }
  // Posts that are still missing were deleted or unpublished after the summaries were read, or the list is outdated.
  return contents;
}

/** The summaries without contents, by id. */
export function missingFrom(
  summaries: readonly PostSummary[],
  contents: readonly (readonly [PostSummary, Post])[],
): Map<number, PostSummary> {
  const missing = new Map(summaries.map((post) => [post.id, post]));
  for (const [{ id }] of contents) missing.delete(id);
  return missing;
}

/** The slugs of the entries that contain an earlier version of these posts. */
export function entriesOf(posts: ReadonlyMap<number, PostSummary>, stored: StoredEntries): string[] {
  const isEarlier = ({ id, fingerprint }: Stored): boolean => {
    const post = posts.get(id);
    return post !== undefined && fingerprint.endsWith(` ${post.created_at}`);
  };
  return [...stored].filter(([, entry]) => isEarlier(entry)).map(([slug]) => slug);
}
