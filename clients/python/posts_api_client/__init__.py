"""A client for posts-api: PostsClient, and AsyncPostsClient for asyncio and Trio."""

from ._async import AsyncPostsClient
from ._errors import KnownErrorCode, PostsApiError
from ._generated.api import ListAuthorsQuery, ListPostsQuery, ListRedirectsQuery, ListTagsQuery
from ._generated.models import (
    ApiKey,
    BatchItem,
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
    "AsyncPostsClient",
    "BatchItem",
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
