"""A client for posts-api: PostsClient, and AsyncPostsClient for asyncio and Trio."""

from ._async import AsyncPostsClient
from ._errors import KnownErrorCode, PostsApiError
from ._generated.api import ListAuthorsQuery, ListPostsQuery, ListRedirectsQuery, ListTagsQuery
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
from ._pages import Page
from ._sync import PostsClient

__all__ = [
    "ApiKey",
    "ApiKeyRole",
    "AsyncPostsClient",
    "BatchItem",
    "BatchOnConflict",
    "CreatePost",
    "CreatedApiKey",
    "FieldError",
    "KnownErrorCode",
    "Label",
    "ListAuthorsQuery",
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
]
