import { defineConfig } from 'orval';

export default defineConfig({
  posts: {
    input: process.env.DOCUMENT,
    output: {
      target: 'build/orval.ts',
      client: 'fetch',
      baseUrl: { runtime: 'process.env.POSTS_API_URL' },
    },
  },
});
