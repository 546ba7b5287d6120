from urllib.parse import quote

from ...models.post import Post
from ...types import Request


def get_post_by_slug(
    slug: str,
    *,
    if_none_match: str | None = None,
) -> Request[Post]:
    """Get a post by slug"""
    headers = {
        "If-None-Match": if_none_match,
    }
    return Request(
        "GET",
        "/api/posts/by-slug/{slug}".format(
            slug=quote(str(slug), safe=""),
        ),
        parse=Post.from_dict,
        headers={name: value for name, value in headers.items() if value is not None},
    )
