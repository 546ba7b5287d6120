from typing import Literal, cast

UpdateWebhookMode = Literal["burst", "each"]


def check_update_webhook_mode(value: str) -> UpdateWebhookMode:
    """Accepts every value: a newer service may return more."""
    return cast(UpdateWebhookMode, value)
