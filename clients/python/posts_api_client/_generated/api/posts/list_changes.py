from typing import TypedDict

from ...models.change_page import ChangePage
from ...types import Request


class ListChangesQuery(TypedDict, total=False):
    """The query parameters of `list_changes`. Those that are None are not sent."""

    limit: int | None
    """The maximum number of items on the page; 100 if omitted. A page also ends after 1,000 changes, and
    at 8 MiB of content, without an API key at 1 MiB."""

    cursor: str | None
    """`cursor` of the previous page, or `now` for the end of the feed. Without a cursor, the feed begins
    with all published posts."""


def list_changes(
    query: ListChangesQuery,
    *,
    if_none_match: str | None = None,
) -> Request[ChangePage]:
    """List changes"""
    headers = {
        "If-None-Match": if_none_match,
    }
    return Request(
        "GET",
        "/api/changes",
        parse=ChangePage.from_dict,
        params=dict(query),
        headers={name: value for name, value in headers.items() if value is not None},
    )
