from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

from ..models.create_webhook_events_type_0_item import CreateWebhookEventsType0Item
from ..models.create_webhook_mode import CreateWebhookMode


class CreateWebhook(TypedDict):
    """A webhook to create."""

    url: str
    """The URL that requests are sent to: an `https:` URL of a public address. `http:` and other addresses
    are only allowed in the networks that the operator has listed in `WEBHOOK_NETWORKS`."""

    name: NotRequired[str | None]
    """A name for people: 1 to 100 characters. If omitted or null, the host of the URL."""

    mode: NotRequired[CreateWebhookMode]
    """`each` sends a request for each change, in order. `burst` sends one request for all changes of a
    burst, for example to rebuild a site. `each` for a new webhook."""

    events: NotRequired[list[CreateWebhookEventsType0Item] | None]
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
