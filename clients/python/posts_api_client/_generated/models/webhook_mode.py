from typing import Literal, cast

WebhookMode = Literal["burst", "each"]


def check_webhook_mode(value: str) -> WebhookMode:
    """Accepts every value: a newer service may return more."""
    return cast(WebhookMode, value)
