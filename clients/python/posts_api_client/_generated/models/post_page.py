from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="PostPage")


@_attrs_define
class PostPage:
    """A page of posts."""

    items: list[Any]
    """The posts, in the order of the list."""

    next_cursor: str | None
    """The `cursor` of the next page. Null on the last page."""

    prev_cursor: str | None
    """The `cursor` of the previous page. Null on the first page."""

    total: int | Unset = UNSET
    """The number of posts in the whole list. Present only if `count` is `exact` or `estimated`."""

    total_is_estimate: bool | Unset = UNSET
    """Whether `total` is an estimate. Present only with `total`."""

    additional_properties: dict[str, Any] = _attrs_field(
        init=False, factory=dict[str, Any], repr=False
    )
    """Properties that this version of the client does not know."""

    def to_dict(self) -> dict[str, Any]:
        """Returns the object as a dictionary that can be encoded as JSON."""
        items = self.items

        next_cursor: None | str
        next_cursor = self.next_cursor

        prev_cursor: None | str
        prev_cursor = self.prev_cursor

        total = self.total

        total_is_estimate = self.total_is_estimate

        field_dict: dict[str, Any] = dict(self.additional_properties)
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
        """Returns the object with the properties in `src_dict`, which is decoded JSON."""
        d = dict(src_dict)
        items = cast(list[Any], d.pop("items"))

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

        post_page = cls(
            items=items,
            next_cursor=next_cursor,
            prev_cursor=prev_cursor,
            total=total,
            total_is_estimate=total_is_estimate,
        )
        post_page.additional_properties = d
        return post_page
