from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.put_post_metadata_type_0 import PutPostMetadataType0


T = TypeVar("T", bound="PutPost")


@_attrs_define
class PutPost:
    """A post to create or replace by slug. An omitted field gets the value of a new post.

    Example:
        {'title': 'Hello, world', 'content': 'My first post.', 'published': True}

    Attributes:
        title (str): The title: 1 to 200 characters. Leading and trailing whitespace is removed. Example: Hello, world.
        authors (list[str] | None | Unset): The names of the authors, in order. Whitespace is trimmed and folded to
            single spaces. Two items must not be equal except for ASCII case. Null means no items.
        content (None | str | Unset): The text, in any markup: at most 512 KiB of UTF-8, without U+0000. If omitted or
            null, the post has no content. Example: My first post..
        description (None | str | Unset): A summary in one line, for cards and search engines: 1 to 500 characters.
            Leading and trailing whitespace is
            removed. Example: Where this blog begins..
        image (None | str | Unset): An `https:` or `http:` URL, or a path that begins with one slash. Example:
            /images/hello.jpg.
        image_alt (None | str | Unset): The alternative text of the image, at most 500 characters. Empty if the image is
            decorative. Example: A hand that waves.
        metadata (None | PutPostMetadataType0 | Unset): Other values to store with the post: at most 16 KiB of JSON, 200
            values, and 5 levels of nested objects and arrays. Names have 1 to 100 characters. Members that are null are
            removed. Null means no values.
        published (bool | Unset): Whether the post is public. If omitted, the post is a draft, even if it replaces a
            published post. Default: False. Example: True.
        tags (list[str] | None | Unset): The tags, in order. Whitespace is trimmed and folded to single spaces. Two
            items must not be equal except for ASCII case. Null means no items.
    """

    title: str
    authors: list[str] | None | Unset = UNSET
    content: None | str | Unset = UNSET
    description: None | str | Unset = UNSET
    image: None | str | Unset = UNSET
    image_alt: None | str | Unset = UNSET
    metadata: None | PutPostMetadataType0 | Unset = UNSET
    published: bool | Unset = False
    tags: list[str] | None | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        from ..models.put_post_metadata_type_0 import PutPostMetadataType0

        title = self.title

        authors: list[str] | None | Unset
        if isinstance(self.authors, Unset):
            authors = UNSET
        elif isinstance(self.authors, list):
            authors = self.authors

        else:
            authors = self.authors

        content: None | str | Unset
        if isinstance(self.content, Unset):
            content = UNSET
        else:
            content = self.content

        description: None | str | Unset
        if isinstance(self.description, Unset):
            description = UNSET
        else:
            description = self.description

        image: None | str | Unset
        if isinstance(self.image, Unset):
            image = UNSET
        else:
            image = self.image

        image_alt: None | str | Unset
        if isinstance(self.image_alt, Unset):
            image_alt = UNSET
        else:
            image_alt = self.image_alt

        metadata: dict[str, Any] | None | Unset
        if isinstance(self.metadata, Unset):
            metadata = UNSET
        elif isinstance(self.metadata, PutPostMetadataType0):
            metadata = self.metadata.to_dict()
        else:
            metadata = self.metadata

        published = self.published

        tags: list[str] | None | Unset
        if isinstance(self.tags, Unset):
            tags = UNSET
        elif isinstance(self.tags, list):
            tags = self.tags

        else:
            tags = self.tags

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "title": title,
            }
        )
        if authors is not UNSET:
            field_dict["authors"] = authors
        if content is not UNSET:
            field_dict["content"] = content
        if description is not UNSET:
            field_dict["description"] = description
        if image is not UNSET:
            field_dict["image"] = image
        if image_alt is not UNSET:
            field_dict["image_alt"] = image_alt
        if metadata is not UNSET:
            field_dict["metadata"] = metadata
        if published is not UNSET:
            field_dict["published"] = published
        if tags is not UNSET:
            field_dict["tags"] = tags

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        from ..models.put_post_metadata_type_0 import PutPostMetadataType0

        d = dict(src_dict)
        title = d.pop("title")

        def _parse_authors(data: object) -> list[str] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                authors_type_0 = cast(list[str], data)

                return authors_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[str] | None | Unset, data)

        authors = _parse_authors(d.pop("authors", UNSET))

        def _parse_content(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        content = _parse_content(d.pop("content", UNSET))

        def _parse_description(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        description = _parse_description(d.pop("description", UNSET))

        def _parse_image(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        image = _parse_image(d.pop("image", UNSET))

        def _parse_image_alt(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        image_alt = _parse_image_alt(d.pop("image_alt", UNSET))

        def _parse_metadata(data: object) -> None | PutPostMetadataType0 | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                metadata_type_0 = PutPostMetadataType0.from_dict(data)

                return metadata_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | PutPostMetadataType0 | Unset, data)

        metadata = _parse_metadata(d.pop("metadata", UNSET))

        published = d.pop("published", UNSET)

        def _parse_tags(data: object) -> list[str] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                tags_type_0 = cast(list[str], data)

                return tags_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[str] | None | Unset, data)

        tags = _parse_tags(d.pop("tags", UNSET))

        put_post = cls(
            title=title,
            authors=authors,
            content=content,
            description=description,
            image=image,
            image_alt=image_alt,
            metadata=metadata,
            published=published,
            tags=tags,
        )

        return put_post
