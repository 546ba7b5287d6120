import type { PostsClient } from '../client.js';
import { PostsApiError } from '../errors.js';
import type { Metadata, Post, PostSummary } from '../post.js';
import type { PostOf, View } from '../query.js';
import { sleep } from '../transport.js';
import {
  entriesOf,
  fingerprintOf,
  isCurrent,
  isStored,
  missingFrom,
  type PostsFilter,
  readContents,
  type Stored,
  type StoredEntries,
  type Update,
} from './contents.js';

/**
 * A list can be up to 100 ms old on another instance than the one that returned the changes. After this time, in
 * milliseconds, it contains all of them.
 */
const LIST_AGE = 200;

/** The longest part of a URL for slugs. Some proxies reject URLs of more than 8,000 characters. */
const MAX_SLUGS_LENGTH = 4_000;

/** A list accepts this many slugs. */
const MAX_SLUGS = 100;

/**
 * The waits before the lists are read, in milliseconds. A list that lacks changed posts is read again, because a CDN or
 * a proxy may have stored it.
 */
const WAITS = [LIST_AGE, 1_000, 5_000];

/** The filters by which the service selects posts. `slug` is applied here. */
const SERVICE_FILTERS = ['tag', 'author', 'q', 'published_after', 'published_before'] as const;

/**
 * Reads the changes of the published posts since `cursor`. Without a cursor, or if the service no longer accepts it,
 * compares the entries with all posts. The returned position is undefined if the next load has to compare all posts
 * too.
 */
export async function readChanges(
  client: PostsClient,
  filter: PostsFilter,
  stored: StoredEntries,
  cursor: string | undefined,
): Promise<Update<string | undefined>> {
  try {
    if (cursor !== undefined) return await readSince(client, filter, stored, cursor);
  } catch (error) {
    const isLost = error instanceof PostsApiError && ['cursor_expired', 'invalid_cursor'].includes(error.code);
    if (!isLost) throw error;
  }
  return readAll(client, filter, stored);
}

/** What has been read so far, by the ids of the posts. */
interface Progress {
  /** The posts in the feed, as of their last change. */
  readonly changes: Map<number, PostSummary | null>;
  readonly contents: Map<number, readonly [PostSummary, Post]>;
  /** The changed posts whose contents have not been found. */
  readonly missing: Map<number, PostSummary>;
}

async function readAll(
  client: PostsClient,
  filter: PostsFilter,
  stored: StoredEntries,
): Promise<Update<string | undefined>> {
  // Changes that are made while the lists are read come after this cursor, so the next load finds them.
  const { cursor } = await client.changes.list({ cursor: 'now', limit: 1 });
  await sleep(LIST_AGE, undefined);
  const changed: PostSummary[] = [];
  const current = new Map<string, Stored>();
  for await (const post of client.posts.all({ ...filter, sort: 'id', view: 'summary' })) {
    const entry = stored.get(post.slug);
    if (entry && isStored(stored, post)) current.set(post.slug, entry);
    else changed.push(post);
  }
  const found = await readContents(client, filter, changed);
  const contents = new Map(found.map((content) => [content[0].id, content] as const));
  const progress = { changes: new Map(), contents, missing: missingFrom(changed, found) };
  const position = progress.missing.size === 0 ? cursor : await readFeed(client, filter, stored, cursor, progress);
  return toUpdate(progress, stored, current, progress.missing.size === 0 ? position : undefined);
}

async function readSince(
  client: PostsClient,
  filter: PostsFilter,
  stored: StoredEntries,
  cursor: string,
): Promise<Update<string>> {
  const progress = { changes: new Map(), contents: new Map(), missing: new Map() };
  const position = await readFeed(client, filter, stored, cursor, progress);
  return toUpdate(progress, stored, stored, progress.missing.size === 0 ? position : cursor);
}

/** Keeps the entries in `current` that have not changed since, and the entries of missing posts. */
function toUpdate<P>(
  { changes, contents, missing }: Progress,
  stored: StoredEntries,
  current: StoredEntries,
  position: P,
): Update<P> {
  const unchanged = [...current].filter(([slug, { id, fingerprint }]) => {
    const change = changes.get(id);
    return change === undefined || (change?.slug === slug && fingerprintOf(change) === fingerprint);
  });
  return {
    position,
    contents: [...contents.values()],
    unchanged: new Set([...unchanged.map(([slug]) => slug), ...entriesOf(missing, stored)]),
    missing: missing.size,
  };
}

/** Reads the feed from `cursor`, and the contents of the changed posts. Returns the position in the feed. */
async function readFeed(
  client: PostsClient,
  filter: PostsFilter,
  stored: StoredEntries,
  cursor: string,
  { changes, contents, missing }: Progress,
): Promise<string> {
  const slugs = filter.slug === undefined || filter.slug === null ? undefined : new Set([filter.slug].flat());
  let position = cursor;
  for (const wait of WAITS) {
    // If a missing post was deleted, unpublished, or renamed, the feed contains another change.
    for await (const page of client.changes.pages({ cursor: position, view: 'summary' })) {
      for (const { id, post } of page.items) {
        changes.set(id, post);
        contents.delete(id);
        missing.delete(id);
        if (post && !isStored(stored, post) && (slugs?.has(post.slug) ?? true)) missing.set(id, post);
      }
      position = page.cursor;
    }
    if (missing.size === 0) break;
    await sleep(wait, undefined);
    for await (const content of readBySlug(client, filter, missing)) contents.set(content[0].id, content);
    for (const id of contents.keys()) missing.delete(id);
    for (const id of await findExcluded(client, filter, missing)) missing.delete(id);
    if (missing.size === 0) break;
  }
  return position;
}

/** The missing posts that do not match the filter. The list without the filter contains their current versions. */
async function findExcluded(
  client: PostsClient,
  filter: PostsFilter,
  missing: ReadonlyMap<number, PostSummary>,
): Promise<number[]> {
  const excluded: number[] = [];
  if (SERVICE_FILTERS.every((name) => filter[name] === undefined || filter[name] === null)) return excluded;
  // This list is read after the one with the filter. A cache that still has an old copy of that one has an old copy of
  // this one as well, so the post remains missing.
  for await (const [{ id }] of readBySlug(client, { view: 'summary' }, missing)) excluded.push(id);
  return excluded;
}

/** Lists the posts of the summaries that match the query. Omits posts that are older than their summaries. */
async function* readBySlug<V extends View = 'full'>(
  client: PostsClient,
  query: PostsFilter & { view?: V },
  summaries: ReadonlyMap<number, PostSummary>,
): AsyncGenerator<readonly [PostSummary, PostOf<V, Metadata>]> {
  for (const slug of groups([...summaries.values()].map(({ slug }) => slug))) {
    for await (const post of client.posts.all<V>({ ...query, slug, sort: 'id' })) {
      const summary = summaries.get(post.id);
      if (summary && isCurrent(post, summary)) yield [summary, post];
    }
  }
}

/** Divides slugs into groups that fit into a URL. */
function groups(slugs: readonly string[]): string[][] {
  const result: string[][] = [];
  let length = 0;
  for (const slug of slugs) {
    length += `&slug=${slug}`.length;
    const last = result.at(-1);
    if (last && length <= MAX_SLUGS_LENGTH && last.length < MAX_SLUGS) {
      last.push(slug);
    } else {
      result.push([slug]);
      length = `&slug=${slug}`.length;
    }
  }
  return result;
}
