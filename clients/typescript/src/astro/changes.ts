import type { PostsClient } from '../client.js';
import { PostsApiError } from '../errors.js';
import type { Post, PostSummary } from '../post.js';
import { sleep } from '../transport.js';
import {
  fingerprintOf,
  isStored,
  type PostsFilter,
  readContents,
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

/** How often `readSince` reads the feed while posts change. */
const MAX_ROUNDS = 3;

/**
 * Reads what has changed in the published posts since `cursor`. Without a cursor, or if the service no longer accepts it,
 * compares the entries with all posts.
 */
export async function readChanges(
  client: PostsClient,
  filter: PostsFilter,
  stored: StoredEntries,
  cursor: string | undefined,
): Promise<Update<string>> {
  try {
    if (cursor !== undefined) return await readSince(client, filter, stored, cursor);
  } catch (error) {
    const isLost = error instanceof PostsApiError && ['cursor_expired', 'invalid_cursor'].includes(error.code);
    if (!isLost) throw error;
  }
  return readAll(client, filter, stored);
}

async function readAll(client: PostsClient, filter: PostsFilter, stored: StoredEntries): Promise<Update<string>> {
  // What changes while the lists are read is behind this cursor, so the next load finds it.
  const { cursor } = await client.changes.list({ cursor: 'now', limit: 1 });
  await sleep(LIST_AGE, undefined);
  const changed: PostSummary[] = [];
  const unchanged = new Set<string>();
  for await (const post of client.posts.all({ ...filter, sort: 'id', view: 'summary' })) {
    if (isStored(stored, post)) unchanged.add(post.slug);
    else changed.push(post);
  }
  return { position: cursor, contents: await readContents(client, filter, changed), unchanged };
}

async function readSince(
  client: PostsClient,
  filter: PostsFilter,
  stored: StoredEntries,
  cursor: string,
): Promise<Update<string>> {
  const changes = new Map<number, PostSummary | null>();
  const contents = new Map<number, readonly [PostSummary, Post]>();
  let position = cursor;
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const changed: PostSummary[] = [];
    for await (const page of client.changes.pages({ cursor: position, view: 'summary' })) {
      for (const { id, post } of page.items) {
        changes.set(id, post);
        contents.delete(id);
        if (post && !isStored(stored, post)) changed.push(post);
      }
      position = page.cursor;
    }
    const missing = changed.filter((post) => changes.get(post.id) === post);
    if (missing.length === 0) break;
    await sleep(LIST_AGE, undefined);
    const found = await readBySlug(client, filter, missing);
    for (const content of found) contents.set(content[0].id, content);
    // The others do not match the filter, or have changed again. In that case, the feed contains another change.
    if (found.length === missing.length) break;
  }
  const unchanged = [...stored].filter(([slug, { id, fingerprint }]) => {
    const change = changes.get(id);
    return change === undefined || (change?.slug === slug && fingerprintOf(change) === fingerprint);
  });
  return { position, contents: [...contents.values()], unchanged: new Set(unchanged.map(([slug]) => slug)) };
}

/** Fetches the full posts of the summaries that match the filter. */
async function readBySlug(
  client: PostsClient,
  filter: PostsFilter,
  changed: readonly PostSummary[],
): Promise<[PostSummary, Post][]> {
  const selected = filter.slug === undefined || filter.slug === null ? undefined : new Set([filter.slug].flat());
  const summaries = new Map(changed.filter(({ slug }) => selected?.has(slug) ?? true).map((post) => [post.id, post]));
  const contents: [PostSummary, Post][] = [];
  for (const slug of groups([...summaries.values()].map(({ slug }) => slug))) {
    for await (const post of client.posts.all({ ...filter, slug, sort: 'id' })) {
      const summary = summaries.get(post.id);
      if (summary) contents.push([summary, post]);
    }
  }
  return contents;
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
