export type { Change, ChangePage, Changes, ChangesQuery, ChangeType } from './changes.js';
export { createPostsClient, type PostsClient, type PostsClientOptions } from './client.js';
export { type ErrorCode, type KnownErrorCode, PostsApiError } from './errors.js';
export { type ETag, etagOf, type PostVersion } from './etag.js';
export type { ChangeBatch, FollowOptions } from './follow.js';
export type {
  ApiKey,
  ApiKeys,
  CreateApiKey,
  CreatedApiKey,
  CreatedWebhook,
  CreateWebhook,
  FieldError,
  Label,
  Redirect,
  RotatedSecret,
  UpdateWebhook,
  Webhook,
  WebhookAttempt,
  WebhookTestResult,
} from './generated/index.js';
export type { Keys } from './keys.js';
export type { ForwardPage, LabelQuery, List, RedirectQuery } from './lists.js';
export type {
  CallOptions,
  ChangeOptions,
  ConditionalListOptions,
  ConditionalOptions,
  CreateOptions,
  FetchOptions,
  PublishOptions,
  PutOptions,
  ReadOptions,
  RequestHeaders,
} from './options.js';
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
export type { Page, Posts } from './posts.js';
export type { ListQuery, PostOf, View } from './query.js';
export {
  verifyWebhook,
  type VerifyWebhookOptions,
  type WebhookBurstEvent,
  type WebhookChangeEvent,
  type WebhookErrorCode,
  type WebhookEvent,
  type WebhookHeaders,
  type WebhookTestEvent,
  WebhookVerificationError,
} from './signature.js';
export type { Fetch, RetryOptions } from './transport.js';
export type { ReplayStart, RotateOptions, Webhooks } from './webhooks.js';
