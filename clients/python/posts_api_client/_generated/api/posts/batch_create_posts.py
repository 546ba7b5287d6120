from ...models.batch import Batch
from ...models.batch_response import BatchResponse
from ...types import Request


def batch_create_posts(
    body: Batch,
    *,
    idempotency_key: str | None = None,
) -> Request[BatchResponse]:
    """Create posts in a batch"""
    headers = {
        "Idempotency-Key": idempotency_key,
    }
    return Request(
        "POST",
        "/api/posts/batch",
        parse=BatchResponse.from_dict,
        headers={name: value for name, value in headers.items() if value is not None},
        body=body,
    )
