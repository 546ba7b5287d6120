from ...models.webhooks import Webhooks
from ...types import Request


def list_webhooks(
    *,
    if_none_match: str | None = None,
) -> Request[Webhooks]:
    """List webhooks"""
    headers = {
        "If-None-Match": if_none_match,
    }
    return Request(
        "GET",
        "/api/webhooks",
        parse=Webhooks.from_dict,
        headers={name: value for name, value in headers.items() if value is not None},
    )
