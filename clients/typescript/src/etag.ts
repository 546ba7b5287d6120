import type { Post as ApiPost } from './generated/index.js';
import type { Post } from './post.js';

/**
 * Identifies a version of a resource: an `ETag` string, or a `Post` that a method of the client returned. The posts of a
 * list or of a batch have no `ETag`.
 */
export type ETag = string | Post<object>;

/** The `ETag` of the response that contained a post. */
const tags = new WeakMap<Post<object>, string>();

/**
 * Returns the `ETag` of a post, for `If-Match` and `If-None-Match`. The post must be the object that a method of the
 * client returned. A string is returned unchanged.
 *
 * @throws TypeError if the `ETag` is unknown: the post is from a list or a batch, or it is a copy.
 */
export function etagOf(tag: ETag): string {
  if (typeof tag === 'string') return tag;
  const etag = tags.get(tag);
  if (etag === undefined) throw new TypeError(`the ETag of post ${tag.id} is unknown: read the post with get()`);
  return etag;
}

/** Returns the post of a response, and stores the response's `ETag` for {@link etagOf}. */
export function withETag<M extends object>({ data, response }: { data: ApiPost; response: Response }): Post<M> {
  // The caller that creates the client states the type of the metadata. The client does not check it.
  const post = data as Post<object> as Post<M>;
  const etag = response.headers.get('ETag');
  if (etag !== null) tags.set(post, etag);
  return post;
}
