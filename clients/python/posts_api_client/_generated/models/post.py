from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, Self, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="Post")


@_attrs_define
class Post:
    """A post."""

    id: int
    """Unique identifier. The id of a deleted post is not used again."""

    slug: str
    """The name of the post in URLs. Unique among all posts, including drafts."""

    title: str
    """The title, without leading or trailing whitespace."""

    description: str | None
    """A summary in one line, for cards and search engines. Null if there is none."""

    tags: list[str]
    """The tags, in order."""

    authors: list[str]
    """The names of the authors, in order."""

    image: str | None
    """An `https:` or `http:` URL, or an absolute path. Null if the post has no image."""

    image_alt: str | None
    """The alternative text of the image. Null if there is none; empty if the image is decorative."""

    metadata: dict[str, Any]
    """Other values that clients store with the post. They are neither searched nor filtered."""

    content: str | None
    """The text, in any markup. Null if the post has no content."""

    published: bool
    """Whether the post is public. A post that is not published is a draft."""

    published_at: datetime.datetime | None
    """When the post was first published, or the time for which its publication was scheduled. Null if it
    was never published."""

    scheduled_for: datetime.datetime | None
    """When the service will publish the post. Null if no publication is scheduled."""

    created_at: datetime.datetime
    """When the post was created."""

    updated_at: datetime.datetime
    """When the post was last changed. Equal to `created_at` until the first change."""

    version: int
    """The number of the current version: 1 at creation, incremented by every change."""

    etag: str | None = _attrs_field(default=None, init=False, eq=False)
    """The `ETag` of the response. None for an item of a list or of a batch."""
    additional_properties: dict[str, Any] = _attrs_field(
        init=False, factory=dict[str, Any], repr=False
    )
    """Properties that this version of the client does not know."""

    def to_dict(self) -> dict[str, Any]:
        """Returns the object as a dictionary that can be encoded as JSON."""
        id = self.id

        slug = self.slug

        title = self.title

        description: None | str
        description = self.description

        tags = self.tags

        authors = self.authors

        image: None | str
        image = self.image

        image_alt: None | str
        image_alt = self.image_alt

        metadata = self.metadata

        content: None | str
        content = self.content

        published = self.published

        published_at: None | str
        if isinstance(self.published_at, datetime.datetime):
            published_at = self.published_at.isoformat()
        else:
            published_at = self.published_at

        scheduled_for: None | str
        if isinstance(self.scheduled_for, datetime.datetime):
            scheduled_for = self.scheduled_for.isoformat()
        else:
            scheduled_for = self.scheduled_for

        created_at = self.created_at.isoformat()

        updated_at = self.updated_at.isoformat()

        version = self.version

        field_dict: dict[str, Any] = dict(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "slug": slug,
                "title": title,
                "description": description,
                "tags": tags,
                "authors": authors,
                "image": image,
                "image_alt": image_alt,
                "metadata": metadata,
                "content": content,
                "published": published,
                "published_at": published_at,
                "scheduled_for": scheduled_for,
                "created_at": created_at,
                "updated_at": updated_at,
                "version": version,
            }
        )
        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        """Returns the object with the properties in `src_dict`, which is decoded JSON."""
        d = dict(src_dict)
        id = d.pop("id")

        slug = d.pop("slug")

        title = d.pop("title")

        def _parse_description(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        description = _parse_description(d.pop("description"))

        tags = cast(list[str], d.pop("tags"))

        authors = cast(list[str], d.pop("authors"))

        def _parse_image(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        image = _parse_image(d.pop("image"))

        def _parse_image_alt(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        image_alt = _parse_image_alt(d.pop("image_alt"))

        metadata = d.pop("metadata")

        def _parse_content(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        content = _parse_content(d.pop("content"))

        published = d.pop("published")

        def _parse_published_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                published_at_type_0 = datetime.datetime.fromisoformat(data)

                return published_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        published_at = _parse_published_at(d.pop("published_at"))

        def _parse_scheduled_for(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                scheduled_for_type_0 = datetime.datetime.fromisoformat(data)

                return scheduled_for_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        scheduled_for = _parse_scheduled_for(d.pop("scheduled_for"))

        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

        updated_at = datetime.datetime.fromisoformat(d.pop("updated_at"))

        version = d.pop("version")

        post = cls(
            id=id,
            slug=slug,
            title=title,
            description=description,
            tags=tags,
            authors=authors,
            image=image,
            image_alt=image_alt,
            metadata=metadata,
            content=content,
            published=published,
            published_at=published_at,
            scheduled_for=scheduled_for,
            created_at=created_at,
            updated_at=updated_at,
            version=version,
        )
        post.additional_properties = d
        return post
