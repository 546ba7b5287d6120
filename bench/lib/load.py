"""Drives the endpoints with wrk."""

import gzip
import json
import os
import re
import subprocess
import time
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass

from . import follower, seed
from .process import BENCH, BenchmarkError
from .servers import KEY


@dataclass(frozen=True)
class Endpoint:
    name: str
    title: str
    connections: int
    script: str
    #: The path and query, or only a query of the list.
    path: str = ""
    headers: tuple = ()
    #: Whether the requests have the entity tag of the response in If-None-Match.
    conditional: bool = False
    #: The number of items in each response.
    items: int = 20
    #: Prepares a running server, and returns the path and query.
    prepare: Callable | None = None
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
        Endpoint("list 304", "the newest 20 posts with If-None-Match; the response is 304", 32, "get",
                 conditional=True),
        Endpoint("list gzip", "the newest 20 posts with Accept-Encoding: gzip", 32, "get",
                 headers=(("Accept-Encoding", "gzip"),)),
        Endpoint("one", "a random published post", 32, "one"),
        Endpoint("summary", "the newest 20 posts with excerpts instead of contents", 32, "get", "?view=summary"),
        Endpoint("search", "full-text search for a random one of 40 queries; the service ranks, the peers order by id",
                 32, "search"),
        Endpoint("search ranked", "the same; all servers return posts with matches in the title first", 32, "search",
                 "?sort=relevance"),
        Endpoint("search by id", "the same; all servers order by id", 32, "search", "?sort=-id"),
        tag_page("tag common", "the newest 20 posts with the most frequent tag", seed.COMMON_TAG),
        tag_page("tag rare", f"the newest 20 posts with a tag that {seed.RARE_POSTS} posts have", seed.RARE_TAG),
        tag_page("tag old", "the newest 20 posts with a tag that only old posts have", seed.OLD_TAG),
        Endpoint("tags", "the first 20 tags by name", 32, "get", "/api/tags?limit=20"),
        # Without the cache, the service counts all posts of all tags.
        Endpoint("top tags", "the 20 tags with the most posts, 2 connections", 2, "get",
                 "/api/tags?sort=-posts&limit=20"),
        Endpoint("changes", "a page of the change feed: 100 changed posts, as summaries", 32, "get",
                 items=follower.PAGE, prepare=follower.prepare_page),
        Endpoint("follow", "pages of 100 summaries, for one client that follows the change feed through all posts", 1,
                 "follow", follower.SUMMARIES),
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


@dataclass(frozen=True)
class Target:
    """What wrk requests from a running server."""

    path: str
    headers: dict
    #: The length of each response with its headers. 0 if the responses differ.
    response_bytes: int = 0


def find_target(running, endpoint, path=None):
    """Prepares the server, and sends the request once if all requests are the same."""
    if endpoint.prepare:
        path = endpoint.prepare(running)
    if path is None:
        path = endpoint.path if endpoint.path.startswith("/") else running.server.path + endpoint.path
    headers = dict(endpoint.headers)
    if endpoint.conditional:
        headers["If-None-Match"] = running.get(path, headers)[1]["etag"]
    if endpoint.script != "get":
        return Target(path, headers)
    status, response_headers, body = running.get(path, headers)
    if status != (304 if endpoint.conditional else 200):
        raise BenchmarkError(f"{running.server.name}, {endpoint.name}: status {status}\n{running.log()}")
    if status == 200 and response_headers["content-type"].startswith("application/json"):
        items = len(json.loads(decode(response_headers, body))["items"])
        if items != endpoint.items:
            raise BenchmarkError(f"{running.server.name}, {endpoint.name}: {items} items, expected {endpoint.items}")
    fields = sum(len(f"{name}: {value}\r\n") for name, value in response_headers.items())
    return Target(path, headers, len("HTTP/1.1 200 OK\r\n\r\n") + fields + len(body))


def decode(headers, body):
    return gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body


def drive(running, postgres, endpoint, target, seconds, posts, round_number):
    """Measures one run of wrk. Responses of another length than expected count as errors."""
    before = running.cpu_seconds(), postgres.cpu_seconds()
    report = wrk(running, endpoint, target, seconds, posts, f"round-{round_number}", round_number + 1)
    after = running.cpu_seconds(), postgres.cpu_seconds()
    requests = max(report["requests"], 1)
    # wrk counts only statuses from 400 as errors, so an unexpected 2xx or 3xx, or one with another encoding, is
    # recognized by its length. wrk also counts the bytes of responses that are incomplete at the end.
    errors, length, expected = report["status"] + report["socket"], report["bytes"] / requests, target.response_bytes
    if report["requests"] == 0 or expected and not 0.9 * expected < length < 1.5 * expected:
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


def warm_up(running, postgres, endpoint, target, seconds, posts, round_number):
    wait_until_idle(running, postgres)
    wrk(running, endpoint, target, seconds, posts, "warm-up", 100 + round_number)


def wrk(running, endpoint, target, seconds, posts, mark, random_seed):
    threads = min(2, os.cpu_count() or 1, endpoint.connections)
    environment = {
        **os.environ, "BENCH_POSTS": str(posts), "BENCH_KEY": KEY, "BENCH_MARK": mark,
        "BENCH_SEED": str(random_seed), "BENCH_THREADS": str(threads), "BENCH_QUERIES": ",".join(seed.queries()),
    }
    if endpoint.tags:
        environment["BENCH_TAGS"] = ",".join(seed.tags_of_new_posts())
    headers = [option for name, value in target.headers.items() for option in ("-H", f"{name}: {value}")]
    command = ["wrk", f"-t{threads}", f"-c{endpoint.connections}", f"-d{seconds}s", "--timeout", "10s", *headers,
               "-s", f"{endpoint.script}.lua", running.url + target.path]
    result = subprocess.run(command, cwd=BENCH / "lua", env=environment, capture_output=True, text=True)
    last = (result.stdout.strip().splitlines() or [""])[-1]
    if result.returncode or not re.match(r"\{", last):
        raise BenchmarkError(f"{' '.join(command)}\n{result.stdout}{result.stderr}\n{running.log()}")
    return json.loads(last)
