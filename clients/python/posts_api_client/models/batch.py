from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar

from attrs import define as _attrs_define

from ..models.batch_on_conflict import BatchOnConflict
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.create_post import CreatePost


T = TypeVar("T", bound="Batch")


@_attrs_define
class Batch:
    """Posts to store together, all or none.

    Example:
        {'posts': [{'title': 'Hello, world', 'slug': 'hello-world'}], 'on_conflict': 'skip'}

    Attributes:
        posts (list[CreatePost]): 1 to 500 posts. No two may request the same slug.
        on_conflict (BatchOnConflict | Unset): What happens to a post whose slug is in use: `error` rejects the whole
            batch, `skip` leaves the existing post unchanged, and `replace` replaces it. Default: BatchOnConflict.ERROR.
    """

    posts: list[CreatePost]
    on_conflict: BatchOnConflict | Unset = BatchOnConflict.ERROR

    def to_dict(self) -> dict[str, Any]:
        posts = []
        for posts_item_data in self.posts:
            posts_item = posts_item_data.to_dict()
            posts.append(posts_item)

        on_conflict: str | Unset = UNSET
        if not isinstance(self.on_conflict, Unset):
            on_conflict = self.on_conflict.value

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "posts": posts,
            }
        )
        if on_conflict is not UNSET:
            field_dict["on_conflict"] = on_conflict

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        from ..models.create_post import CreatePost

        d = dict(src_dict)
        posts = []
        _posts = d.pop("posts")
        for posts_item_data in _posts:
            posts_item = CreatePost.from_dict(posts_item_data)

            posts.append(posts_item)

        _on_conflict = d.pop("on_conflict", UNSET)
        on_conflict: BatchOnConflict | Unset
        if isinstance(_on_conflict, Unset):
            on_conflict = UNSET
        else:
            on_conflict = BatchOnConflict(_on_conflict)

        batch = cls(
            posts=posts,
            on_conflict=on_conflict,
        )

        return batch
