from urllib.parse import quote

from ...models.update_webhook import UpdateWebhook
from ...models.webhook import Webhook
from ...types import Request


def update_webhook(
    id: int,
    body: UpdateWebhook,
    *,
    if_match: str | None = None,
) -> Request[Webhook]:
    """Update a webhook"""
    headers = {
        "If-Match": if_match,
    }
    return Request(
        "PATCH",
        "/api/webhooks/{id}".format(
            id=quote(str(id), safe=""),
        ),
        parse=Webhook.from_dict,
        headers={name: value for name, value in headers.items() if value is not None},
        body=body,
    )
