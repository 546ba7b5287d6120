import { createPostsClient, type PostsClient, type PostsClientOptions } from '../client.js';
import { PostsApiError } from '../errors.js';
import type { Metadata, Post, PostSummary } from '../post.js';
import type { ListQuery, PostOf, View } from '../query.js';
import type { LiveEntry, PostsLiveLoader } from './types.js';

export interface LivePostsLoaderOptions<
  V extends View = 'full',
  M extends object = Metadata,
> extends PostsClientOptions {
  /** `full` (default), or `summary` for entries with an `excerpt` instead of the `content`. */
  view?: V | undefined;
  /**
   * Converts the content to HTML for `render(entry)`. Astro does not escape this HTML, so the function must sanitize
   * it.
   */
  render?: ((content: string) => string | Promise<string>) | undefined;
  /**
   * A schema for the `metadata` of the posts, such as `z.object({ … })`. If the metadata of a post does not match,
   * Astro returns a `LiveCollectionError`.
   */
  metadata?: { parse: (metadata: unknown) => M } | undefined;
}

/** The filter of `getLiveEntry`. */
export interface LiveEntryFilter {
  /** The post's slug. */
  id: string;
}

/** The filter of `getLiveCollection`. */
export interface LiveListFilter extends Omit<ListQuery, 'view' | 'cursor' | 'count'> {
  /** The maximum number of posts. Default: all posts. They are read in pages of at most 100. */
  limit?: number | null | undefined;
}

/**
 * Creates a loader that fetches posts at request time, for `defineLiveCollection`.
 *
 * If a request fails, the loader returns the {@link PostsApiError} as `error`. If a post does not exist, Astro returns
 * a `LiveEntryNotFoundError`.
 *
 * @throws TypeError if `baseUrl` is not an http or https URL.
 */
export function livePostsLoader<V extends View = 'full', M extends object = Metadata>(
  options: LivePostsLoaderOptions<V, M>,
): PostsLiveLoader<PostOf<V, M>, LiveEntryFilter, LiveListFilter, PostsApiError> {
  const client = createPostsClient<M>(options);
  const toEntry =
    (collection: string) =>
    async (post: PostOf<V, M>): Promise<LiveEntry<PostOf<V, M>>> => ({
      id: post.slug,
      data: options.metadata ? { ...post, metadata: options.metadata.parse(post.metadata) } : post,
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
        return { entries, cacheHint: { tags: listTags(collection, filter), ...lastModified } };
      }),
  };
}

/**
 * The cache tags of a list: the collection and, with the filter `tag` or `author`, each of its names. The names are
 * percent-encoded, because CDNs separate the tags in a header with commas or spaces.
 */
function listTags(collection: string, { tag, author }: LiveListFilter): string[] {
  const names = Object.entries({ tag, author }).flatMap(([field, values]) =>
    [values ?? []].flat().map((name) => `${collection}:${field}:${encodeURIComponent(foldName(name))}`),
  );
  return [collection, ...names];
}

/** Names that differ only in white space, Unicode normalization, or the case of ASCII letters are equal in a filter. */
function foldName(name: string): string {
  const normalized = name.trim().replace(/\s+/g, ' ').normalize('NFC');
  return normalized.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

async function findBySlug<V extends View, M extends object>(
  client: PostsClient<M>,
  options: LivePostsLoaderOptions<V, M>,
  slug: string,
): Promise<PostOf<V, M> | undefined> {
  const post = await client.posts.findBySlug(slug);
  if (post === null) return undefined;
  if (options.view !== 'summary') return post as PostOf<V, M>;
  const published = post.published ? true : 'any';
  return (await client.posts.list<V>({ slug: post.slug, published, view: options.view })).items[0];
}

async function listPosts<V extends View, M extends object>(
  client: PostsClient<M>,
  { view }: LivePostsLoaderOptions<V, M>,
  filter: LiveListFilter,
): Promise<PostOf<V, M>[]> {
  const { limit: requested, ...query } = filter;
  const limit = requested ?? Number.POSITIVE_INFINITY;
  const posts: PostOf<V, M>[] = [];
  if (limit <= 0) return posts;
  for await (const post of client.posts.all<V>({ ...query, ...(view && { view }), limit: Math.min(limit, 100) })) {
    if (posts.push(post) >= limit) break;
  }
  return posts;
}

async function renderContent(
  post: Post<object> | PostSummary<object>,
  { render }: { render?: LivePostsLoaderOptions['render'] },
) {
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
