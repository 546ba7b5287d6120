import node from '@astrojs/node';
import { defineConfig, envField } from 'astro/config';

// `secret` settings are read when the server starts and are not part of the build.
const setting = { context: 'server', access: 'secret' };

export default defineConfig({
  adapter: node({ mode: 'standalone' }),
  devToolbar: { enabled: false },
  env: {
    schema: {
      POSTS_API_URL: envField.string({ ...setting, default: 'http://127.0.0.1:8080', url: true }),
      POSTS_API_READER_KEY: envField.string({ ...setting, optional: true }),
      PREVIEW_PASSWORD: envField.string({ ...setting, optional: true, min: 12 }),
    },
  },
});
