export {
  type CallOptions,
  type ChangeOptions,
  type ConditionalOptions,
  type CreateOptions,
  createPostsClient,
  type Keys,
  type Page,
  type Posts,
  type PostsClient,
  type PostsClientOptions,
  type PublishOptions,
  type PutOptions,
  type ReadOptions,
} from './client.js';
export { PostsApiError } from './errors.js';
export { type ETag, etagOf } from './etag.js';
export type {
  ApiKey,
  ApiKeys,
  CreateApiKey,
  CreatedApiKey,
  FieldError,
  Label,
  Redirect,
} from './generated/index.js';
export type { ForwardPage, LabelQuery, List, RedirectQuery } from './lists.js';
export type {
  Batch,
  BatchItem,
  BatchResponse,
  CreatePost,
  MergePatch,
  Metadata,
  Post,
  PostSummary,
  PutPost,
  UpdatePost,
} from './post.js';
export type { ListQuery, PostOf, View } from './query.js';
export type { RetryOptions } from './transport.js';
