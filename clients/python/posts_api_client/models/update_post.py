from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.update_post_metadata_type_0 import UpdatePostMetadataType0


T = TypeVar("T", bound="UpdatePost")


@_attrs_define
class UpdatePost:
    """A JSON Merge Patch (RFC 7396) of a post. Omitted fields keep their values, and null clears a field.

    Example:
        {'title': 'Hello again'}

    Attributes:
        authors (list[str] | None | Unset): The names of the authors, in order. Whitespace is trimmed and folded to
            single spaces. Two items must not be equal except for ASCII case. Null means no items.
        content (None | str | Unset): The text, in any markup: at most 512 KiB of UTF-8, without U+0000. Null removes
            it. Example: Rewritten..
        description (None | str | Unset): A summary in one line, for cards and search engines: 1 to 500 characters.
            Leading and trailing whitespace is
            removed. Null removes the description. Example: Where this blog begins..
        image (None | str | Unset): An `https:` or `http:` URL, or a path that begins with one slash. Null removes the
            image. Example: /images/hello.jpg.
        image_alt (None | str | Unset): The alternative text of the image, at most 500 characters. Empty if the image is
            decorative. Null removes it. Example: A hand that waves.
        metadata (None | Unset | UpdatePostMetadataType0): Changes to the metadata, as a JSON Merge Patch of their own:
            members that are omitted keep their values, and members that are null are removed. Null removes all members. The
            limits apply to the result.
        published (bool | Unset): `true` publishes the post at once, `false` makes it a draft. Both cancel a scheduled
            publication. Example: True.
        slug (str | Unset): The name of the post in URLs. If the post is public, its previous slug redirects to the new
            one. Example: hello-again.
        tags (list[str] | None | Unset): The tags, in order. Whitespace is trimmed and folded to single spaces. Two
            items must not be equal except for ASCII case. Null means no items.
        title (str | Unset): The title: 1 to 200 characters. Leading and trailing whitespace is removed. Example: Hello
            again.
    """

    authors: list[str] | None | Unset = UNSET
    content: None | str | Unset = UNSET
    description: None | str | Unset = UNSET
    image: None | str | Unset = UNSET
    image_alt: None | str | Unset = UNSET
    metadata: None | Unset | UpdatePostMetadataType0 = UNSET
    published: bool | Unset = UNSET
    slug: str | Unset = UNSET
    tags: list[str] | None | Unset = UNSET
    title: str | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        from ..models.update_post_metadata_type_0 import UpdatePostMetadataType0

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
        elif isinstance(self.metadata, UpdatePostMetadataType0):
            metadata = self.metadata.to_dict()
        else:
            metadata = self.metadata

        published = self.published

        slug = self.slug

        tags: list[str] | None | Unset
        if isinstance(self.tags, Unset):
            tags = UNSET
        elif isinstance(self.tags, list):
            tags = self.tags

        else:
            tags = self.tags

        title = self.title

        field_dict: dict[str, Any] = {}

        field_dict.update({})
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
        if slug is not UNSET:
            field_dict["slug"] = slug
        if tags is not UNSET:
            field_dict["tags"] = tags
        if title is not UNSET:
            field_dict["title"] = title

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        from ..models.update_post_metadata_type_0 import UpdatePostMetadataType0

        d = dict(src_dict)

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

        def _parse_metadata(data: object) -> None | Unset | UpdatePostMetadataType0:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                metadata_type_0 = UpdatePostMetadataType0.from_dict(data)

                return metadata_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | Unset | UpdatePostMetadataType0, data)

        metadata = _parse_metadata(d.pop("metadata", UNSET))

        published = d.pop("published", UNSET)

        slug = d.pop("slug", UNSET)

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

        title = d.pop("title", UNSET)

        update_post = cls(
            authors=authors,
            content=content,
            description=description,
            image=image,
            image_alt=image_alt,
            metadata=metadata,
            published=published,
            slug=slug,
            tags=tags,
            title=title,
        )

        return update_post
