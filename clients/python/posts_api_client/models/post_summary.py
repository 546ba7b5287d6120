from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.post_summary_metadata import PostSummaryMetadata


T = TypeVar("T", bound="PostSummary")


@_attrs_define
class PostSummary:
    """A post without its content, as lists return it with `view=summary`.

    Example:
        {'id': 1, 'slug': 'hello-world', 'title': 'Hello, world', 'description': 'Where this blog begins.', 'tags':
            ['Rust', 'Web dev'], 'authors': ['Ada Lovelace'], 'image': '/images/hello.jpg', 'image_alt': 'A hand that
            waves', 'metadata': {'canonical_url': 'https://example.com/hello'}, 'excerpt': 'Where this blog begins.',
            'published': True, 'published_at': '2026-01-31T12:00:00.000000Z', 'scheduled_for': None, 'created_at':
            '2026-01-31T11:58:00.000000Z', 'updated_at': '2026-01-31T12:00:00.000000Z', 'version': 2}

    Attributes:
        authors (list[str]): The names of the authors, in order.
        created_at (datetime.datetime): When the post was created. Example: 2026-01-31T12:00:00.000000Z.
        description (None | str): A summary in one line, for cards and search engines. Null if there is none. Example:
            Where this blog begins..
        excerpt (str): The description if there is one. Otherwise the beginning of the content as plain text, without
            headings,
            code blocks, and images: at most 200 characters. That text ends with `…` if and only if it was cut: it is
            longer, or the content is longer than 4096 bytes. Example: Where this blog begins..
        id (int): Unique identifier. The id of a deleted post is not used again. Example: 1.
        image (None | str): An `https:` or `http:` URL, or an absolute path. Null if the post has no image. Example:
            /images/hello.jpg.
        image_alt (None | str): The alternative text of the image. Null if there is none; empty if the image is
            decorative. Example: A hand that waves.
        metadata (PostSummaryMetadata): Other values that clients store with the post. They are neither searched nor
            filtered.
        published (bool): Whether the post is public. A post that is not published is a draft.
        published_at (datetime.datetime | None): When the post was first published, or the time for which its
            publication was scheduled. Null if it was never
            published. Example: 2026-01-31T12:00:00.000000Z.
        scheduled_for (datetime.datetime | None): When the service will publish the post. Null if no publication is
            scheduled.
        slug (str): The name of the post in URLs. Unique among all posts, including drafts. Example: hello-world.
        tags (list[str]): The tags, in order.
        title (str): The title, without leading or trailing whitespace. Example: Hello, world.
        updated_at (datetime.datetime): When the post was last changed. Equal to `created_at` until the first change.
            Example: 2026-01-31T12:00:00.000000Z.
        version (int): The number of the current version: 1 at creation, incremented by every change. Example: 1.
    """

    authors: list[str]
    created_at: datetime.datetime
    description: None | str
    excerpt: str
    id: int
    image: None | str
    image_alt: None | str
    metadata: PostSummaryMetadata
    published: bool
    published_at: datetime.datetime | None
    scheduled_for: datetime.datetime | None
    slug: str
    tags: list[str]
    title: str
    updated_at: datetime.datetime
    version: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        authors = self.authors

        created_at = self.created_at.isoformat()

        description: None | str
        description = self.description

        excerpt = self.excerpt

        id = self.id

        image: None | str
        image = self.image

        image_alt: None | str
        image_alt = self.image_alt

        metadata = self.metadata.to_dict()

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

        slug = self.slug

        tags = self.tags

        title = self.title

        updated_at = self.updated_at.isoformat()

        version = self.version

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "authors": authors,
                "created_at": created_at,
                "description": description,
                "excerpt": excerpt,
                "id": id,
                "image": image,
                "image_alt": image_alt,
                "metadata": metadata,
                "published": published,
                "published_at": published_at,
                "scheduled_for": scheduled_for,
                "slug": slug,
                "tags": tags,
                "title": title,
                "updated_at": updated_at,
                "version": version,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        from ..models.post_summary_metadata import PostSummaryMetadata

        d = dict(src_dict)
        authors = cast(list[str], d.pop("authors"))

        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

        def _parse_description(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        description = _parse_description(d.pop("description"))

        excerpt = d.pop("excerpt")

        id = d.pop("id")

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

        metadata = PostSummaryMetadata.from_dict(d.pop("metadata"))

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

        slug = d.pop("slug")

        tags = cast(list[str], d.pop("tags"))

        title = d.pop("title")

        updated_at = datetime.datetime.fromisoformat(d.pop("updated_at"))

        version = d.pop("version")

        post_summary = cls(
            authors=authors,
            created_at=created_at,
            description=description,
            excerpt=excerpt,
            id=id,
            image=image,
            image_alt=image_alt,
            metadata=metadata,
            published=published,
            published_at=published_at,
            scheduled_for=scheduled_for,
            slug=slug,
            tags=tags,
            title=title,
            updated_at=updated_at,
            version=version,
        )

        post_summary.additional_properties = d
        return post_summary

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
