import { postsLoader } from '@posts-api/client/astro';
import { defineCollection } from 'astro:content';
import { POSTS_API_URL } from 'astro:env/server';

export const collections = {
  // The pages make the HTML, so that it is as safe as that of the live posts.
  archive: defineCollection({ loader: postsLoader({ baseUrl: POSTS_API_URL, markdown: false }) }),
};
