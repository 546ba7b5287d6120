from typing import Literal, cast

ListPostsPublished = Literal["any", "false", "true"]


def check_list_posts_published(value: str) -> ListPostsPublished:
    """Accepts every value: a newer service may return more."""
    return cast(ListPostsPublished, value)
