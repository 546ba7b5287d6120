import { createPostsClient } from '@posts-api/client';
import { POSTS_API_READER_KEY, POSTS_API_URL } from 'astro:env/server';

// Somebody waits for the page: better a clear message soon than the post late.
const options = { baseUrl: POSTS_API_URL, retries: 1, maxRetryDelay: 1_000, timeout: 5_000 };

/** What everyone may read. */
export const { posts } = createPostsClient(options);

/** What a reader key may read: drafts, too. Without a key there are none. */
export const drafts = POSTS_API_READER_KEY
  ? createPostsClient({ ...options, apiKey: POSTS_API_READER_KEY }).posts
  : undefined;
