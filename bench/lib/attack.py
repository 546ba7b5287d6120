"""The attack run: measures other requests while callers without a key send the most expensive requests they can.

The attackers run in a process of their own. Each of their connections sends one request after the other, alternately
waits for the response and closes at once, and never repeats a URL, so that the cache does not help.
"""

import http.client
import itertools
import json
import multiprocessing
import os
import random
import socket
import sqlite3
import statistics
import threading
import time
import urllib.parse
from dataclasses import dataclass, field

from . import seed
from .process import run
from .servers import KEY, SERVERS, Running

LONG_POSTS, LONG_WORDS = 400, 15_000
#: How long an attacker waits before it closes without reading.
HOLD_SECONDS = 0.02
WARM_UP_SECONDS = 2


def write_long_posts(path, first_id):
    """Writes posts of 100 kB whose words occur in every one of them, but rarely next to each other."""
    rng = random.Random(3)
    with path.open("w") as out:
        for id in range(first_id, first_id + LONG_POSTS):
            words = " ".join(f"w{rng.randrange(100):02}N" for _ in range(LONG_WORDS))
            at = "2026-06-01T00:00:00.000000Z"
            out.write(
                json.dumps(
                    {
                        "id": id,
                        "slug": f"long-{id}",
                        "title": f"long {id}",
                        "content": words,
                        "published": True,
                        "published_at": at,
                        "created_at": at,
                        "updated_at": at,
                    }
                )
                + "\n"
            )


def queries(cursors):
    """Yields query strings without end, each different."""
    words, rng = seed.vocabulary(), random.Random()
    fields = seed.Fields(0, words)
    everything = "published_after=1990-01-01T00:00:00Z&updated_before=2099-01-01T00:00:{:02}Z"
    quote = urllib.parse.quote
    for number in itertools.count(rng.randrange(1 << 30)):
        second, limit = number % 60, number // 7 % 100 + 1
        sort = ("title", "-title", "updated_at", "-updated_at", "published_at", "id")[number // 3 % 6]
        common, other = words[number % 20], words[number // 20 % 40 + 20]
        phrase = quote(f'"w{number % 100:02}N w{number // 100 % 100:02}N"')
        long_phrase = quote('"' + " ".join(f"w{rng.randrange(100):02}N" for _ in range(10)) + '"')
        ten_tags = urllib.parse.urlencode([("tag", tag) for tag in rng.sample(fields.tags[:200], 10)])
        tag, author = quote(fields.tags[number % 20]), quote(fields.authors[number // 20 % 10])
        prefixes = quote(" ".join(f"{rng.choice(seed.SYLLABLES)}*" for _ in range(4)))
        yield rng.choice(
            (
                f"q={phrase}&count=exact&view=summary&sort=title&limit={limit}",
                f"q={long_phrase}&count=exact&view=summary&sort=title&limit={limit}",
                f"q={quote(chr(34) + common + ' ' + other + chr(34))}&count=exact&sort={sort}&limit={limit}",
                f"q={common}+{other}&count=exact&sort={sort}&limit={limit}",
                f"q={prefixes}&count=exact&sort={sort}&limit={limit}",
                f"q={rng.choice('abcdefgklmnoprstvz')}*&count=exact&sort={sort}&limit={limit}",
                f"{everything.format(second)}&count=exact&sort={sort}&limit={limit}",
                f"{everything.format(second)}&sort={sort}&limit={limit}",
                f"limit={limit}&published_after=1990-01-01T00:00:{second:02}Z",
                f"limit={limit}&updated_after=2098-01-01T00:00:{second:02}Z&sort=title&count=estimated",
                f"{ten_tags}&count=exact&sort={sort}&limit={limit}",
                f"tag={tag}&author={author}&count=exact&sort={sort}&limit={limit}",
                f"tag={tag}&q={common}&count=exact&sort={sort}&limit={limit}",
                f"count=exact&limit={limit}&view=summary&sort={sort}",
                f"limit={limit}&sort=title&cursor={rng.choice(cursors)}&count=exact",
                f"limit=100&sort={sort}&published_before=2026-06-0{number % 8 + 2}T00:00:{second:02}Z&view=full",
            )
        )


def attack(port, connections, cursors, counts, stop):
    """The process of the attackers.

    `counts` are the requests, the responses by kind (200, 503, other), and the closed connections.
    """

    def loop(offset):
        requests = queries(cursors)
        for number in itertools.count(offset):
            if stop.is_set():
                return
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
                    line = f"GET /api/posts?{next(requests)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
                    client.sendall(line.encode())
                    with counts.get_lock():
                        counts[0] += 1
                    if number % 2:
                        time.sleep(HOLD_SECONDS)
                        kind = 4
                    else:
                        status = client.recv(65536)[9:12]
                        while client.recv(65536):
                            pass
                        kind = {b"200": 1, b"503": 2}.get(status, 3)
                    with counts.get_lock():
                        counts[kind] += 1
            except OSError:
                with counts.get_lock():
                    counts[3] += 1

    threads = [threading.Thread(target=loop, args=(number,), daemon=True) for number in range(connections)]
    for thread in threads:
        thread.start()
    stop.wait()
    # Ends the threads that wait for a response.
    os._exit(0)


@dataclass
class Probe:
    """One kind of request, which a client repeats on one connection."""

    name: str
    method: str
    path: callable
    expected: int
    body: callable = lambda: None
    milliseconds: list = field(default_factory=list)
    failures: dict = field(default_factory=dict)

    def loop(self, port, stop):
        headers = (
            {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"} if self.method == "POST" else {}
        )
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while not stop.is_set():
            body = self.body()
            started = time.perf_counter()
            try:
                connection.request(self.method, self.path(), body, headers)
                response = connection.getresponse()
                response.read()
                outcome = response.status
            except (OSError, http.client.HTTPException) as error:
                outcome = type(error).__name__
                connection.close()
            self.milliseconds.append((time.perf_counter() - started) * 1000)
            if outcome != self.expected:
                self.failures[outcome] = self.failures.get(outcome, 0) + 1
            time.sleep(0.01)

    def row(self):
        times = sorted(self.milliseconds)
        failures = ", ".join(f"{count} × {outcome}" for outcome, count in self.failures.items()) or "0"
        at = lambda share: f"{times[min(len(times) - 1, int(len(times) * share))]:.1f}"
        return [self.name, f"{len(times):,}", f"{statistics.median(times):.1f}", at(0.99), f"{times[-1]:.1f}", failures]


HEAD = ["", "requests", "p50 ms", "p99 ms", "max ms", "failures"]


def probes(posts):
    rng, number = random.Random(4), itertools.count()
    return [
        Probe("single post", "GET", lambda: f"/api/posts/{rng.randrange(1, posts // 2) * 2}", 200),
        Probe("plain list", "GET", lambda: f"/api/posts?limit={rng.randrange(1, 101)}&view=summary", 200),
        Probe(
            "keyed write",
            "POST",
            lambda: "/api/posts",
            201,
            lambda: json.dumps({"title": f"A draft {next(number)}", "content": "word " * 100}),
        ),
        Probe("/health/ready", "GET", lambda: "/health/ready", 200),
    ]


def measure_probes(port, posts, seconds):
    stop, measured = threading.Event(), probes(posts)
    threads = [threading.Thread(target=probe.loop, args=(port, stop)) for probe in measured]
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    stop.set()
    for thread in threads:
        thread.join()
    return [probe.row() for probe in measured]


def find_cursors(running):
    """Cursors of the list by title, some of them deep."""
    cursors, path = [], "/api/posts?sort=title&limit=100&view=summary"
    cursor = None
    for _ in range(30):
        query = path + (f"&cursor={cursor}" if cursor else "")
        cursor = json.loads(running.get(query)[2])["next_cursor"]
        if cursor is None:
            break
        cursors.append(cursor)
    return cursors


class AttackSeeds(seed.Seeds):
    """The posts of the other runs, and long posts."""

    def __init__(self, directory, postgres, count, kinds):
        super().__init__(directory, postgres, count)
        lines = directory / "long.ndjson"
        write_long_posts(lines, count + 1)
        urls = {"sqlite": f"sqlite://{self.sqlite}", "postgres": postgres.url(self.name)}
        for kind in kinds:
            run([seed.SERVICE, "import", lines], env={**os.environ, "DATABASE_URL": urls[kind]}, cwd=directory)
        lines.unlink()
        postgres.sql("VACUUM (ANALYZE)", self.name)
        with sqlite3.connect(self.sqlite) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()


def measure(server, seeds, options, directory, log):
    """Returns the rows without and with the attack, and a description of what the attackers got."""
    running = Running(server, seeds.fresh(server.database, False), directory)
    try:
        cursors = find_cursors(running)
        log(f"{server.name}: without an attack")
        measure_probes(running.port, options.posts, WARM_UP_SECONDS)
        quiet = measure_probes(running.port, options.posts, options.seconds)
        log(f"{server.name}: with {options.connections} attackers")
        counts, stop = multiprocessing.Array("q", 5), multiprocessing.Event()
        attackers = multiprocessing.Process(
            target=attack, args=(running.port, options.connections, cursors, counts, stop), daemon=True
        )
        attackers.start()
        time.sleep(WARM_UP_SECONDS)
        attacked = measure_probes(running.port, options.posts, options.seconds)
        stop.set()
        attackers.join()
        sent, served, refused, failed, closed = counts[:]
        summary = (
            f"The attackers sent {sent:,} requests and closed {closed:,} of them at once; {served:,} got 200, "
            f"{refused:,} got 503, {failed:,} another response or none."
        )
        return quiet, attacked, summary
    finally:
        running.stop()


def servers(names):
    """The service with its default settings, on the given databases."""
    return [server for server in SERVERS if server.name in [f"ours-{name}" for name in names]]
