import { z } from 'astro/zod';
import { createPostsClient, type PostsClient, type PostsClientOptions } from '../client.js';
import type { Post, PostSummary } from '../generated/index.js';
import { type IndexPage, markOf, type PostsFilter, readContents, readIndex } from './changes.js';
import type { Entry, LoaderContext } from './types.js';

export type { PostsFilter } from './changes.js';

/** The `data` of an entry: the post, and its excerpt for lists. */
export interface PostEntry extends Post {
  excerpt: string;
}

export interface PostsLoaderOptions extends PostsClientOptions {
  /** Which posts; all that are published where it is not given. With a reader key `{ published: 'any' }` has drafts too. */
  filter?: PostsFilter | undefined;
  /** Whether the content is Markdown, which is then rendered as Astro renders its own; true where it is not given. */
  markdown?: boolean | undefined;
}

/** A loader for `defineCollection`. */
export interface PostsLoader {
  name: string;
  load: (context: LoaderContext) => Promise<void>;
  schema: z.ZodType<PostEntry>;
}

/**
 * Loads posts at build time, under their slugs. Only what has changed since the last load is read and rendered again.
 * Where a load fails, the collection stays as it was and the log says so; the first load of a collection throws.
 */
export function postsLoader(options: PostsLoaderOptions): PostsLoader {
  const client = createPostsClient(options);
  return { name: '@posts-api/client', load: (context) => load(client, options, context), schema };
}

const text = z.string();
const schema = z.object({
  id: z.number(),
  slug: text,
  title: text,
  content: text.nullable(),
  excerpt: text,
  published: z.boolean(),
  published_at: text.nullable(),
  scheduled_for: text.nullable(),
  created_at: text,
  updated_at: text,
  version: z.number(),
});

/** What is kept between loads. */
interface State {
  /** What was asked of whom: the rest is of use for the same only. */
  readonly source: string;
  readonly pages: readonly IndexPage[];
}

const STATE = 'state';

async function load(client: PostsClient, options: PostsLoaderOptions, context: LoaderContext): Promise<void> {
  const { store, meta, logger } = context;
  const source = context.generateDigest(
    JSON.stringify([1, client.baseUrl, options.apiKey, options.filter, options.markdown]),
  );
  const last = readState(meta.get(STATE), source);
  try {
    const filter = options.filter ?? {};
    const holds = (slug: string, mark: string): boolean => last !== undefined && store.get(slug)?.digest === mark;
    const { pages, changed } = await readIndex(client, filter, last?.pages ?? [], holds);
    const entries: Entry[] = [];
    for (const [summary, post] of await readContents(client, filter, changed)) {
      entries.push(await makeEntry(summary, post, options, context));
    }
    // From here on nothing can fail, so the collection is never half of the one and half of the other.
    const replaced = new Set(changed.map(({ slug }) => slug));
    const kept = new Set(
      pages.flatMap(({ posts }) => posts.map(([slug]) => slug)).filter((slug) => !replaced.has(slug)),
    );
    const gone = store.keys().filter((slug) => !kept.has(slug));
    for (const slug of gone) store.delete(slug);
    for (const entry of entries) store.set(entry);
    meta.set(STATE, JSON.stringify({ source, pages } satisfies State));
    const left = gone.filter((slug) => !store.has(slug)).length;
    logger.info(`${store.keys().length} posts: ${entries.length} new or changed, ${left} gone`);
  } catch (error) {
    if (!last) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    logger.error(`${context.collection}: not loaded, its ${store.keys().length} posts stay as they were. ${reason}`);
  }
}

async function makeEntry(
  summary: PostSummary,
  post: Post,
  options: PostsLoaderOptions,
  context: LoaderContext,
): Promise<Entry> {
  const id = post.slug;
  const data = await context.parseData({ id, data: { ...post, excerpt: summary.excerpt } });
  // Where the post has changed since its summary was read, this mark makes the next load read it again.
  const entry: Entry = { id, data, digest: markOf(summary) };
  if (post.content === null) return entry;
  entry.body = post.content;
  if (options.markdown ?? true) entry.rendered = await context.renderMarkdown(withoutFrontmatter(post.content));
  return entry;
}

/** Astro takes lines between `---` at the beginning for frontmatter. An invisible definition before them prevents it. */
function withoutFrontmatter(markdown: string): string {
  return /^\uFEFF?\s*(---|\+\+\+)/.test(markdown) ? `[_]: <>\n\n${markdown}` : markdown;
}

function readState(text: string | undefined, source: string): State | undefined {
  if (text === undefined) return undefined;
  const state: State = JSON.parse(text);
  return state.source === source ? state : undefined;
}
