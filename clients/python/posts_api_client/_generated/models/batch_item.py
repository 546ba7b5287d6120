from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.batch_item_result import BatchItemResult, check_batch_item_result

if TYPE_CHECKING:
    from ..models.post import Post


T = TypeVar("T", bound="BatchItem")


@_attrs_define
class BatchItem:
    """The outcome of one post in a batch."""

    result: BatchItemResult
    """`created`, `skipped` because the slug is in use, `replaced`, or `unchanged` because the post had all
    the values already."""

    post: Post
    """A post."""

    additional_properties: dict[str, Any] = _attrs_field(
        init=False, factory=dict[str, Any], repr=False
    )
    """Properties that this version of the client does not know."""

    def to_dict(self) -> dict[str, Any]:
        """Returns the object as a dictionary that can be encoded as JSON."""
        result: str = self.result

        post = self.post.to_dict()

        field_dict: dict[str, Any] = dict(self.additional_properties)
        field_dict.update(
            {
                "result": result,
                "post": post,
            }
        )
        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        """Returns the object with the properties in `src_dict`, which is decoded JSON."""
        from ..models.post import Post

        d = dict(src_dict)
        result = check_batch_item_result(d.pop("result"))

        post = Post.from_dict(d.pop("post"))

        batch_item = cls(
            result=result,
            post=post,
        )
        batch_item.additional_properties = d
        return batch_item
