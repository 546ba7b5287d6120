import { createPostsClient, type PostsClient, type PostsClientOptions } from '../client.js';
import { PostsApiError } from '../errors.js';
import type { Post, PostSummary } from '../generated/index.js';
import type { ListQuery, PostOf, View } from '../query.js';
import type { LiveEntry, PostsLiveLoader } from './types.js';

export interface LivePostsLoaderOptions<V extends View = 'full'> extends PostsClientOptions {
  /** `full` (default), or `summary` for entries with an `excerpt` instead of the `content`. */
  view?: V | undefined;
  /**
   * Converts the content to HTML for `render(entry)`. Astro does not escape this HTML, so the function must sanitize
   * it.
   */
  render?: ((content: string) => string | Promise<string>) | undefined;
}

/** The filter of `getLiveEntry`. */
export interface LiveEntryFilter {
  /** The post's slug. */
  id: string;
}

/** The filter of `getLiveCollection`. */
export interface LiveListFilter extends Omit<ListQuery, 'view' | 'cursor' | 'count'> {
  /** The maximum number of posts. Default: 100. Larger numbers are read in pages of 100. */
  limit?: number;
}

/**
 * Creates a loader that fetches posts at request time, for `defineLiveCollection`.
 *
 * If a request fails, the loader returns the {@link PostsApiError} as `error`. If a post does not exist, Astro returns
 * a `LiveEntryNotFoundError`.
 *
 * @throws TypeError if `baseUrl` is not an http or https URL.
 */
export function livePostsLoader<V extends View = 'full'>(
  options: LivePostsLoaderOptions<V>,
): PostsLiveLoader<PostOf<V>, LiveEntryFilter, LiveListFilter, PostsApiError> {
  const client = createPostsClient(options);
  const toEntry =
    (collection: string) =>
    async (post: PostOf<V>): Promise<LiveEntry<PostOf<V>>> => ({
      id: post.slug,
      data: post,
      ...(await renderContent(post, options)),
      cacheHint: { tags: [collection, `${collection}:${post.id}`], lastModified: new Date(post.updated_at) },
    });
  return {
    name: '@posts-api/client',
    loadEntry: ({ collection, filter }) =>
      returnError(async () => {
        const post = await findBySlug(client, options, filter.id);
        return post && (await toEntry(collection)(post));
      }),
    loadCollection: ({ collection, filter = {} }) =>
      returnError(async () => {
        const posts = await listPosts(client, options, filter);
        const entries = await Promise.all(posts.map(toEntry(collection)));
        const newest = Math.max(...posts.map((post) => Date.parse(post.updated_at)));
        const lastModified = posts.length === 0 ? {} : { lastModified: new Date(newest) };
        return { entries, cacheHint: { tags: [collection], ...lastModified } };
      }),
  };
}

async function findBySlug<V extends View>(
  client: PostsClient,
  options: LivePostsLoaderOptions<V>,
  slug: string,
): Promise<PostOf<V> | undefined> {
  try {
    const post = await client.posts.getBySlug(slug);
    if (options.view !== 'summary') return post as PostOf<V>;
    const published = post.published ? true : 'any';
    return (await client.posts.list<V>({ slug, published, view: options.view })).items[0];
  } catch (error) {
    if (error instanceof PostsApiError && error.code === 'not_found') return undefined;
    throw error;
  }
}

async function listPosts<V extends View>(
  client: PostsClient,
  { view }: LivePostsLoaderOptions<V>,
  filter: LiveListFilter,
): Promise<PostOf<V>[]> {
  const { limit = 100, ...query } = filter;
  const posts: PostOf<V>[] = [];
  if (limit <= 0) return posts;
  for await (const post of client.posts.all<V>({ ...query, ...(view && { view }), limit: Math.min(limit, 100) })) {
    if (posts.push(post) >= limit) break;
  }
  return posts;
}

async function renderContent(post: Post | PostSummary, { render }: { render?: LivePostsLoaderOptions['render'] }) {
  if (!render || !('content' in post) || post.content === null) return {};
  return { rendered: { html: await render(post.content) } };
}

async function returnError<T>(work: () => Promise<T>): Promise<T | { error: PostsApiError }> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof PostsApiError) return { error };
    throw error;
  }
}
