from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="CreatePost")


@_attrs_define
class CreatePost:
    """A post to create.

    Example:
        {'content': 'My first post.', 'title': 'Hello, world'}

    Attributes:
        title (str): The title: 1 to 200 characters. Leading and trailing whitespace is removed. Example: Hello, world.
        content (None | str | Unset): The text, in any markup: at most 512 KiB of UTF-8, without U+0000. Example: My
            first post..
        published (bool | Unset): Whether to publish the post at once. Otherwise, the post is a draft. Default: False.
            Example: True.
        slug (None | str | Unset): The name of the post in URLs. Unique among all posts, including drafts. If omitted or
            null, an unused slug is
            derived from the title. Example: hello-world.
    """

    title: str
    content: None | str | Unset = UNSET
    published: bool | Unset = False
    slug: None | str | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        title = self.title

        content: None | str | Unset
        if isinstance(self.content, Unset):
            content = UNSET
        else:
            content = self.content

        published = self.published

        slug: None | str | Unset
        if isinstance(self.slug, Unset):
            slug = UNSET
        else:
            slug = self.slug

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
        if slug is not UNSET:
            field_dict["slug"] = slug

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

        def _parse_slug(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        slug = _parse_slug(d.pop("slug", UNSET))

        create_post = cls(
            title=title,
            content=content,
            published=published,
            slug=slug,
        )

        return create_post
