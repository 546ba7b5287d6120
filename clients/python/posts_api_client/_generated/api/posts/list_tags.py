from typing import TypedDict

from ...models.label_page import LabelPage
from ...models.list_tags_sort import ListTagsSort
from ...types import Request


class ListTagsQuery(TypedDict, total=False):
    """The query parameters of `list_tags`."""

    limit: int
    """The maximum number of names on the page."""

    cursor: str
    """`next_cursor` of the previous page of the same list. Only `limit` may differ from the request that
    returned it."""

    sort: ListTagsSort
    """The order of the names: `name` compares their bytes in lower case, and `-posts` begins with the name
    that most published posts have."""

    q: str
    """Returns only names that begin with this text, without regard to ASCII case."""


def list_tags(
    query: ListTagsQuery,
    *,
    if_none_match: str | None = None,
) -> Request[LabelPage]:
    """List tags"""
    headers = {
        "If-None-Match": if_none_match,
    }
    return Request(
        "GET",
        "/api/tags",
        parse=LabelPage.from_dict,
        params=dict(query),
        headers={name: value for name, value in headers.items() if value is not None},
    )
