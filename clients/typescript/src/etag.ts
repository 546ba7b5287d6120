/** A post's id and version, which its `ETag` is made of: a `Post` or a `PostSummary`, or an `ETag` as it is. */
export type ETag = string | { readonly id: number; readonly version: number };

/** The `ETag` of a post as it was read, also from a list: what `If-Match` and `If-None-Match` take. */
export function etagOf(tag: ETag): string {
  return typeof tag === 'string' ? tag : `"${tag.id}-${tag.version}"`;
}
