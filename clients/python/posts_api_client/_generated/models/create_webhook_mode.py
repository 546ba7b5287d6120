from typing import Literal, cast

CreateWebhookMode = Literal["burst", "each"]


def check_create_webhook_mode(value: str) -> CreateWebhookMode:
    """Accepts every value: a newer service may return more."""
    return cast(CreateWebhookMode, value)
