from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="UpdatePost")


@_attrs_define
class UpdatePost:
    """A JSON Merge Patch (RFC 7396) of a post. Omitted fields keep their values, and null clears a field.

    Example:
        {'title': 'Hello again'}

    Attributes:
        content (None | str | Unset): The text, in any markup: at most 512 KiB of UTF-8, without U+0000. Null removes
            it. Example: Rewritten..
        published (bool | Unset): `true` publishes the post at once, `false` makes it a draft. Both cancel a scheduled
            publication. Example: True.
        slug (str | Unset): The name of the post in URLs. The post can no longer be found by its previous slug. Example:
            hello-again.
        title (str | Unset): The title: 1 to 200 characters. Leading and trailing whitespace is removed. Example: Hello
            again.
    """

    content: None | str | Unset = UNSET
    published: bool | Unset = UNSET
    slug: str | Unset = UNSET
    title: str | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        content: None | str | Unset
        if isinstance(self.content, Unset):
            content = UNSET
        else:
            content = self.content

        published = self.published

        slug = self.slug

        title = self.title

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if content is not UNSET:
            field_dict["content"] = content
        if published is not UNSET:
            field_dict["published"] = published
        if slug is not UNSET:
            field_dict["slug"] = slug
        if title is not UNSET:
            field_dict["title"] = title

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)

        def _parse_content(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        content = _parse_content(d.pop("content", UNSET))

        published = d.pop("published", UNSET)

        slug = d.pop("slug", UNSET)

        title = d.pop("title", UNSET)

        update_post = cls(
            content=content,
            published=published,
            slug=slug,
            title=title,
        )

        return update_post
