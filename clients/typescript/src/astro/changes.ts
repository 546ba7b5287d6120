import type { PostsClient } from '../client.js';
import type { Post, PostSummary } from '../post.js';
import type { ListQuery } from '../query.js';

/** The posts that a collection contains. By default, all published posts. */
export type PostsFilter = Pick<ListQuery, 'published' | 'slug' | 'tag' | 'author' | 'q' | 'published_after' | 'published_before'>;

/** A page of the index, stored for the next load. */
export interface IndexPage {
  readonly cursor: string | null;
  readonly next: string | null;
  readonly etag: string | null;
  /** The slug and fingerprint of each post on the page. */
  readonly posts: readonly (readonly [slug: string, fingerprint: string])[];
}

export interface Index {
  readonly pages: readonly IndexPage[];
  /** The posts that are new or have changed. */
  readonly changed: readonly PostSummary[];
}

/** Returns whether the collection contains the post with this slug, in the version with this fingerprint. */
export type IsStored = (slug: string, fingerprint: string) => boolean;

/** Identifies a version of a post. Contains `created_at`, because a recreated database repeats ids and versions. */
export function fingerprintOf({ id, version, created_at }: PostSummary): string {
  return `${id}-${version} ${created_at}`;
}

/**
 * Reads the summaries of all posts. If a page has not changed since the previous load, the service returns 304.
 *
 * It is not sufficient to read the posts after the newest known `updated_at`: this would miss deleted posts, and posts
 * that have an older `updated_at` because of an import or a slow clock.
 */
export async function readIndex(
  client: PostsClient,
  filter: PostsFilter,
  previous: readonly IndexPage[],
  isStored: IsStored,
): Promise<Index> {
  // If the database was replaced, the stored pages and their ETags are invalid, so all summaries are read again.
  return (await readPages(client, filter, previous, isStored)) ?? (await readIndex(client, filter, [], () => false));
}

/** Like `readIndex`, but returns `undefined` if the previous pages came from a different database. */
async function readPages(
  client: PostsClient,
  filter: PostsFilter,
  previous: readonly IndexPage[],
  isStored: IsStored,
): Promise<Index | undefined> {
  const query = { ...filter, sort: 'id', view: 'summary' } as const;
  // A post id with a different `created_at` means a different database.
  const fingerprints = new Map(
    previous.flatMap((page) => page.posts.map(([, fingerprint]) => [Number.parseInt(fingerprint, 10), fingerprint])),
  );
  const isFromOtherDatabase = (post: PostSummary): boolean =>
    !(fingerprints.get(post.id) ?? post.created_at).endsWith(post.created_at);
  // If all pages return 304, there is no post to compare. Therefore, one post is always read.
  if (fingerprints.size > 0 && (await client.posts.list({ ...query, limit: 1 })).items.some(isFromOtherDatabase)) {
    return undefined;
  }

  const pages: IndexPage[] = [];
  const changed: PostSummary[] = [];
  for (let cursor: string | null | undefined = null; cursor !== undefined; cursor = pages.at(-1)?.next ?? undefined) {
    const stored = previous.find(
      (page) => page.cursor === cursor && page.posts.every(([slug, fingerprint]) => isStored(slug, fingerprint)),
    );
    const pageQuery = { ...query, limit: 100, ...(cursor !== null && { cursor }) };
    const page = await (stored?.etag
      ? client.posts.list(pageQuery, { ifNoneMatch: stored.etag })
      : client.posts.list(pageQuery));
    if (page?.items.some(isFromOtherDatabase)) return undefined;
    changed.push(...(page?.items ?? []).filter((post) => !isStored(post.slug, fingerprintOf(post))));
    if (page) {
      const posts = page.items.map((post) => [post.slug, fingerprintOf(post)] as const);
      pages.push({ cursor, next: page.next_cursor, etag: page.etag, posts });
    } else if (stored) {
      pages.push(stored);
    }
  }
  return { pages, changed };
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
    if (summary) contents.push([summary, post]);
    if (missing.delete(post.id) && missing.size === 0) break;
  }
  // Posts that are still missing were deleted or unpublished after the summaries were read.
  return contents;
}
