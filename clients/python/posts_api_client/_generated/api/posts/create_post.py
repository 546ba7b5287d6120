from ...models.create_post import CreatePost
from ...models.post import Post
from ...types import Request


def create_post(
    body: CreatePost,
    *,
    idempotency_key: str | None = None,
) -> Request[Post]:
    """Create a post"""
    headers = {
        "Idempotency-Key": idempotency_key,
    }
    return Request(
        "POST",
        "/api/posts",
        parse=Post.from_dict,
        headers={name: value for name, value in headers.items() if value is not None},
        body=body,
    )
