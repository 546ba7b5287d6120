import { PostsApiError, type RequestLine } from './errors.js';
import type { Post as ApiPost } from './generated/index.js';
import type { Metadata, Post } from './post.js';
import type { ApiResponse } from './transport.js';

/** The fields that identify a version of a post or a webhook. Every summary of a post has them too. */
export interface PostVersion {
  readonly id: number;
  readonly version: number;
  readonly updated_at: string;
}

/** Identifies a version of a post or a webhook: an `ETag` string, or an object that a method of the client returned. */
export type ETag = string | PostVersion;

/** The `ETag` of the response that contained the object. */
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
    `the ETag of ${describe(tag)} is unknown, because lists and batches return none and copies lose it; ` +
      'read the post with get()',
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
  return storeETag<ApiPost>({ data, headers }) as Post<object> as Post<M>;
}

/** Returns the object of a response, and stores the response's `ETag` for {@link knownETag}. */
export function storeETag<T extends PostVersion>({ data, headers }: Pick<ApiResponse<T>, 'data' | 'headers'>): T {
  const etag = headers.get('ETag');
  if (etag !== null) tags.set(data, etag);
  return data;
}

/**
 * Returns the `ETag` for `If-Match`. If it is unknown, reads the object, and fails like the service if the object has
 * changed.
 */
export async function currentETag(
  tag: ETag,
  request: RequestLine,
  read: (id: number) => Promise<PostVersion>,
): Promise<string> {
  const etag = knownETag(tag);
  if (etag !== undefined) return etag;
  if (typeof tag !== 'object' || tag === null)
    throw new TypeError(`ifMatch must be an ETag or a post or webhook, not ${tag}`);
  const current = await read(tag.id);
  if (isSameVersion(current, tag)) return etagOf(current);
  const versions = `id ${tag.id} has version ${current.version} now, not ${tag.version}`;
  const detail = `${versions}: read it again, and repeat the change`;
  throw new PostsApiError(request, { status: 412, code: 'precondition_failed', detail });
}
