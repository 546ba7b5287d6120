import { postsLoader } from '@posts-api/client/astro';
import { defineCollection } from 'astro:content';
import { POSTS_API_URL } from 'astro:env/server';

export const collections = {
  // The pages render the Markdown with `renderMarkdown`, which sanitizes it as for live posts.
  archive: defineCollection({ loader: postsLoader({ baseUrl: POSTS_API_URL, markdown: false }) }),
};
