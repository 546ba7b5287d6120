"""Drives the endpoints with wrk."""

import json
import os
import re
import subprocess
import time
import urllib.parse
from dataclasses import dataclass

from . import seed
from .process import BENCH, BenchmarkError
from .servers import KEY


@dataclass(frozen=True)
class Endpoint:
    name: str
    title: str
    connections: int
    script: str
    path: str = ""
    #: Whether the posts that the requests write have tags.
    tags: bool = False
    #: The tag that the requests filter by.
    tag: str = ""


def tag_page(name, title, tag):
    return Endpoint(name, title, 32, "get", f"?tag={urllib.parse.quote_plus(tag)}", tag=tag)


ENDPOINTS = {
    endpoint.name: endpoint
    for endpoint in (
        Endpoint("list", "the newest 20 posts, 32 connections", 32, "get"),
        Endpoint("list 1", "the newest 20 posts, 1 connection", 1, "get"),
        Endpoint("list 256", "the newest 20 posts, 256 connections", 256, "get"),
        Endpoint("list 304", "the newest 20 posts with If-None-Match; the response is 304", 32, "get"),
        Endpoint("one", "a random published post", 32, "one"),
        Endpoint("summary", "the newest 20 posts with excerpts instead of contents", 32, "get", "?view=summary"),
        Endpoint("search", "full-text search for a random one of 40 queries", 32, "search"),
        tag_page("tag common", "the newest 20 posts with the most frequent tag", seed.COMMON_TAG),
        tag_page("tag rare", f"the newest 20 posts with a tag that {seed.RARE_POSTS} posts have", seed.RARE_TAG),
        tag_page("tag old", "the newest 20 posts with a tag that only old posts have", seed.OLD_TAG),
        Endpoint("mix", "95 % reads (list, one, summary), 5 % updates of the title of a published post", 32, "mix"),
        Endpoint("create", "create a draft of 500 characters", 32, "create"),
        Endpoint("create 64", "create a draft, 64 connections", 64, "create"),
        Endpoint("create tags", "create a draft of 500 characters with three tags", 32, "create", tags=True),
        Endpoint("publish", "publish a draft or unpublish a published post, without tags", 32, "publish"),
        Endpoint("publish tags", "the same for posts with 1.5 tags and an author", 32, "publish", tags=True),
    )
}


@dataclass
class Result:
    per_second: float
    p50_us: float
    p99_us: float
    cpu_us: float
    database_cpu_us: float
    rss_mb: float
    errors: int


def drive(running, postgres, endpoint, seconds, posts, round_number, etag=None, path=None, expected_bytes=0):
    """Measures one run of wrk. Responses much shorter than `expected_bytes` count as errors."""
    before = running.cpu_seconds(), postgres.cpu_seconds()
    report = wrk(running, endpoint, seconds, posts, f"round-{round_number}", round_number + 1, etag, path)
    after = running.cpu_seconds(), postgres.cpu_seconds()
    requests = max(report["requests"], 1)
    # wrk counts only statuses from 400 as errors, so an unexpected 2xx or 3xx is recognized by its size.
    errors = report["status"] + report["socket"]
    if report["requests"] == 0 or report["bytes"] / requests < 0.9 * expected_bytes:
        errors = max(errors, report["requests"], 1)
    return Result(
        per_second=report["requests"] / (report["microseconds"] / 1e6),
        p50_us=report["p50"],
        p99_us=report["p99"],
        cpu_us=(after[0] - before[0]) * 1e6 / requests,
        database_cpu_us=(after[1] - before[1]) * 1e6 / requests,
        rss_mb=running.rss_mb(),
        errors=errors,
    )


def wait_until_idle(running, postgres):
    """Waits up to 15 s until the server and the database have finished earlier work."""
    for _ in range(150):
        before = running.cpu_seconds() + postgres.cpu_seconds()
        time.sleep(0.1)
        busy = running.cpu_seconds() + postgres.cpu_seconds() - before
        if busy < 0.03:
            return


def warm_up(running, postgres, endpoint, seconds, posts, round_number, etag=None, path=None):
    wait_until_idle(running, postgres)
    wrk(running, endpoint, seconds, posts, "warm-up", 100 + round_number, etag, path)


def wrk(running, endpoint, seconds, posts, mark, random_seed, etag, path):
    threads = min(2, os.cpu_count() or 1, endpoint.connections)
    environment = {
        **os.environ, "BENCH_POSTS": str(posts), "BENCH_KEY": KEY, "BENCH_MARK": mark,
        "BENCH_SEED": str(random_seed), "BENCH_THREADS": str(threads), "BENCH_QUERIES": ",".join(seed.queries()),
    }
    if endpoint.tags:
        environment["BENCH_TAGS"] = ",".join(seed.tags_of_new_posts())
    if etag:
        environment["BENCH_ETAG"] = etag
    url = running.url + (path or running.server.path + endpoint.path)
    command = ["wrk", f"-t{threads}", f"-c{endpoint.connections}", f"-d{seconds}s", "--timeout", "10s",
               "-s", f"{endpoint.script}.lua", url]
    result = subprocess.run(command, cwd=BENCH / "lua", env=environment, capture_output=True, text=True)
    last = (result.stdout.strip().splitlines() or [""])[-1]
    if result.returncode or not re.match(r"\{", last):
        raise BenchmarkError(f"{' '.join(command)}\n{result.stdout}{result.stderr}\n{running.log()}")
    return json.loads(last)
