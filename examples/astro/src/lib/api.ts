import { createPostsClient } from '@posts-api/client';
import { POSTS_API_READER_KEY, POSTS_API_URL } from 'astro:env/server';

// The limits, in milliseconds, are short because a visitor is waiting: an error page after some seconds is better than
// a post after a minute.
const options = { baseUrl: POSTS_API_URL, retries: 1, maxRetryDelay: 1_000, timeout: 5_000 };

/** Reads published posts and their tags, without an API key. */
export const { posts, tags } = createPostsClient(options);

/** Reads published posts and drafts with the reader key. Undefined if no key is configured. */
export const drafts = POSTS_API_READER_KEY
  ? createPostsClient({ ...options, apiKey: POSTS_API_READER_KEY }).posts
  : undefined;
