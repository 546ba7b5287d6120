from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.redirect import Redirect


T = TypeVar("T", bound="RedirectPage")


@_attrs_define
class RedirectPage:
    """A page of redirects."""

    items: list[Redirect]
    """The redirects, in alphabetical order of the old slugs."""

    next_cursor: str | None
    """The `cursor` of the next page. Null on the last page."""

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

        next_cursor: None | str
        next_cursor = self.next_cursor

        field_dict: dict[str, Any] = dict(self.additional_properties)
        field_dict.update(
            {
                "items": items,
                "next_cursor": next_cursor,
            }
        )
        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        """Returns the object with the properties in `src_dict`, which is decoded JSON."""
        from ..models.redirect import Redirect

        d = dict(src_dict)
        _items = d.pop("items")
        items: list[Redirect] = []
        for items_item_data in _items:
            items_item = Redirect.from_dict(items_item_data)

            items.append(items_item)

        def _parse_next_cursor(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        next_cursor = _parse_next_cursor(d.pop("next_cursor"))

        redirect_page = cls(
            items=items,
            next_cursor=next_cursor,
        )
        redirect_page.additional_properties = d
        return redirect_page
