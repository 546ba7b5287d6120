export { type LiveEntryFilter, type LiveListFilter, livePostsLoader, type LivePostsLoaderOptions } from './live.js';
export { type PostEntry, type PostsFilter, postsLoader, type PostsLoader, type PostsLoaderOptions } from './build.js';
export type { CacheHint, LiveEntry, PostsLiveLoader } from './types.js';
