import { type Post, PostsApiError, type PostSummary } from '@posts-api/client';
import { livePostsLoader, postsLoader } from '@posts-api/client/astro';

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_: Same<A, B>): void {}

const built = postsLoader({
  baseUrl: 'http://127.0.0.1:8080',
  filter: { published: 'any', slug: ['a'] },
  markdown: false,
});
const live = livePostsLoader({ baseUrl: 'http://127.0.0.1:8080', render: (content) => content });
const entry = await live.loadEntry({ collection: 'posts', filter: { id: 'a' } });
if (entry && 'data' in entry) same<typeof entry.data, Post>(true);
if (entry && 'error' in entry) same<typeof entry.error, PostsApiError>(true);

const summaries = livePostsLoader({ baseUrl: 'http://127.0.0.1:8080', view: 'summary' });
const list = await summaries.loadCollection({ collection: 'posts', filter: { limit: 5, sort: '-published_at' } });
if ('entries' in list) same<(typeof list.entries)[number]['data'], PostSummary>(true);

export { built };
