from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.batch_item_result import BatchItemResult

if TYPE_CHECKING:
    from ..models.post import Post


T = TypeVar("T", bound="BatchItem")


@_attrs_define
class BatchItem:
    """The outcome of one post in a batch.

    Attributes:
        post (Post): A post. Example: {'id': 1, 'slug': 'hello-world', 'title': 'Hello, world', 'description': 'Where
            this blog begins.', 'tags': ['Rust', 'Web dev'], 'authors': ['Ada Lovelace'], 'image': '/images/hello.jpg',
            'image_alt': 'A hand that waves', 'metadata': {'canonical_url': 'https://example.com/hello'}, 'content': 'My
            first post.', 'published': True, 'published_at': '2026-01-31T12:00:00.000000Z', 'scheduled_for': None,
            'created_at': '2026-01-31T11:58:00.000000Z', 'updated_at': '2026-01-31T12:00:00.000000Z', 'version': 2}.
        result (BatchItemResult): `created`, `skipped` because the slug is in use, `replaced`, or `unchanged` because
            the post had all the values
            already.
    """

    post: Post
    result: BatchItemResult
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        post = self.post.to_dict()

        result = self.result.value

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "post": post,
                "result": result,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        from ..models.post import Post

        d = dict(src_dict)
        post = Post.from_dict(d.pop("post"))

        result = BatchItemResult(d.pop("result"))

        batch_item = cls(
            post=post,
            result=result,
        )

        batch_item.additional_properties = d
        return batch_item

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
