from typing import TypedDict

from ...models.redirect_page import RedirectPage
from ...types import Request


class ListRedirectsQuery(TypedDict, total=False):
    """The query parameters of `list_redirects`."""

    limit: int
    """The maximum number of redirects on the page."""

    cursor: str
    """`next_cursor` of another page."""


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
