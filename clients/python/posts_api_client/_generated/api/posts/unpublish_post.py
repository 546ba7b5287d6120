from urllib.parse import quote

from ...models.post import Post
from ...types import Request


def unpublish_post(
    id: int,
    *,
    if_match: str | None = None,
) -> Request[Post]:
    """Unpublish a post"""
    headers = {
        "If-Match": if_match,
    }
    return Request(
        "POST",
        "/api/posts/{id}/unpublish".format(
            id=quote(str(id), safe=""),
        ),
        parse=Post.from_dict,
        headers={name: value for name, value in headers.items() if value is not None},
    )
