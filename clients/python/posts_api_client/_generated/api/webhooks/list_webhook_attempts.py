from urllib.parse import quote

from ...models.webhook_attempts import WebhookAttempts
from ...types import Request


def list_webhook_attempts(
    id: int,
    *,
    if_none_match: str | None = None,
) -> Request[WebhookAttempts]:
    """List the attempts of a webhook"""
    headers = {
        "If-None-Match": if_none_match,
    }
    return Request(
        "GET",
        "/api/webhooks/{id}/attempts".format(
            id=quote(str(id), safe=""),
        ),
        parse=WebhookAttempts.from_dict,
        headers={name: value for name, value in headers.items() if value is not None},
    )
