from typing import Literal, cast

ListAuthorsSort = Literal["-posts", "name"]


def check_list_authors_sort(value: str) -> ListAuthorsSort:
    """Accepts every value: a newer service may return more."""
    return cast(ListAuthorsSort, value)
