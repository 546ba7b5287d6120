/**
 * Identifies a version of a resource: an `ETag` string, or a `Post` or `PostSummary`, whose `ETag` is derived from it.
 */
export type ETag = string | { readonly id: number; readonly version: number };

/**
 * Returns the `ETag` of a post, for `If-Match` and `If-None-Match`. The post may come from any response, including a
 * list. A string is returned unchanged.
 */
export function etagOf(tag: ETag): string {
  return typeof tag === 'string' ? tag : `"${tag.id}-${tag.version}"`;
}
