import datetime
from typing import NotRequired, TypedDict


class ReplayWebhook(TypedDict):
    """Where deliveries continue: exactly one of `cursor` and `since`."""

    cursor: NotRequired[str]
    """A cursor of the change feed, the `webhook-id` of a request, or `now`. The changes after it are
    delivered."""

    since: NotRequired[datetime.datetime | str]
    """A time in the past. The changes at this time and later are delivered."""
