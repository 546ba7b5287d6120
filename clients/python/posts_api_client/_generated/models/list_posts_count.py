from typing import Literal, cast

ListPostsCount = Literal["estimated", "exact", "none"]


def check_list_posts_count(value: str) -> ListPostsCount:
    """Accepts every value: a newer service may return more."""
    return cast(ListPostsCount, value)
