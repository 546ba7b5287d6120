import datetime
from typing import NotRequired, TypedDict


class Publish(TypedDict):
    """When to publish a post."""

    at: NotRequired[datetime.datetime | str | None]
    """When to publish the post; becomes its `published_at`. A time in the past publishes the post at once.
    If omitted or null, the post is published at once, and `published_at` is the current time unless it
    is already set."""
