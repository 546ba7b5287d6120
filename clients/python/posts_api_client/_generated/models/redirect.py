from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="Redirect")


@_attrs_define
class Redirect:
    """An old slug of a published post, and its present one."""

    from_: str
    """The old slug."""

    to: str
    """The present slug of the post."""

    id: int
    """The id of the post."""

    additional_properties: dict[str, Any] = _attrs_field(
        init=False, factory=dict[str, Any], repr=False
    )
    """Properties that this version of the client does not know."""

    def to_dict(self) -> dict[str, Any]:
        """Returns the object as a dictionary that can be encoded as JSON."""
        from_ = self.from_

        to = self.to

        id = self.id

        field_dict: dict[str, Any] = dict(self.additional_properties)
        field_dict.update(
            {
                "from": from_,
                "to": to,
                "id": id,
            }
        )
        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        """Returns the object with the properties in `src_dict`, which is decoded JSON."""
        d = dict(src_dict)
        from_ = d.pop("from")

        to = d.pop("to")

        id = d.pop("id")

        redirect = cls(
            from_=from_,
            to=to,
            id=id,
        )
        redirect.additional_properties = d
        return redirect
