"""The logic of `changes.follow`, without I/O: the next request, the meaning of its response, and the time to wait.

The synchronous and the asynchronous client share this module.
"""

import logging
import random
from dataclasses import dataclass
from typing import Generic, TypeVar

from ._errors import PostsApiError
from ._pages import Change, ChangePage

T = TypeVar("T")

FIRST_WAIT = 1.0
"""The first wait of the exponential backoff in seconds, before jitter."""
LONGEST_WAIT = 60.0
LONGEST_RETRY_AFTER = 3600.0
"""The longest `Retry-After` that counts, in seconds."""
LONGEST_INTERVAL = 86400.0

log = logging.getLogger("posts_api_client")


@dataclass(kw_only=True)
class ChangeBatch(Generic[T]):
    """A batch of changes. Apply them, then store `cursor`."""

    items: list[Change[T]]
    """The changes in order. Each post is listed once. Can be empty."""
    cursor: str | None
    """The position after this batch. Store it together with your copy after you have applied the batch, and pass it to
    the next `follow`. None while all posts are being read: a program that restarts during this time starts over."""
    has_more: bool
    """Whether the next batch follows at once. If false, your copy is complete."""
    published: frozenset[int] | None
    """The ids of all published posts, in the batch with which all posts have been read. Remove the other posts from
    your copy. None in all other batches."""


@dataclass(frozen=True)
class Step(Generic[T]):
    """What follows from a page or an error."""

    batch: ChangeBatch[T] | None
    """None if there is nothing new."""
    wait: float
    """The time before the next request, in seconds."""


class Follower(Generic[T]):
    """The state of `follow` between two requests."""

    def __init__(self, cursor: str | None, interval: float) -> None:
        if not 0 < interval <= LONGEST_INTERVAL:
            raise ValueError(f"interval must be a number of seconds up to {LONGEST_INTERVAL:.0f}, not {interval}")
        self._interval = interval
        self.cursor = cursor
        """The cursor of the next request. None for the first page of all posts."""
        self.etag: str | None = None
        """The `ETag` of the last page, if the next request has the same URL."""
        # The posts received so far while all posts are being read.
        self._published: set[int] | None = set() if cursor is None else None
        self._has_yielded = False
        # Failed requests since the last successful one.
        self._failures = 0
        # Expired cursors since the last page that was read with a cursor of the end of the feed.
        self._expirations = 0

    def receive(self, page: ChangePage[T] | None) -> Step[T]:
        """Continues after a page. None is a 304 response."""
        self._failures = 0
        if self._published is None:
            self._expirations = 0
        wait = self._interval * random.uniform(0.9, 1.1)
        if page is None:
            return Step(None, wait)
        is_new = page.cursor != self.cursor
        self.cursor = page.cursor
        self.etag = None if is_new else page.etag
        is_reading = self._published is not None and page.has_more
        published = self._count(page, is_reading)
        is_empty = self._has_yielded and not is_new and not page.items and published is None
        self._has_yielded = True
        batch = ChangeBatch(
            items=page.items,
            cursor=None if is_reading else page.cursor,
            has_more=page.has_more,
            published=published,
        )
        # A page that does not move the cursor would be returned again, so the next request must wait.
        return Step(None if is_empty else batch, 0 if page.has_more and is_new else wait)

    def _count(self, page: ChangePage[T], is_reading: bool) -> frozenset[int] | None:
        """Adds the posts of a page while all posts are being read. Returns all of them at the end."""
        if self._published is None:
            return None
        for item in page.items:
            if item.post is None:
                self._published.discard(item.id)
            else:
                self._published.add(item.id)
        if is_reading:
            return None
        published, self._published = frozenset(self._published), None
        return published

    def fail(self, error: PostsApiError) -> Step[T]:
        """Continues after an error. Raises an error that is not temporary."""
        if error.code == "cursor_expired":
            self.cursor, self.etag, self._published = None, None, set()
            self._expirations += 1
            wait = 0.0 if self._expirations == 1 else backoff(self._expirations - 1)
            log.warning("will read all posts again in %.1f s: %s", wait, error)
            return Step(None, wait)
        if not is_temporary(error):
            raise error
        self._failures += 1
        wait = backoff(self._failures)
        if error.retry_after is not None:
            wait = max(wait, min(error.retry_after, LONGEST_RETRY_AFTER) + random.uniform(0, FIRST_WAIT))
        log.warning("will continue to follow changes in %.1f s: %s", wait, error)
        return Step(None, wait)


def is_temporary(error: PostsApiError) -> bool:
    """Returns whether a later request can succeed: there was no response, or the service or a proxy is unavailable."""
    return error.status is None or error.status in (408, 429) or error.status >= 500


def backoff(failures: int) -> float:
    """Jitter keeps followers from returning at the same moment."""
    # Doubling 32 times exceeds the maximum. More would exceed the range of a float.
    return min(FIRST_WAIT * 2.0 ** min(failures - 1, 32), LONGEST_WAIT) * random.uniform(0.5, 1)
