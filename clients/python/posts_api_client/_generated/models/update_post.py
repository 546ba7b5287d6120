from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict


class UpdatePost(TypedDict):
    """A JSON Merge Patch (RFC 7396) of a post. Omitted fields keep their values, and null clears a field."""

    title: NotRequired[str]
    """The title: 1 to 200 characters. Leading and trailing whitespace is removed."""

    slug: NotRequired[str]
    """The name of the post in URLs. If the post is public, its previous slug redirects to the new one."""

    description: NotRequired[str | None]
    """A summary in one line, for cards and search engines: 1 to 500 characters. Leading and trailing
    whitespace is removed. Null removes the description."""

    tags: NotRequired[list[str] | None]
    """The tags, in order. Whitespace is trimmed and folded to single spaces. Two items must not be equal
    except for ASCII case. Null means no items."""

    authors: NotRequired[list[str] | None]
    """The names of the authors, in order. Whitespace is trimmed and folded to single spaces. Two items
    must not be equal except for ASCII case. Null means no items."""

    image: NotRequired[str | None]
    """An `https:` or `http:` URL, or a path that begins with one slash. Null removes the image."""

    image_alt: NotRequired[str | None]
    """The alternative text of the image, at most 500 characters. Empty if the image is decorative. Null
    removes it."""

    metadata: NotRequired[Mapping[str, Any] | None]
    """Changes to the metadata, as a JSON Merge Patch of their own: members that are omitted keep their
    values, and members that are null are removed. Null removes all members. The limits apply to the
    result."""

    content: NotRequired[str | None]
    """The text, in any markup: at most 512 KiB of UTF-8, without U+0000. Null removes it."""

    published: NotRequired[bool]
    """`true` publishes the post at once, `false` makes it a draft. Both cancel a scheduled publication."""
