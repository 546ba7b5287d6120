from typing import Literal, cast

ListTagsSort = Literal["-posts", "name"]


def check_list_tags_sort(value: str) -> ListTagsSort:
    """Accepts every value: a newer service may return more."""
    return cast(ListTagsSort, value)
