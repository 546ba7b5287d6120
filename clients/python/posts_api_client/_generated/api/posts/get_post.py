from urllib.parse import quote

from ...models.post import Post
from ...types import Request


def get_post(
    id: int,
    *,
    if_none_match: str | None = None,
) -> Request[Post]:
    """Get a post by id"""
    headers = {
        "If-None-Match": if_none_match,
    }
    return Request(
        "GET",
        "/api/posts/{id}".format(
            id=quote(str(id), safe=""),
        ),
        parse=Post.from_dict,
        headers={name: value for name, value in headers.items() if value is not None},
    )
