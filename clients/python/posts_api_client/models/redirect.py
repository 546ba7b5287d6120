from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="Redirect")


@_attrs_define
class Redirect:
    """An old slug of a published post, and its present one.

    Example:
        {'from': 'hello', 'to': 'hello-world', 'id': 1}

    Attributes:
        from_ (str): The old slug. Example: hello.
        id (int): The id of the post. Example: 1.
        to (str): The present slug of the post. Example: hello-world.
    """

    from_: str
    id: int
    to: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from_ = self.from_

        id = self.id

        to = self.to

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "from": from_,
                "id": id,
                "to": to,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        from_ = d.pop("from")

        id = d.pop("id")

        to = d.pop("to")

        redirect = cls(
            from_=from_,
            id=id,
            to=to,
        )

        redirect.additional_properties = d
        return redirect

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
