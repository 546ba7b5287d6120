from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict


class CreatePost(TypedDict):
    """A post to create."""

    title: str
    """The title: 1 to 200 characters. Leading and trailing whitespace is removed."""

    slug: NotRequired[str | None]
    """The name of the post in URLs. Unique among all posts, including drafts. If omitted or null, an
    unused slug is derived from the title."""

    description: NotRequired[str | None]
    """A summary in one line, for cards and search engines: 1 to 500 characters. Leading and trailing
    whitespace is removed."""

    tags: NotRequired[list[str] | None]
    """The tags, in order. Whitespace is trimmed and folded to single spaces. Two items must not be equal
    except for ASCII case. Null means no items."""

    authors: NotRequired[list[str] | None]
    """The names of the authors, in order. Whitespace is trimmed and folded to single spaces. Two items
    must not be equal except for ASCII case. Null means no items."""

    image: NotRequired[str | None]
    """An `https:` or `http:` URL, or a path that begins with one slash."""

    image_alt: NotRequired[str | None]
    """The alternative text of the image, at most 500 characters. Empty if the image is decorative."""

    metadata: NotRequired[Mapping[str, Any] | None]
    """Other values to store with the post: at most 16 KiB of JSON, 200 values, and 5 levels of nested
    objects and arrays. Names have 1 to 100 characters. Members that are null are removed. Null means no
    values."""

    content: NotRequired[str | None]
    """The text, in any markup: at most 512 KiB of UTF-8, without U+0000. If omitted or null, the post has
    no content."""

    published: NotRequired[bool]
    """Whether the post is public. If omitted, the post is a draft, even if it replaces a published post."""
