from ...models.create_webhook import CreateWebhook
from ...models.created_webhook import CreatedWebhook
from ...types import Request


def create_webhook(
    body: CreateWebhook,
    *,
    idempotency_key: str | None = None,
) -> Request[CreatedWebhook]:
    """Create a webhook"""
    headers = {
        "Idempotency-Key": idempotency_key,
    }
    return Request(
        "POST",
        "/api/webhooks",
        parse=CreatedWebhook.from_dict,
        headers={name: value for name, value in headers.items() if value is not None},
        body=body,
    )
