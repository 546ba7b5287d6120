from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

from ..models.update_webhook_events_type_0_item import UpdateWebhookEventsType0Item
from ..models.update_webhook_mode import UpdateWebhookMode


class UpdateWebhook(TypedDict):
    """A JSON Merge Patch (RFC 7396) of a webhook. Omitted fields keep their values, and null restores the default
    of `name`, `events`, `headers`, or `body`. The other fields cannot be null."""

    url: NotRequired[str]
    """The URL that requests are sent to. A failed request is repeated at once. If the scheme, host, or
    port change, `headers` replaces all stored headers, and is required if there are any."""

    name: NotRequired[str | None]
    """A name for people: 1 to 100 characters. If omitted or null, the host of the URL."""

    mode: NotRequired[UpdateWebhookMode]
    """`each` sends a request for each change, in order. `burst` sends one request for all changes of a
    burst, for example to rebuild a site. `each` for a new webhook."""

    events: NotRequired[list[UpdateWebhookEventsType0Item] | None]
    """The changes that the webhook announces. No item may be repeated. If omitted or null, the webhook
    announces all changes."""

    headers: NotRequired[Mapping[str, Any] | None]
    """Additional request headers, at most 10: names and values of 1 to 1024 ASCII characters. They are
    merged with those of the webhook: null removes a header. In place of the object, null removes all."""

    body: NotRequired[Mapping[str, Any] | None]
    """With `burst`: the JSON object that is sent in place of the event. At most 16 KiB. If omitted or
    null, the event is sent."""

    quiet: NotRequired[int]
    """With `burst`: a request is sent this many seconds after the last change. 10 for a new webhook."""

    max_wait: NotRequired[int]
    """With `burst`: a request is sent at most this many seconds after the first change. At least `quiet`.
    The larger of 120 and `quiet` for a new webhook."""

    enabled: NotRequired[bool]
    """Whether changes are delivered. A webhook that is enabled again continues at its position. True also
    repeats a failed request at once."""
