"""Follows the change feed, as a client does that keeps a copy of all posts."""

import http.client
import json
import time
from dataclasses import dataclass

from .process import BenchmarkError

#: The largest number of items on a page.
PAGE = 100
#: The beginning of the feed, with posts in the summary view.
SUMMARIES = "/api/changes?view=summary&limit=100"
DEADLINE_SECONDS = 60


def wait_for_page(running, path, is_expected=lambda page: True):
    """Requests a page until it is as expected. The feed is not available at once after a start."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        status, _, body = running.get(path)
        page = json.loads(body)
        if status == 200 and is_expected(page):
            return page
        if status not in (200, 503):
            break
        time.sleep(0.02)
    raise BenchmarkError(f"{running.server.name}: {path}: status {status}\n{body[:500]}\n{running.log()}")


def end_of_feed(running):
    """Returns the cursor after the last change."""
    return wait_for_page(running, "/api/changes?cursor=now")["cursor"]


def prepare_page(running):
    """Changes old posts. Returns the path of the page that lists their changes."""
    path = f"{SUMMARIES}&cursor={end_of_feed(running)}"
    for id in range(2, 2 * PAGE + 1, 2):
        status, _, body = running.request("PATCH", f"/api/posts/{id}", {"description": "A changed description."})
        if status != 200:
            raise BenchmarkError(f"{running.server.name}: PATCH of post {id}: status {status}\n{body[:500]}")
    wait_for_page(running, path, lambda page: len(page["items"]) == PAGE)
    return path


@dataclass
class Followed:
    """What a client has read from a position to the end of the feed."""

    items: int
    per_second: float
    #: CPU time per item.
    server_cpu_us: float
    database_cpu_us: float
    client_cpu_us: float


def follow(running, postgres, path, cursor=None):
    """Reads all pages from `cursor`, or from the beginning of the feed, on one connection, and parses them."""
    end_of_feed(running)
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=60)
    items, has_more = 0, True
    cpu = running.cpu_seconds(), postgres.cpu_seconds(), time.process_time()
    started = time.perf_counter()
    while has_more:
        connection.request("GET", f"{path}&cursor={cursor}" if cursor else path)
        response = connection.getresponse()
        body = response.read()
        if response.status != 200:
            message = f"{running.server.name}: {path}: status {response.status}"
            raise BenchmarkError(f"{message}\n{body[:500]}\n{running.log()}")
        page = json.loads(body)
        items, cursor, has_more = items + len(page["items"]), page["cursor"], page["has_more"]
    seconds = time.perf_counter() - started
    used = running.cpu_seconds() - cpu[0], postgres.cpu_seconds() - cpu[1], time.process_time() - cpu[2]
    connection.close()
    return Followed(items, items / seconds, *(each * 1e6 / max(items, 1) for each in used))
