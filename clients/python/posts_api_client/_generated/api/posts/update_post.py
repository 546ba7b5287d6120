from urllib.parse import quote

from ...models.post import Post
from ...models.update_post import UpdatePost
from ...types import Request


def update_post(
    id: int,
    body: UpdatePost,
    *,
    if_match: str | None = None,
) -> Request[Post]:
    """Update a post"""
    headers = {
        "If-Match": if_match,
    }
    return Request(
        "PATCH",
        "/api/posts/{id}".format(
            id=quote(str(id), safe=""),
        ),
        parse=Post.from_dict,
        headers={name: value for name, value in headers.items() if value is not None},
        body=body,
    )
