import { livePostsLoader } from '@posts-api/client/astro';
import { defineLiveCollection } from 'astro:content';
import { POSTS_API_URL } from 'astro:env/server';
import { renderMarkdown } from './lib/markdown';

export const collections = {
  blog: defineLiveCollection({
    loader: livePostsLoader({
      baseUrl: POSTS_API_URL,
      render: (content) => renderMarkdown(content),
      retries: 1,
      timeout: 5_000,
    }),
  }),
};
