from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.post_summary import PostSummary


T = TypeVar("T", bound="PostSummaryPage")


@_attrs_define
class PostSummaryPage:
    """A page of post summaries, as lists return it with `view=summary`.

    Example:
        {'items': [{'id': 1, 'slug': 'hello-world', 'title': 'Hello, world', 'description': 'Where this blog begins.',
            'tags': ['Rust', 'Web dev'], 'authors': ['Ada Lovelace'], 'image': '/images/hello.jpg', 'image_alt': 'A hand
            that waves', 'metadata': {'canonical_url': 'https://example.com/hello'}, 'excerpt': 'Where this blog begins.',
            'published': True, 'published_at': '2026-01-31T12:00:00.000000Z', 'scheduled_for': None, 'created_at':
            '2026-01-31T11:58:00.000000Z', 'updated_at': '2026-01-31T12:00:00.000000Z', 'version': 2}], 'next_cursor': None,
            'prev_cursor': None, 'total': 1, 'total_is_estimate': False}

    Attributes:
        items (list[PostSummary]):
        next_cursor (None | str): The `cursor` of the next page. Null on the last page.
        prev_cursor (None | str): The `cursor` of the previous page. Null on the first page.
        total (int | Unset): The number of posts in the whole list. Present only if `count` is `exact` or `estimated`.
        total_is_estimate (bool | Unset): Whether `total` is an estimate. Present only with `total`.
    """

    items: list[PostSummary]
    next_cursor: None | str
    prev_cursor: None | str
    total: int | Unset = UNSET
    total_is_estimate: bool | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        items = []
        for items_item_data in self.items:
            items_item = items_item_data.to_dict()
            items.append(items_item)

        next_cursor: None | str
        next_cursor = self.next_cursor

        prev_cursor: None | str
        prev_cursor = self.prev_cursor

        total = self.total

        total_is_estimate = self.total_is_estimate

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "items": items,
                "next_cursor": next_cursor,
                "prev_cursor": prev_cursor,
            }
        )
        if total is not UNSET:
            field_dict["total"] = total
        if total_is_estimate is not UNSET:
            field_dict["total_is_estimate"] = total_is_estimate

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        from ..models.post_summary import PostSummary

        d = dict(src_dict)
        items = []
        _items = d.pop("items")
        for items_item_data in _items:
            items_item = PostSummary.from_dict(items_item_data)

            items.append(items_item)

        def _parse_next_cursor(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        next_cursor = _parse_next_cursor(d.pop("next_cursor"))

        def _parse_prev_cursor(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        prev_cursor = _parse_prev_cursor(d.pop("prev_cursor"))

        total = d.pop("total", UNSET)

        total_is_estimate = d.pop("total_is_estimate", UNSET)

        post_summary_page = cls(
            items=items,
            next_cursor=next_cursor,
            prev_cursor=prev_cursor,
            total=total,
            total_is_estimate=total_is_estimate,
        )

        post_summary_page.additional_properties = d
        return post_summary_page

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
