from urllib.parse import quote

from ...models.post import Post
from ...models.publish import Publish
from ...types import Request


def publish_post(
    id: int,
    body: Publish | None = None,
    *,
    if_match: str | None = None,
) -> Request[Post]:
    """Publish a post"""
    headers = {
        "If-Match": if_match,
    }
    return Request(
        "POST",
        "/api/posts/{id}/publish".format(
            id=quote(str(id), safe=""),
        ),
        parse=Post.from_dict,
        headers={name: value for name, value in headers.items() if value is not None},
        body=body,
    )
