import { type Post, PostsApiError, type PostSummary } from '@posts-api/client';
import { livePostsLoader, postsLoader } from '@posts-api/client/astro';

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_: Same<A, B>): void {}

const built = postsLoader({
  baseUrl: 'http://127.0.0.1:8080',
  filter: { published: 'any', slug: ['a'], tag: 'b', author: ['c'] },
  markdown: false,
});
const live = livePostsLoader({ baseUrl: 'http://127.0.0.1:8080', render: (content) => content });
const entry = await live.loadEntry({ collection: 'posts', filter: { id: 'a' } });
if (entry && 'data' in entry) same<typeof entry.data, Post>(true);
if (entry && 'error' in entry) same<typeof entry.error, PostsApiError>(true);

const summaries = livePostsLoader({ baseUrl: 'http://127.0.0.1:8080', view: 'summary' });
const list = await summaries.loadCollection({ collection: 'posts', filter: { limit: 5, sort: '-published_at' } });
if ('entries' in list) same<(typeof list.entries)[number]['data'], PostSummary>(true);

interface Meta {
  rating: number;
}
const parse = (metadata: unknown): Meta => metadata as Meta;
const rated = livePostsLoader({ baseUrl: 'http://127.0.0.1:8080', view: 'summary', metadata: { parse } });
const ratedList = await rated.loadCollection({ collection: 'posts', filter: { tag: ['a'], author: 'b' } });
if ('entries' in ratedList) same<(typeof ratedList.entries)[number]['data'], PostSummary<Meta>>(true);

export { built };
