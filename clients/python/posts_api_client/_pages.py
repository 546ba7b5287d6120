"""Pages of lists, entity tags, and slugs."""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ._errors import PostsApiError
from ._generated.models import LabelPage, Post, PostPage, RedirectPage
from ._generated.types import Unset

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True, kw_only=True)
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
    etag: str | None
    """The `ETag` of the page, for `if_none_match`. None if a proxy removed the header."""


def page_of(items: list[T], page: PostPage | LabelPage | RedirectPage) -> Page[T]:
    """Returns a page with these items and the other fields of `page`."""
    if not isinstance(page, PostPage):
        return Page(items=items, next_cursor=page.next_cursor, etag=page.etag)
    return Page(
        items=items,
        next_cursor=page.next_cursor,
        prev_cursor=page.prev_cursor,
        total=_none_if_unset(page.total),
        total_is_estimate=_none_if_unset(page.total_is_estimate),
        etag=page.etag,
    )


def _none_if_unset(value: U | Unset) -> U | None:
    return None if isinstance(value, Unset) else value


def etag_of(version: str | Post | Page[Any] | None) -> str | None:
    """Returns the `ETag` that identifies a version.

    Raises ValueError if the post or page has none.
    """
    if version is None or isinstance(version, str):
        return version
    if version.etag is None:
        subject = f"post {version.id}" if isinstance(version, Post) else "this page"
        raise ValueError(f"the ETag of {subject} is unknown; posts of a list or batch have none: read the post with get()")
    return version.etag


def checked_slug(slug: str, method: str = "GET") -> str:
    """Rejects the slugs that would change the path of the URL, like the service rejects other invalid slugs."""
    if slug not in ("", ".", ".."):
        return slug
    request, detail = f"{method} /api/posts/by-slug/{slug}", "no post can have this slug"
    if method == "GET":
        raise PostsApiError(request, 404, "not_found", "Not found", detail)
    raise PostsApiError(request, 400, "invalid_parameter", "Invalid parameter", detail)
