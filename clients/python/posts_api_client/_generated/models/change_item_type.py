from typing import Literal, cast

ChangeItemType = Literal[
    "post.deleted", "post.published", "post.unpublished", "post.updated"
]


def check_change_item_type(value: str) -> ChangeItemType:
    """Accepts every value: a newer service may return more."""
    return cast(ChangeItemType, value)
