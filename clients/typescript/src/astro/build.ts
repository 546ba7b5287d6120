import { z } from 'astro/zod';
import { createPostsClient, type PostsClient, type PostsClientOptions } from '../client.js';
import type { Metadata, Post, PostSummary } from '../post.js';
import { readChanges } from './changes.js';
import { fingerprintOf, type PostsFilter, type StoredEntries, type Update } from './contents.js';
import { type IndexPage, readWithDrafts } from './drafts.js';
import type { Entry, LoaderContext } from './types.js';

export type { PostsFilter } from './contents.js';

/** The `data` of a collection entry: the post and its excerpt. */
export interface PostEntry<M extends object = Metadata> extends Post<M> {
  excerpt: string;
}

export interface PostsLoaderOptions<M extends object = Metadata> extends PostsClientOptions {
  /** The posts to load. Default: all published posts. `{ published: 'any' }` adds drafts and requires an API key. */
  filter?: PostsFilter | undefined;
  /** Whether to render the content with Astro's Markdown renderer. Default: true. */
  markdown?: boolean | undefined;
  /**
   * A schema for the `metadata` of the posts. If the metadata of a post does not match, the load fails. Default: any
   * object.
   */
  metadata?: z.ZodType<M> | undefined;
}

/** A content loader for Astro's `defineCollection`. To create one, call {@link postsLoader}. */
export interface PostsLoader<M extends object = Metadata> {
  name: string;
  load: (context: LoaderContext) => Promise<void>;
  schema: z.ZodType<PostEntry<M>>;
}

/**
 * Creates a loader that stores posts in a build-time collection. The ID of an entry is the post's slug. A load reads
 * the changes since the previous load, and fetches and renders only the posts that have changed.
 *
 * If a load fails, the loader logs an error and the collection keeps the posts of the previous load. If there is no
 * previous load with the same options, the loader throws and the build fails.
 *
 * @throws TypeError if `baseUrl` is not an http or https URL.
 */
export function postsLoader<M extends object = Metadata>(options: PostsLoaderOptions<M>): PostsLoader<M> {
  const client = createPostsClient(options);
  const { metadata = z.record(text, z.unknown()) } = options;
  const schema = fields.extend({ metadata }) as z.ZodType<object> as z.ZodType<PostEntry<M>>;
  return { name: '@posts-api/client', load: (context) => load(client, options, context), schema };
}

const text = z.string();
const fields = z.object({
  id: z.number(),
  slug: text,
  title: text,
  description: text.nullable(),
  tags: z.array(text),
  authors: z.array(text),
  image: text.nullable(),
  image_alt: text.nullable(),
  content: text.nullable(),
  excerpt: text,
  published: z.boolean(),
  published_at: text.nullable(),
  scheduled_for: text.nullable(),
  created_at: text,
  updated_at: text,
  version: z.number(),
});

type LoadOptions = Omit<PostsLoaderOptions, 'metadata'>;

/** What the loader stores between two loads. */
interface State {
  /** A digest of the options. The position is valid only for the same options. */
  readonly source: string;
  /** A digest of the entries. If other code has changed them, the loader compares all posts. */
  readonly entries: string;
  /**
   * The cursor of the change feed. For collections with drafts, the pages of their index. If it is absent, the loader
   * compares all posts.
   */
  readonly position?: string | readonly IndexPage[] | undefined;
}

const STATE_KEY = 'state';

async function load(client: PostsClient, options: LoadOptions, context: LoaderContext): Promise<void> {
  const { store, meta, logger } = context;
  const source = context.generateDigest(
    JSON.stringify([2, client.baseUrl, options.apiKey, options.filter, options.markdown]),
  );
  const previous = readState(meta.get(STATE_KEY), source);
  try {
    const update = await readUpdate(client, options.filter ?? {}, previous, context);
    const entries: Entry[] = [];
    for (const [summary, post] of update.contents) entries.push(await makeEntry(summary, post, options, context));
    // All requests and all rendering have succeeded. The steps below cannot fail and leave the collection half updated.
    const deleted = store.keys().filter((slug) => !update.unchanged.has(slug));
    for (const slug of deleted) store.delete(slug);
    for (const entry of entries) store.set(entry);
    const state: State = { source, entries: digestOf(context), position: update.position };
    meta.set(STATE_KEY, JSON.stringify(state));
    const removed = deleted.filter((slug) => !store.has(slug)).length;
    if (update.missing > 0) {
      logger.warn(`posts: ${update.missing} changed posts are not in the list yet; the next load looks for them again`);
    }
    logger.info(`posts: ${store.keys().length} total, ${entries.length} new or changed, ${removed} removed`);
  } catch (error) {
    if (!previous) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    logger.error(
      `failed to load ${context.collection}; keeping the ${store.keys().length} posts of the previous load: ${reason}`,
    );
  }
}

/** Reads the changes since the previous load, or all posts if there is no previous load with the same options. */
function readUpdate(
  client: PostsClient,
  filter: PostsFilter,
  previous: State | undefined,
  context: LoaderContext,
): Promise<Update<State['position']>> {
  const stored = previous ? storedEntries(context) : new Map();
  const position = previous?.entries === digestOf(context) ? previous.position : undefined;
  const { published = true } = filter;
  if (published === true || published === null) {
    return readChanges(client, filter, stored, typeof position === 'string' ? position : undefined);
  }
  return readWithDrafts(client, filter, stored, typeof position === 'object' ? position : []);
}

function storedEntries({ store }: LoaderContext): StoredEntries {
  return new Map(
    store.keys().flatMap((slug) => {
      const entry = store.get(slug);
      return entry ? [[slug, { id: Number(entry.data['id']), fingerprint: String(entry.digest) }]] : [];
    }),
  );
}

function digestOf({ store, generateDigest }: LoaderContext): string {
  return generateDigest(JSON.stringify(store.keys().map((slug) => [slug, store.get(slug)?.digest]).sort()));
}

async function makeEntry(
  summary: PostSummary,
  post: Post,
  options: LoadOptions,
  context: LoaderContext,
): Promise<Entry> {
  const id = post.slug;
  const data = await context.parseData({ id, data: { ...post, excerpt: summary.excerpt } });
  // The digest comes from the summary. If the post changed after the summary was read, the next load fetches it again.
  const entry: Entry = { id, data, digest: fingerprintOf(summary) };
  if (post.content === null) return entry;
  entry.body = post.content;
  if (options.markdown ?? true) entry.rendered = await context.renderMarkdown(withoutFrontmatter(post.content));
  return entry;
}

/**
 * Astro parses a leading block between `---` or `+++` lines as frontmatter. To prevent that, this function inserts a
 * link definition before the block, which adds nothing to the HTML.
 */
function withoutFrontmatter(markdown: string): string {
  return /^\uFEFF?\s*(---|\+\+\+)/.test(markdown) ? `[_]: <>\n\n${markdown}` : markdown;
}

function readState(text: string | undefined, source: string): State | undefined {
  if (text === undefined) return undefined;
  try {
    const state: State | null = JSON.parse(text);
    return state?.source === source ? state : undefined;
  } catch {
    return undefined;
  }
}
