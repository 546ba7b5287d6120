from urllib.parse import quote

from ...models.webhook import Webhook
from ...types import Request


def get_webhook(
    id: int,
    *,
    if_none_match: str | None = None,
) -> Request[Webhook]:
    """Get a webhook"""
    headers = {
        "If-None-Match": if_none_match,
    }
    return Request(
        "GET",
        "/api/webhooks/{id}".format(
            id=quote(str(id), safe=""),
        ),
        parse=Webhook.from_dict,
        headers={name: value for name, value in headers.items() if value is not None},
    )
