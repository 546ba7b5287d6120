from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, Self, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="ChangeItem")


@_attrs_define
class ChangeItem:
    """A change of a public post."""

    type_: str
    """`post.published`, `post.updated`, `post.unpublished`, or `post.deleted`. Decide by `post`, because
    later versions may add types."""

    id: int
    """The id of the post."""

    slug: str
    """The slug of the post. If the post is no longer public, its last public slug."""

    former_slugs: list[str]
    """Other slugs under which the post was public since the cursor."""

    version: int
    """The version of `post`. If `post` is null, the version of the removal. Ignore an item with an older
    version than yours."""

    at: datetime.datetime
    """The time of the change. In the pages that list all posts, `updated_at` of the post."""

    post: dict[str, Any] | None
    """The post."""

    additional_properties: dict[str, Any] = _attrs_field(
        init=False, factory=dict[str, Any], repr=False
    )
    """Properties that this version of the client does not know."""

    def to_dict(self) -> dict[str, Any]:
        """Returns the object as a dictionary that can be encoded as JSON."""
        type_ = self.type_

        id = self.id

        slug = self.slug

        former_slugs = self.former_slugs

        version = self.version

        at = self.at.isoformat()

        post: Any | None
        post = self.post

        field_dict: dict[str, Any] = dict(self.additional_properties)
        field_dict.update(
            {
                "type": type_,
                "id": id,
                "slug": slug,
                "former_slugs": former_slugs,
                "version": version,
                "at": at,
                "post": post,
            }
        )
        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        """Returns the object with the properties in `src_dict`, which is decoded JSON."""
        d = dict(src_dict)
        type_ = d.pop("type")

        id = d.pop("id")

        slug = d.pop("slug")

        former_slugs = cast(list[str], d.pop("former_slugs"))

        version = d.pop("version")

        at = datetime.datetime.fromisoformat(d.pop("at"))

        def _parse_post(data: object) -> Any | None:
            if data is None:
                return data
            return cast(Any | None, data)

        post = _parse_post(d.pop("post"))

        change_item = cls(
            type_=type_,
            id=id,
            slug=slug,
            former_slugs=former_slugs,
            version=version,
            at=at,
            post=post,
        )
        change_item.additional_properties = d
        return change_item
