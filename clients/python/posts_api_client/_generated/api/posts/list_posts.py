import datetime
from typing import TypedDict

from ...models.list_posts_count import ListPostsCount
from ...models.list_posts_published import (
    ListPostsPublished,
)
from ...models.list_posts_sort import ListPostsSort
from ...models.post_page import PostPage
from ...types import Request


class ListPostsQuery(TypedDict, total=False):
    """The query parameters of `list_posts`. Those that are None are not sent."""

    limit: int | None
    """The maximum number of items on the page; 20 if omitted. A page of posts also ends at 8 MiB of
    content, without an API key at 1 MiB."""

    cursor: str | None
    """`next_cursor` or `prev_cursor` of another page of the same list. Only `limit`, `view`, and `count`
    may differ from the request that returned it."""

    sort: ListPostsSort | None
    """The order of the posts; `-` means descending. Posts with equal values are ordered by id. If omitted,
    the order is `relevance` with `q`, and otherwise `-id`. `relevance` requires `q`: posts whose title
    contains all words come first, then the newest."""

    published: ListPostsPublished | bool | None
    """`true` lists published posts, `false` lists drafts, and `any` lists both. If omitted, the list has
    published posts. `false` and `any` require an API key."""

    slug: list[str] | str | None
    """Returns only posts with one of these slugs. Can be repeated up to 100 times."""

    tag: list[str] | str | None
    """Returns only posts with this tag, ignoring ASCII case. Can be repeated up to 10 times, for posts
    with any of the tags."""

    author: list[str] | str | None
    """Returns only posts by this author, ignoring ASCII case. Can be repeated up to 10 times, for posts by
    any of the authors."""

    published_after: datetime.datetime | str | None
    """Returns only posts published after this time."""

    published_before: datetime.datetime | str | None
    """Returns only posts published before this time."""

    updated_after: datetime.datetime | str | None
    """Returns only posts changed after this time."""

    updated_before: datetime.datetime | str | None
    """Returns only posts changed before this time."""

    q: str | None
    """Returns only posts that contain all of these words in title or content, for example `rust async*`.
    `"Quotes"` match a phrase, `word*` matches a prefix; case and diacritics are ignored. At most 20
    words, of which at most 4 are prefixes."""

    count: ListPostsCount | None
    """`exact` and `estimated` add `total` and `total_is_estimate` to the response; `none`, or no value,
    does not. `estimated` is exact up to 10,000 posts and costs less. Without an API key, `exact` is
    exact up to 100,000 posts, and an estimate above."""


def list_posts(
    query: ListPostsQuery,
    *,
    if_none_match: str | None = None,
) -> Request[PostPage]:
    """List posts"""
    headers = {
        "If-None-Match": if_none_match,
    }
    return Request(
        "GET",
        "/api/posts",
        parse=PostPage.from_dict,
        params=dict(query),
        headers={name: value for name, value in headers.items() if value is not None},
    )
