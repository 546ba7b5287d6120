from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.change_item import ChangeItem


T = TypeVar("T", bound="ChangePage")


@_attrs_define
class ChangePage:
    """A page of the change feed."""

    items: list[ChangeItem]
    """The changes in order. Each post is listed once, at its last change on the page."""

    cursor: str
    """The `cursor` of the next page, even if that page has no items yet."""

    has_more: bool
    """Whether the next page has items already."""

    additional_properties: dict[str, Any] = _attrs_field(
        init=False, factory=dict[str, Any], repr=False
    )
    """Properties that this version of the client does not know."""

    def to_dict(self) -> dict[str, Any]:
        """Returns the object as a dictionary that can be encoded as JSON."""
        items: list[Any] = []
        for items_item_data in self.items:
            items_item = items_item_data.to_dict()
            items.append(items_item)

        cursor = self.cursor

        has_more = self.has_more

        field_dict: dict[str, Any] = dict(self.additional_properties)
        field_dict.update(
            {
                "items": items,
                "cursor": cursor,
                "has_more": has_more,
            }
        )
        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        """Returns the object with the properties in `src_dict`, which is decoded JSON."""
        from ..models.change_item import ChangeItem

        d = dict(src_dict)
        _items = d.pop("items")
        items: list[ChangeItem] = []
        for items_item_data in _items:
            items_item = ChangeItem.from_dict(items_item_data)

            items.append(items_item)

        cursor = d.pop("cursor")

        has_more = d.pop("has_more")

        change_page = cls(
            items=items,
            cursor=cursor,
            has_more=has_more,
        )
        change_page.additional_properties = d
        return change_page
