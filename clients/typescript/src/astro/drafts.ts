import type { PostsClient } from '../client.js';
import type { PostSummary } from '../post.js';
import {
  entriesOf,
  fingerprintOf,
  isStored,
  missingFrom,
  type PostsFilter,
  readContents,
  type StoredEntries,
  type Update,
} from './contents.js';

/** A page of the index, stored for the next load. */
export interface IndexPage {
  readonly cursor: string | null;
  readonly next: string | null;
  readonly etag: string | null;
  /** The slug and fingerprint of each post on the page. */
  readonly posts: readonly (readonly [slug: string, fingerprint: string])[];
}

interface Index {
  readonly pages: readonly IndexPage[];
  /** The posts that are new or have changed. */
  readonly changed: readonly PostSummary[];
}

/**
 * Reads the posts of a collection with drafts, which the change feed does not contain. `previous` are the pages of the
 * previous load.
 */
export async function readWithDrafts(
  client: PostsClient,
  filter: PostsFilter,
  stored: StoredEntries,
  previous: readonly IndexPage[],
): Promise<Update<readonly IndexPage[]>> {
  const { pages, changed } = await readIndex(client, filter, previous, stored);
  const replaced = new Set(changed.map(({ slug }) => slug));
  const listed = pages.flatMap(({ posts }) => posts.map(([slug]) => slug));
  const unchanged = new Set(listed.filter((slug) => !replaced.has(slug)));
  const contents = await readContents(client, filter, changed);
  // The next load reads the page of a missing post again, because the collection does not contain this version.
  const missing = missingFrom(changed, contents);
  for (const slug of entriesOf(missing, stored)) unchanged.add(slug);
  return { position: pages, contents, unchanged, missing: missing.size };
}

/**
 * Reads the summaries of all posts. If a page has not changed since the previous load, the service returns 304.
 *
 * It is not sufficient to read the posts after the newest known `updated_at`: this would miss deleted posts, and posts
 * that have an older `updated_at` because of an import or a slow clock.
 */
async function readIndex(
  client: PostsClient,
  filter: PostsFilter,
  previous: readonly IndexPage[],
  stored: StoredEntries,
): Promise<Index> {
  // If the database was replaced, the stored pages and their ETags are invalid, so all summaries are read again.
  return (await readPages(client, filter, previous, stored)) ?? (await readIndex(client, filter, [], new Map()));
}

/** Like `readIndex`, but returns `undefined` if the previous pages came from a different database. */
async function readPages(
  client: PostsClient,
  filter: PostsFilter,
  previous: readonly IndexPage[],
  stored: StoredEntries,
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
    const known = previous.find(
      ({ cursor: start, posts }) =>
        start === cursor && posts.every(([slug, fingerprint]) => stored.get(slug)?.fingerprint === fingerprint),
    );
    const pageQuery = { ...query, limit: 100, ...(cursor !== null && { cursor }) };
    const page = await (known?.etag
      ? client.posts.list(pageQuery, { ifNoneMatch: known.etag })
      : client.posts.list(pageQuery));
    if (page?.items.some(isFromOtherDatabase)) return undefined;
    changed.push(...(page?.items ?? []).filter((post) => !isStored(stored, post)));
    if (page) {
      const posts = page.items.map((post) => [post.slug, fingerprintOf(post)] as const);
      pages.push({ cursor, next: page.next_cursor, etag: page.etag, posts });
    } else if (known) {
      pages.push(known);
    }
  }
  return { pages, changed };
}
