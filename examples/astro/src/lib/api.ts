import { createPostsClient } from '@posts-api/client';
import { POSTS_API_READER_KEY, POSTS_API_URL } from 'astro:env/server';

// Short limits: a visitor is waiting, so an error page after a few seconds is better than a post after a minute.
const options = { baseUrl: POSTS_API_URL, retries: 1, maxRetryDelay: 1_000, timeout: 5_000 };

/** Reads published posts, without an API key. */
export const { posts } = createPostsClient(options);

/** Reads published posts and drafts with the reader key. Undefined if no key is configured. */
export const drafts = POSTS_API_READER_KEY
  ? createPostsClient({ ...options, apiKey: POSTS_API_READER_KEY }).posts
  : undefined;
