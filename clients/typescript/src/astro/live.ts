import { createPostsClient, type PostsClient, type PostsClientOptions } from '../client.js';
import { PostsApiError } from '../errors.js';
import type { Post, PostSummary } from '../generated/index.js';
import type { ListQuery, PostOf, View } from '../query.js';
import type { LiveEntry, PostsLiveLoader } from './types.js';

export interface LivePostsLoaderOptions<V extends View = 'full'> extends PostsClientOptions {
  /** `summary` gives entries with an `excerpt` in place of the `content`; `full` where it is not given. */
  view?: V | undefined;
  /** Makes HTML of a content, for `render(entry)`. It is put into the page as it is, so it must be safe. */
  render?: ((content: string) => string | Promise<string>) | undefined;
}

/** What `getLiveEntry` takes. */
export interface LiveEntryFilter {
  /** The post's slug. */
  id: string;
}

/** What `getLiveCollection` takes. */
export interface LiveListFilter extends Omit<ListQuery, 'view' | 'cursor' | 'count'> {
  /** How many posts at most, 100 where it is not given; more than 100 are read page by page. */
  limit?: number;
}

/** Loads posts when a page asks for them. Errors come as `error`, a `PostsApiError`; a post that is not there as Astro's own. */
export function livePostsLoader<V extends View = 'full'>(
  options: LivePostsLoaderOptions<V>,
): PostsLiveLoader<PostOf<V>, LiveEntryFilter, LiveListFilter, PostsApiError> {
  const client = createPostsClient(options);
  const entryOf =
    (collection: string) =>
    async (post: PostOf<V>): Promise<LiveEntry<PostOf<V>>> => ({
      id: post.slug,
      data: post,
      ...(await rendered(post, options)),
      cacheHint: { tags: [collection, `${collection}:${post.id}`], lastModified: new Date(post.updated_at) },
    });
  return {
    name: '@posts-api/client',
    loadEntry: ({ collection, filter }) =>
      errorAsValue(async () => {
        const post = await find(client, options, filter.id);
        return post && (await entryOf(collection)(post));
      }),
    loadCollection: ({ collection, filter = {} }) =>
      errorAsValue(async () => {
        const posts = await list(client, options, filter);
        const entries = await Promise.all(posts.map(entryOf(collection)));
        const newest = Math.max(...posts.map((post) => Date.parse(post.updated_at)));
        const lastModified = posts.length === 0 ? {} : { lastModified: new Date(newest) };
        return { entries, cacheHint: { tags: [collection], ...lastModified } };
      }),
  };
}

async function find<V extends View>(
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

async function list<V extends View>(
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

async function rendered(post: Post | PostSummary, { render }: { render?: LivePostsLoaderOptions['render'] }) {
  if (!render || !('content' in post) || post.content === null) return {};
  return { rendered: { html: await render(post.content) } };
}

async function errorAsValue<T>(work: () => Promise<T>): Promise<T | { error: PostsApiError }> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof PostsApiError) return { error };
    throw error;
  }
}
