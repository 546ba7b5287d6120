from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="Label")


@_attrs_define
class Label:
    """A tag or an author of published posts."""

    name: str
    """The name, as the most recently published post spells it."""

    posts: int
    """The number of published posts with this name, without regard to ASCII case."""

    additional_properties: dict[str, Any] = _attrs_field(
        init=False, factory=dict[str, Any], repr=False
    )
    """Properties that this version of the client does not know."""

    def to_dict(self) -> dict[str, Any]:
        """Returns the object as a dictionary that can be encoded as JSON."""
        name = self.name

        posts = self.posts

        field_dict: dict[str, Any] = dict(self.additional_properties)
        field_dict.update(
            {
                "name": name,
                "posts": posts,
            }
        )
        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        """Returns the object with the properties in `src_dict`, which is decoded JSON."""
        d = dict(src_dict)
        name = d.pop("name")

        posts = d.pop("posts")

        label = cls(
            name=name,
            posts=posts,
        )
        label.additional_properties = d
        return label
