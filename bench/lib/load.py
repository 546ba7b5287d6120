"""wrk: what each endpoint sends, and what one run of it tells."""

import json
import os
import re
import subprocess
import time
from dataclasses import dataclass

from . import seed
from .process import BENCH, Failed
from .servers import KEY


@dataclass(frozen=True)
class Endpoint:
    name: str
    title: str
    connections: int
    script: str
    path: str = ""


ENDPOINTS = {
    endpoint.name: endpoint
    for endpoint in (
        Endpoint("list", "the newest 20 posts, 32 connections", 32, "get"),
        Endpoint("list 1", "the newest 20 posts, 1 connection", 1, "get"),
        Endpoint("list 256", "the newest 20 posts, 256 connections", 256, "get"),
        Endpoint("list 304", "the newest 20 posts with If-None-Match, answered 304", 32, "get"),
        Endpoint("one", "one post, a random one of those published", 32, "one"),
        Endpoint("summary", "the newest 20 posts with excerpts instead of contents", 32, "get", "?view=summary"),
        Endpoint("search", "full-text search for one of 40 queries", 32, "search"),
        Endpoint("mix", "95 % reads (list, one, summary), 5 % title changes of published posts", 32, "mix"),
        Endpoint("create", "writing a draft of 500 characters", 32, "create"),
        Endpoint("create 64", "writing a draft, 64 connections", 64, "create"),
        Endpoint("publish", "publishing a draft, or making a published post a draft", 32, "publish"),
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
    """One run of wrk. `expected_bytes`: the size of a correct answer's body; much less per request is an error."""
    before = running.cpu_seconds(), postgres.cpu_seconds()
    told = wrk(running, endpoint, seconds, posts, f"round-{round_number}", round_number + 1, etag, path)
    after = running.cpu_seconds(), postgres.cpu_seconds()
    requests = max(told["requests"], 1)
    # wrk counts no status below 400 as wrong; an answer that is too short shows in the bytes.
    wrong = told["status"] + told["socket"]
    if told["requests"] == 0 or told["bytes"] / requests < 0.9 * expected_bytes:
        wrong = max(wrong, told["requests"], 1)
    return Result(
        per_second=told["requests"] / (told["microseconds"] / 1e6),
        p50_us=told["p50"],
        p99_us=told["p99"],
        cpu_us=(after[0] - before[0]) * 1e6 / requests,
        database_cpu_us=(after[1] - before[1]) * 1e6 / requests,
        rss_mb=running.rss_mb(),
        errors=wrong,
    )


def settle(running, postgres):
    """Waits, up to 15 s, until nothing of what was sent before is still being worked on."""
    for _ in range(150):
        before = running.cpu_seconds() + postgres.cpu_seconds()
        time.sleep(0.1)
        busy = running.cpu_seconds() + postgres.cpu_seconds() - before
        if busy < 0.03:
            return


def warm_up(running, postgres, endpoint, seconds, posts, round_number, etag=None, path=None):
    settle(running, postgres)
    wrk(running, endpoint, seconds, posts, "warm-up", 100 + round_number, etag, path)


def wrk(running, endpoint, seconds, posts, mark, random_seed, etag, path):
    threads = min(2, os.cpu_count() or 1, endpoint.connections)
    environment = {
        **os.environ, "BENCH_POSTS": str(posts), "BENCH_KEY": KEY, "BENCH_MARK": mark,
        "BENCH_SEED": str(random_seed), "BENCH_THREADS": str(threads), "BENCH_QUERIES": ",".join(seed.queries()),
    }
    if etag:
        environment["BENCH_ETAG"] = etag
    url = running.url + (path or running.server.path + endpoint.path)
    command = ["wrk", f"-t{threads}", f"-c{endpoint.connections}", f"-d{seconds}s", "--timeout", "10s",
               "-s", f"{endpoint.script}.lua", url]
    done = subprocess.run(command, cwd=BENCH / "lua", env=environment, capture_output=True, text=True)
    last = (done.stdout.strip().splitlines() or [""])[-1]
    if done.returncode or not re.match(r"\{", last):
        raise Failed(f"{' '.join(command)}\n{done.stdout}{done.stderr}\n{running.log()}")
    return json.loads(last)
