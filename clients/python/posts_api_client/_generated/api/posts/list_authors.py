from typing import TypedDict

from ...models.label_page import LabelPage
from ...models.list_authors_sort import ListAuthorsSort
from ...types import Request


class ListAuthorsQuery(TypedDict, total=False):
    """The query parameters of `list_authors`. Those that are None are not sent."""

    limit: int | None
    """The maximum number of items on the page; 20 if omitted. A page of posts also ends at 8 MiB of
    content, without an API key at 1 MiB."""

    cursor: str | None
    """`next_cursor` or `prev_cursor` of another page of the same list. Only `limit`, `view`, and `count`
    may differ from the request that returned it."""

    sort: ListAuthorsSort | None
    """The order of the names: `name` compares their bytes in lower case, and `-posts` begins with the name
    that most published posts have. If omitted, the order is `name`."""

    q: str | None
    """Returns only names that begin with this text, without regard to ASCII case."""


def list_authors(
    query: ListAuthorsQuery,
    *,
    if_none_match: str | None = None,
) -> Request[LabelPage]:
    """List authors"""
    headers = {
        "If-None-Match": if_none_match,
    }
    return Request(
        "GET",
        "/api/authors",
        parse=LabelPage.from_dict,
        params=dict(query),
        headers={name: value for name, value in headers.items() if value is not None},
    )
