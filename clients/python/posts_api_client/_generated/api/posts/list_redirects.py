from typing import TypedDict

from ...models.redirect_page import RedirectPage
from ...types import Request


class ListRedirectsQuery(TypedDict, total=False):
    """The query parameters of `list_redirects`. Those that are None are not sent."""

    limit: int | None
    """The maximum number of items on the page; 20 if omitted. A page of posts also ends at 8 MiB of
    content, without an API key at 1 MiB."""

    cursor: str | None
    """`next_cursor` or `prev_cursor` of another page of the same list. Only `limit`, `view`, and `count`
    may differ from the request that returned it."""


def list_redirects(
    query: ListRedirectsQuery,
    *,
    if_none_match: str | None = None,
) -> Request[RedirectPage]:
    """List redirects"""
    headers = {
        "If-None-Match": if_none_match,
    }
    return Request(
        "GET",
        "/api/redirects",
        parse=RedirectPage.from_dict,
        params=dict(query),
        headers={name: value for name, value in headers.items() if value is not None},
    )
