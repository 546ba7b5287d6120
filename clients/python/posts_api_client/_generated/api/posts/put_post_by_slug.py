from urllib.parse import quote

from ...models.post import Post
from ...models.put_post import PutPost
from ...types import Request


def put_post_by_slug(
    slug: str,
    body: PutPost,
    *,
    if_match: str | None = None,
    if_none_match: str | None = None,
) -> Request[Post]:
    """Create or replace a post by slug"""
    headers = {
        "If-Match": if_match,
        "If-None-Match": if_none_match,
    }
    return Request(
        "PUT",
        "/api/posts/by-slug/{slug}".format(
            slug=quote(str(slug), safe=""),
        ),
        parse=Post.from_dict,
        headers={name: value for name, value in headers.items() if value is not None},
        body=body,
    )
