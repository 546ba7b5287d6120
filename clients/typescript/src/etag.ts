import type { Post as ApiPost } from './generated/index.js';
import type { Metadata, Post } from './post.js';
import type { ApiResponse } from './transport.js';

/** The fields that identify a version of a post. Every post and summary has them. */
export interface PostVersion {
  readonly id: number;
  readonly version: number;
  readonly updated_at: string;
}

/** Identifies a version of a post: an `ETag` string, or a post or summary that a method of the client returned. */
export type ETag = string | PostVersion;

/** The `ETag` of the response that contained a post. */
const tags = new WeakMap<PostVersion, string>();

/** Returns the `ETag` of a post, or undefined if it is unknown: the post is from a list or a batch, or it is a copy. */
export function knownETag(tag: ETag): string | undefined {
  return typeof tag === 'string' ? tag : tags.get(tag);
}

/**
 * Returns the `ETag` of a post, to store it or to send it with another client. A string is returned unchanged.
 *
 * @throws TypeError if the `ETag` is unknown: the post is from a list or a batch, or it is a copy.
 */
export function etagOf(tag: ETag): string {
  const etag = knownETag(tag);
  if (etag !== undefined) return etag;
  throw new TypeError(
    `the ETag of ${describe(tag)} is unknown, because lists and batches return none and copies lose it; read the post with get()`,
  );
}

function describe(tag: ETag): string {
  return typeof tag === 'object' && tag !== null ? `post ${tag.id}` : String(tag);
}

/** Returns whether two objects describe the same version of a post. */
export function isSameVersion(one: PostVersion, other: PostVersion): boolean {
  return one.id === other.id && one.version === other.version && one.updated_at === other.updated_at;
}

/** Returns the post of a response, and stores the response's `ETag` for {@link knownETag}. */
export function withETag<M extends object = Metadata>({ data, headers }: ApiResponse<ApiPost>): Post<M> {
  // The caller that creates the client states the type of the metadata. The client does not check it.
  const post = data as Post<object> as Post<M>;
  const etag = headers.get('ETag');
  if (etag !== null) tags.set(post, etag);
  return post;
}
