import type * as api from './generated/index.js';

/** The type of `metadata` if the client is created without a type argument. */
export type Metadata = Record<string, unknown>;

type WithMetadata<T, M> = Omit<T, 'metadata'> & { metadata: M };
type WithOptionalMetadata<T, M> = Omit<T, 'metadata'> & { metadata?: M | null };

/** A JSON Merge Patch (RFC 7396) of `T`: omitted members keep their value, null removes a member. */
export type MergePatch<T> = { [K in keyof T]?: PatchedMember<T[K]> | null };

// Distributes over unions, so that it applies to the object of `object | undefined`.
type PatchedMember<T> = T extends readonly unknown[] ? T : T extends object ? MergePatch<T> : T;

/** A post. `M` is the type of its `metadata`. */
export interface Post<M extends object = Metadata> extends WithMetadata<api.Post, M> {}

/** A post without its content, as lists return it with `view: 'summary'`. */
export interface PostSummary<M extends object = Metadata> extends Omit<Post<M>, 'content'> {
  /** The beginning of the content as plain text. */
  excerpt: string;
}

export interface CreatePost<M extends object = Metadata> extends WithOptionalMetadata<api.CreatePost, M> {}

export interface PutPost<M extends object = Metadata> extends WithOptionalMetadata<api.PutPost, M> {}

export interface UpdatePost<M extends object = Metadata>
  extends WithOptionalMetadata<api.UpdatePost, MergePatch<M>> {}

/** Posts to create in one transaction. */
export interface Batch<M extends object = Metadata> extends Omit<api.Batch, 'posts'> {
  posts: CreatePost<M>[];
}

/** The outcome of one post in a batch. */
export interface BatchItem<M extends object = Metadata> extends Omit<api.BatchItem, 'post'> {
  post: Post<M>;
}

export interface BatchResponse<M extends object = Metadata> {
  items: BatchItem<M>[];
}
