import type { PostsClient } from '../client.js';
import type { Post, PostSummary } from '../generated/index.js';
import type { ListQuery } from '../query.js';

/** Which posts a collection has. */
export type PostsFilter = Pick<ListQuery, 'published' | 'slug' | 'q' | 'published_after' | 'published_before'>;

/** A page of the index, as it is kept for the next load. */
export interface IndexPage {
  readonly cursor: string | null;
  readonly next: string | null;
  readonly etag: string | null;
  /** What is on it: slugs and marks. */
  readonly posts: readonly (readonly [slug: string, mark: string])[];
}

export interface Index {
  readonly pages: readonly IndexPage[];
  /** Posts that are new or not as they were. */
  readonly changed: readonly PostSummary[];
}

/** Tells whether the collection holds the post with this slug as this mark says. */
export type Holds = (slug: string, mark: string) => boolean;

/** What a post is at a time. `created_at` is a part of it because a database that was made anew repeats the rest. */
export function markOf({ id, version, created_at }: PostSummary): string {
  return `${id}-${version} ${created_at}`;
}

/**
 * Reads the summaries of all posts: only so is it seen which are gone, and which an import or a slow clock has put behind
 * the newest `updated_at`. A page on which nothing has changed since `known` costs a 304.
 */
export async function readIndex(
  client: PostsClient,
  filter: PostsFilter,
  known: readonly IndexPage[],
  holds: Holds,
): Promise<Index> {
  // Where the database is another one, its ETags say nothing about what is known.
  return (await walk(client, filter, known, holds)) ?? (await readIndex(client, filter, [], () => false));
}

/** As `readIndex`; `undefined` where the posts that are known were another database's. */
async function walk(
  client: PostsClient,
  filter: PostsFilter,
  known: readonly IndexPage[],
  holds: Holds,
): Promise<Index | undefined> {
  const query = { ...filter, sort: 'id', view: 'summary' } as const;
  const born = new Map(known.flatMap((page) => page.posts.map(([, mark]) => [Number.parseInt(mark, 10), mark])));
  const isForeign = (post: PostSummary): boolean => !(born.get(post.id) ?? post.created_at).endsWith(post.created_at);
  // A 304 shows no post, so one is looked at in any case.
  if (born.size > 0 && (await client.posts.list({ ...query, limit: 1 })).items.some(isForeign)) return undefined;

  const pages: IndexPage[] = [];
  const changed: PostSummary[] = [];
  for (let cursor: string | null | undefined = null; cursor !== undefined; cursor = pages.at(-1)?.next ?? undefined) {
    const before = known.find(
      (page) => page.cursor === cursor && page.posts.every(([slug, mark]) => holds(slug, mark)),
    );
    const where = { ...query, limit: 100, ...(cursor !== null && { cursor }) };
    const page = await (before?.etag
      ? client.posts.list(where, { ifNoneMatch: before.etag })
      : client.posts.list(where));
    if (page?.items.some(isForeign)) return undefined;
    changed.push(...(page?.items ?? []).filter((post) => !holds(post.slug, markOf(post))));
    if (page) {
      const posts = page.items.map((post) => [post.slug, markOf(post)] as const);
      pages.push({ cursor, next: page.next_cursor, etag: page.etag, posts });
    } else if (before) {
      pages.push(before);
    }
  }
  return { pages, changed };
}

/** Reads the contents of what has changed, which is what was updated since the oldest of these posts was. */
export async function readContents(
  client: PostsClient,
  filter: PostsFilter,
  changed: readonly PostSummary[],
): Promise<[PostSummary, Post][]> {
  const contents: [PostSummary, Post][] = [];
  const missing = new Map(changed.map((post) => [post.id, post]));
  if (missing.size === 0) return contents;
  const oldest = Math.min(...changed.map(({ updated_at }) => Date.parse(updated_at)));
  // A bound is not itself included, and a `Date` has no microseconds.
  const updated_after = new Date(oldest - 1);
  for await (const post of client.posts.all({ ...filter, sort: 'updated_at', updated_after })) {
    const summary = missing.get(post.id);
    if (summary) contents.push([summary, post]);
    if (missing.delete(post.id) && missing.size === 0) break;
  }
  // What is missing still was deleted or unpublished in between.
  return contents;
}
