from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="PutPost")


@_attrs_define
class PutPost:
    """A post to create or replace by slug.

    Example:
        {'content': 'My first post.', 'published': True, 'title': 'Hello, world'}

    Attributes:
        title (str): The title: 1 to 200 characters. Leading and trailing whitespace is removed. Example: Hello, world.
        content (None | str | Unset): The text, in any markup: at most 512 KiB of UTF-8, without U+0000. If omitted or
            null, the post has no content. Example: My first post..
        published (bool | Unset): Whether the post is public. If omitted, the post becomes a draft, even if it replaces
            a published post. Default: False. Example: True.
    """

    title: str
    content: None | str | Unset = UNSET
    published: bool | Unset = False

    def to_dict(self) -> dict[str, Any]:
        title = self.title

        content: None | str | Unset
        if isinstance(self.content, Unset):
            content = UNSET
        else:
            content = self.content

        published = self.published

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "title": title,
            }
        )
        if content is not UNSET:
            field_dict["content"] = content
        if published is not UNSET:
            field_dict["published"] = published

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        title = d.pop("title")

        def _parse_content(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        content = _parse_content(d.pop("content", UNSET))

        published = d.pop("published", UNSET)

        put_post = cls(
            title=title,
            content=content,
            published=published,
        )

        return put_post
