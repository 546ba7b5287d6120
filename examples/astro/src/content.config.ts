import { postsLoader } from '@posts-api/client/astro';
import { defineCollection } from 'astro:content';
import { POSTS_API_URL } from 'astro:env/server';

export const collections = {
  // The archive pages call `renderMarkdown`, which also sanitizes the HTML. `live.config.ts` uses the same function.
  archive: defineCollection({ loader: postsLoader({ baseUrl: POSTS_API_URL, markdown: false }) }),
};
