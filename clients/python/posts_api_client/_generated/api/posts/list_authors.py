from typing import TypedDict

from ...models.label_page import LabelPage
from ...models.list_authors_sort import ListAuthorsSort
from ...types import Request


class ListAuthorsQuery(TypedDict, total=False):
    """The query parameters of `list_authors`."""

    limit: int
    """The maximum number of names on the page."""

    cursor: str
    """`next_cursor` of the previous page of the same list. Only `limit` may differ from the request that
    returned it."""

    sort: ListAuthorsSort
    """The order of the names: `name` compares their bytes in lower case, and `-posts` begins with the name
    that most published posts have."""

    q: str
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
