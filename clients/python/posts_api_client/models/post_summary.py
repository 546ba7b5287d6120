from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, Self, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="PostSummary")


@_attrs_define
class PostSummary:
    """A post without its content, as lists return it with `view=summary`.

    Example:
        {'created_at': '2026-01-31T11:58:00.000000Z', 'excerpt': 'My first post.', 'id': 1, 'published': True,
            'published_at': '2026-01-31T12:00:00.000000Z', 'scheduled_for': None, 'slug': 'hello-world', 'title': 'Hello,
            world', 'updated_at': '2026-01-31T12:00:00.000000Z', 'version': 2}

    Attributes:
        created_at (datetime.datetime): When the post was created. Example: 2026-01-31T12:00:00.000000Z.
        excerpt (str): The beginning of the content as plain text, without headings, code blocks, and images. It ends
            with `…` if
            and only if it was cut: the text is longer than 200 characters, or the content is longer than 4096 bytes.
            Example: My first post..
        id (int): Unique identifier. The id of a deleted post is not used again. Example: 1.
        published (bool): Whether the post is public. A post that is not published is a draft.
        published_at (datetime.datetime | None): When the post was first published, or the time for which its
            publication was scheduled. Null if it was never
            published. Example: 2026-01-31T12:00:00.000000Z.
        scheduled_for (datetime.datetime | None): When the service will publish the post. Null if no publication is
            scheduled.
        slug (str): The name of the post in URLs. Unique among all posts, including drafts. Example: hello-world.
        title (str): The title, without leading or trailing whitespace. Example: Hello, world.
        updated_at (datetime.datetime): When the post was last changed. Equal to `created_at` until the first change.
            Example: 2026-01-31T12:00:00.000000Z.
        version (int): The number of the current version: 1 at creation, incremented by every change. Example: 1.
    """

    created_at: datetime.datetime
    excerpt: str
    id: int
    published: bool
    published_at: datetime.datetime | None
    scheduled_for: datetime.datetime | None
    slug: str
    title: str
    updated_at: datetime.datetime
    version: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        created_at = self.created_at.isoformat()

        excerpt = self.excerpt

        id = self.id

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

        title = self.title

        updated_at = self.updated_at.isoformat()

        version = self.version

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "created_at": created_at,
                "excerpt": excerpt,
                "id": id,
                "published": published,
                "published_at": published_at,
                "scheduled_for": scheduled_for,
                "slug": slug,
                "title": title,
                "updated_at": updated_at,
                "version": version,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

        excerpt = d.pop("excerpt")

        id = d.pop("id")

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

        title = d.pop("title")

        updated_at = datetime.datetime.fromisoformat(d.pop("updated_at"))

        version = d.pop("version")

        post_summary = cls(
            created_at=created_at,
            excerpt=excerpt,
            id=id,
            published=published,
            published_at=published_at,
            scheduled_for=scheduled_for,
            slug=slug,
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
