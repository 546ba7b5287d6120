from typing import Literal, cast

ListPostsSort = Literal[
    "-id",
    "-published_at",
    "-title",
    "-updated_at",
    "id",
    "published_at",
    "relevance",
    "title",
    "updated_at",
]


def check_list_posts_sort(value: str) -> ListPostsSort:
    """Accepts every value: a newer service may return more."""
    return cast(ListPostsSort, value)
