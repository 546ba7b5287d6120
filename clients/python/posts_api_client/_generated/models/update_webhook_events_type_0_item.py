from typing import Literal, cast

UpdateWebhookEventsType0Item = Literal[
    "post.deleted", "post.published", "post.unpublished", "post.updated"
]


def check_update_webhook_events_type_0_item(value: str) -> UpdateWebhookEventsType0Item:
    """Accepts every value: a newer service may return more."""
    return cast(UpdateWebhookEventsType0Item, value)
