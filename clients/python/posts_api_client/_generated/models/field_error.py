from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="FieldError")


@_attrs_define
class FieldError:
    """An error in a field of the request body."""

    pointer: str
    """The location of the field in the body, as a JSON Pointer (RFC 6901). Empty for the body itself."""

    code: str
    """The stable name of the error, for programs. Later versions may add codes."""

    detail: str
    """A message for people that states what the value must be."""

    additional_properties: dict[str, Any] = _attrs_field(
        init=False, factory=dict[str, Any], repr=False
    )
    """Properties that this version of the client does not know."""

    def to_dict(self) -> dict[str, Any]:
        """Returns the object as a dictionary that can be encoded as JSON."""
        pointer = self.pointer

        code = self.code

        detail = self.detail

        field_dict: dict[str, Any] = dict(self.additional_properties)
        field_dict.update(
            {
                "pointer": pointer,
                "code": code,
                "detail": detail,
            }
        )
        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        """Returns the object with the properties in `src_dict`, which is decoded JSON."""
        d = dict(src_dict)
        pointer = d.pop("pointer")

        code = d.pop("code")

        detail = d.pop("detail")

        field_error = cls(
            pointer=pointer,
            code=code,
            detail=detail,
        )
        field_error.additional_properties = d
        return field_error
