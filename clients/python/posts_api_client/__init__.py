"""A client for posts-api: PostsClient, and AsyncPostsClient for asyncio and Trio."""

from ._async import AsyncPostsClient
from ._errors import KnownErrorCode, PostsApiError
from ._follow import ChangeBatch
from ._generated.api import ListAuthorsQuery, ListChangesQuery, ListPostsQuery, ListRedirectsQuery, ListTagsQuery
from ._generated.models import (
    ApiKey,
    ApiKeyRole,
    BatchItem,
    BatchOnConflict,
    CreatedApiKey,
    CreatePost,
    FieldError,
    Label,
    Post,
    PostSummary,
    PutPost,
    Redirect,
    UpdatePost,
)
from ._pages import Change, ChangePage, Page
from ._sync import PostsClient
from ._webhooks import (
    WebhookBurstEvent,
    WebhookChangeEvent,
    WebhookErrorCode,
    WebhookEvent,
    WebhookTestEvent,
    WebhookVerificationError,
    verify_webhook,
)

__all__ = [
    "ApiKey",
    "ApiKeyRole",
    "AsyncPostsClient",
    "BatchItem",
    "BatchOnConflict",
    "Change",
    "ChangeBatch",
    "ChangePage",
    "CreatePost",
    "CreatedApiKey",
    "FieldError",
    "KnownErrorCode",
    "Label",
    "ListAuthorsQuery",
    "ListChangesQuery",
    "ListPostsQuery",
    "ListRedirectsQuery",
    "ListTagsQuery",
    "Page",
    "Post",
    "PostSummary",
    "PostsApiError",
    "PostsClient",
    "PutPost",
    "Redirect",
    "UpdatePost",
    "WebhookBurstEvent",
    "WebhookChangeEvent",
    "WebhookErrorCode",
    "WebhookEvent",
    "WebhookTestEvent",
    "WebhookVerificationError",
    "verify_webhook",
]
