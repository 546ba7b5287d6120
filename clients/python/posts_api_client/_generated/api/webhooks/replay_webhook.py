from urllib.parse import quote

from ...models.replay_webhook import ReplayWebhook
from ...models.webhook import Webhook
from ...types import Request


def replay_webhook(
    id: int,
    body: ReplayWebhook,
    *,
    if_match: str | None = None,
) -> Request[Webhook]:
    """Replay changes to a webhook"""
    headers = {
        "If-Match": if_match,
    }
    return Request(
        "POST",
        "/api/webhooks/{id}/replay".format(
            id=quote(str(id), safe=""),
        ),
        parse=Webhook.from_dict,
        headers={name: value for name, value in headers.items() if value is not None},
        body=body,
    )
