import node from '@astrojs/node';
import sitemap from '@astrojs/sitemap';
import { defineConfig, envField } from 'astro/config';

// `secret` settings are read when the server starts and are not part of the build.
const setting = { context: 'server', access: 'secret' };

// SITE_URL is part of the build. This file is read before Astro loads .env.
try {
  process.loadEnvFile();
} catch (error) {
  if (error.code !== 'ENOENT') throw error;
}
const site = process.env.SITE_URL || 'http://localhost:4321';

export default defineConfig({
  site,
  adapter: node({ mode: 'standalone' }),
  devToolbar: { enabled: false },
  integrations: [
    sitemap({
      // The pages of tags and authors are rendered on demand, so the integration does not know them.
      customSitemaps: [new URL('/sitemap-labels.xml', site).href],
      // Written at build time. Contains no pages that search engines must not index.
      filter: (page) => !/\/(posts|preview|search|unavailable)\/?$/.test(page),
      // The canonical URL of a post is the one below /blog. Only the URL of the front page ends with a slash.
      serialize: (item) => ({
        ...item,
        url: item.url.replace(/\/archive\/(?=.)/, '/blog/').replace(/(?<=\/\/[^/]+\/.+)\/$/, ''),
      }),
    }),
  ],
  env: {
    schema: {
      POSTS_API_URL: envField.string({ ...setting, default: 'http://127.0.0.1:8080', url: true }),
      POSTS_API_READER_KEY: envField.string({ ...setting, optional: true }),
      PREVIEW_PASSWORD: envField.string({ ...setting, optional: true, min: 12 }),
    },
  },
});
