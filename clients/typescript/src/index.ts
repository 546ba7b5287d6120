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
  Batch,
  BatchItem,
  CreateApiKey,
  CreatedApiKey,
  CreatePost,
  CreatePostsResponse as BatchResponse,
  FieldError,
  Post,
  PostSummary,
  PutPost,
  UpdatePost,
} from './generated/index.js';
export type { ListQuery, PostOf, View } from './query.js';
export type { RetryOptions } from './transport.js';
