from typing import Literal, cast

CreateWebhookEventsType0Item = Literal[
    "post.deleted", "post.published", "post.unpublished", "post.updated"
]


def check_create_webhook_events_type_0_item(value: str) -> CreateWebhookEventsType0Item:
    """Accepts every value: a newer service may return more."""
    return cast(CreateWebhookEventsType0Item, value)
