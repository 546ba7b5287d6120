// Checks that the loaders are assignable to Astro's own types.
import type { LiveLoader, Loader, LoaderContext } from 'astro/loaders';
import { z } from 'astro/zod';
import { defineCollection, defineLiveCollection } from 'astro/content/config';
import { PostsApiError, type Post, type PostSummary } from '@posts-api/client';
import { type LiveEntryFilter, type LiveListFilter, livePostsLoader, postsLoader } from '@posts-api/client/astro';

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_: Same<A, B>): void {}

const built = postsLoader({ baseUrl: 'http://127.0.0.1:8080' });
built satisfies Loader;
declare const context: LoaderContext;
void built.load(context);
same<z.infer<typeof built.schema>['content'], string | null>(true);
same<z.infer<typeof built.schema>['excerpt'], string>(true);
same<z.infer<typeof built.schema>['metadata'], Record<string, unknown>>(true);
same<z.infer<typeof built.schema>['tags'], string[]>(true);
defineCollection({ loader: built });

const metadata = z.object({ rating: z.number() });
const rated = postsLoader({ baseUrl: 'http://127.0.0.1:8080', metadata });
same<z.infer<typeof rated.schema>['metadata'], { rating: number }>(true);
defineCollection({ loader: rated });
const liveRated = livePostsLoader({ baseUrl: 'http://127.0.0.1:8080', metadata });
liveRated satisfies LiveLoader<Post<{ rating: number }>, LiveEntryFilter, LiveListFilter, PostsApiError>;
defineLiveCollection({ loader: liveRated });

const live = livePostsLoader({ baseUrl: 'http://127.0.0.1:8080' });
live satisfies LiveLoader<Post, LiveEntryFilter, LiveListFilter, PostsApiError>;
const summaries = livePostsLoader({ baseUrl: 'http://127.0.0.1:8080', view: 'summary' });
summaries satisfies LiveLoader<PostSummary, LiveEntryFilter, LiveListFilter, PostsApiError>;
defineLiveCollection({ loader: live });

// The types that Astro infers for `getLiveCollection`.
type DataOf<T> = T extends LiveLoader<infer D, infer _E, infer _C, infer _X> ? D : never;
type ErrorOf<T> = T extends LiveLoader<infer _D, infer _E, infer _C, infer X> ? X : never;
same<DataOf<typeof live>, Post>(true);
same<DataOf<typeof summaries>, PostSummary>(true);
same<ErrorOf<typeof live>, PostsApiError>(true);
