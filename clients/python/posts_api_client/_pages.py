"""Pages of lists, entity tags, and slugs."""

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ._errors import PostsApiError
from ._generated import models
from ._generated.models import (
    CreatedWebhook,
    Label,
    LabelPage,
    Post,
    PostPage,
    PostSummary,
    Redirect,
    RedirectPage,
    Webhook,
)
from ._generated.types import Request, Unset

T = TypeVar("T")
PostVersion = str | Post | PostSummary
"""Identifies a version of a post: an `ETag`, or a post or a summary that a method returned."""
WebhookVersion = str | Webhook | CreatedWebhook
"""Identifies a version of a webhook: an `ETag`, or a webhook that a method returned."""


@dataclass(kw_only=True)
class Page(Generic[T]):
    """A page of a list."""

    items: list[T]
    next_cursor: str | None
    """The `cursor` of the next page. None on the last page."""
    prev_cursor: str | None = None
    """The `cursor` of the previous page of posts. None on the first page, and for other lists."""
    total: int | None = None
    """The number of posts in the whole list. None unless the query sets `count`."""
    total_is_estimate: bool | None = None
    """Whether `total` is an estimate. None unless the query sets `count`."""
    etag: str | None = None
    """The `ETag` of the page, for `if_none_match`. None if a proxy removed the header."""


@dataclass(kw_only=True)
class Change(Generic[T]):
    """A change of a public post."""

    type: str
    """`post.published`, `post.updated`, `post.unpublished`, or `post.deleted`. Later versions may add types: decide by
    `post`."""
    id: int
    """The id of the post."""
    slug: str
    """The slug of the post. For a post that is no longer public, the last public one."""
    former_slugs: list[str]
    """Other slugs under which the post was public since the cursor."""
    version: int
    """The version of `post`, or of its removal. Ignore a change with an older version than yours."""
    at: datetime.datetime
    """When the post was changed."""
    post: T | None
    """The post as it is now. None if the change removed it from the public posts."""


@dataclass(kw_only=True)
class ChangePage(Generic[T]):
    """A page of the change feed."""

    items: list[Change[T]]
    cursor: str
    """The `cursor` of the next page, also if there is none yet."""
    has_more: bool
    """Whether the next page has items already."""
    etag: str | None = None
    """The `ETag` of the page, for `if_none_match`. None if a proxy removed the header."""


def changes_request(
    request: Request[models.ChangePage], item_type: type[Post] | type[PostSummary]
) -> Request[ChangePage[Any]]:
    """Returns a request for a page of the change feed, with posts or with summaries."""

    def parse(data: Any) -> ChangePage[Any]:
        page = request.parse(data)
        return ChangePage(
            items=[
                Change(
                    type=item.type_,
                    id=item.id,
                    slug=item.slug,
                    former_slugs=item.former_slugs,
                    version=item.version,
                    at=item.at,
                    post=None if item.post is None else item_type.from_dict(item.post),
                )
                for item in page.items
            ],
            cursor=page.cursor,
            has_more=page.has_more,
        )

    return replace(request, parse, {**request.params, "view": view_of(item_type)})


def view_of(item_type: type[Post] | type[PostSummary]) -> str:
    return "summary" if item_type is PostSummary else "full"


def posts_request(request: Request[PostPage], item_type: type[Post] | type[PostSummary]) -> Request[Page[Any]]:
    """Returns a request for a page of posts or of summaries."""

    def parse(data: Any) -> Page[Any]:
        page = request.parse(data)
        return Page(
            items=[item_type.from_dict(item) for item in page.items],
            next_cursor=page.next_cursor,
            prev_cursor=page.prev_cursor,
            total=None if isinstance(page.total, Unset) else page.total,
            total_is_estimate=None if isinstance(page.total_is_estimate, Unset) else page.total_is_estimate,
        )

    return replace(request, parse, {**request.params, "view": view_of(item_type)})


def labels_request(request: Request[LabelPage]) -> Request[Page[Label]]:
    """Returns a request for a page of tags or of authors."""

    def parse(data: Any) -> Page[Label]:
        page = request.parse(data)
        return Page(items=page.items, next_cursor=page.next_cursor)

    return replace(request, parse, request.params)


def redirects_request(request: Request[RedirectPage]) -> Request[Page[Redirect]]:
    """Returns a request for a page of redirects."""

    def parse(data: Any) -> Page[Redirect]:
        page = request.parse(data)
        return Page(items=page.items, next_cursor=page.next_cursor)

    return replace(request, parse, request.params)


def replace(request: Request[Any], parse: Callable[[Any], T], params: dict[str, Any]) -> Request[T]:
    return Request(request.method, request.path, parse=parse, params=params, headers=request.headers)


def etag_of(page: str | Page[Any] | ChangePage[Any] | None) -> str | None:
    """Returns the `ETag` of a page. Raises ValueError if the page has none."""
    if page is None or isinstance(page, str):
        return page
    if page.etag is None:
        raise ValueError("the page has no ETag")
    return page.etag


def known_etag(version: PostVersion | WebhookVersion | None) -> str | None:
    """Returns the `ETag` of a version, or None if it is unknown: lists and batches return none."""
    if version is None or isinstance(version, str):
        return version
    return None if isinstance(version, PostSummary) else version.etag


def is_same_version(current: Post | Webhook, version: PostVersion | WebhookVersion | None) -> bool:
    """Returns whether the two describe the same version. An `ETag` is not compared."""
    if version is None or isinstance(version, str):
        return False
    return (current.id, current.version, current.updated_at) == (version.id, version.version, version.updated_at)


def checked_etag(
    request: Request[Any], version: Post | PostSummary | Webhook | CreatedWebhook, current: Post | Webhook
) -> str:
    """Returns the `ETag` of the current object. Raises the error of the service if the object has changed."""
    if not is_same_version(current, version):
        detail = (
            f"id {version.id} has version {current.version} now, not {version.version}; "
            "read it again, and repeat the change"
        )
        line = f"{request.method} {request.path}"
        raise PostsApiError(line, 412, "precondition_failed", "Precondition failed", detail)
    if current.etag is None:
        raise ValueError(f"the response of the service for id {current.id} has no ETag")
    return current.etag


def checked_slug(slug: str, method: str = "GET") -> str:
    """Rejects the slugs that would change the path of the URL, like the service rejects other invalid slugs."""
    if slug not in ("", ".", ".."):
        return slug
    request, detail = f"{method} /api/posts/by-slug/{slug}", "no post can have this slug"
    if method == "GET":
        raise PostsApiError(request, 404, "not_found", "Not found", detail)
    raise PostsApiError(request, 400, "invalid_parameter", "Invalid parameter", detail)
