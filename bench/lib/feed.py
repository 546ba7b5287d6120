"""The run of followers: clients that read the whole change feed, and event streams that receive one publish each."""

import platform
import random
import resource
import sqlite3
import statistics
import time
from dataclasses import fields

from . import follower, report
from .process import BENCH
from .seed import Seeds
from .servers import SERVERS as ALL
from .servers import Running
from .streams import EventStreams

SERVERS = ("ours-sqlite", "ours-postgres")
POSTS, CHANGES = 100_000, 1_000_000
STREAMS, PUBLISHES = 1000, 100
#: Pauses between publishes, in seconds, so that the publishes fall on all phases of the poll of PostgreSQL.
PAUSE = (0.02, 0.08)
WALKS = {
    "all posts, summary view": (follower.SUMMARIES, False),
    "all posts, full view": ("/api/changes?limit=100", False),
    "changes, summary view": (follower.SUMMARIES, True),
    "changes, full view": ("/api/changes?limit=100", True),
}
#: The walk that a goal refers to.
GOAL_WALK = "changes, summary view"


class Feed:
    def __init__(self, options, directory, postgres, log):
        self.options, self.dir, self.postgres, self.log = options, directory, postgres, log
        self.servers = [server for server in ALL if server in options.servers]
        log(f"seeding {options.posts:,} posts")
        self.seeds = Seeds(directory, postgres, options.posts)
        #: The cursor before the changes, by server.
        self.cursors = {server.name: self.write_changes(server) for server in self.servers}
        #: followed[server, walk] and streamed[server] have one result per round.
        self.followed, self.streamed = {}, {}

    def write_changes(self, server):
        """Changes published posts of the seed. Returns the cursor before the changes."""
        self.log(f"{server.name}: writing {self.options.changes:,} changes")
        is_sqlite = server.database == "sqlite"
        running = Running(server, self.seeds.sqlite if is_sqlite else self.postgres.url(self.seeds.name), self.dir)
        try:
            cursor = follower.end_of_feed(running)
        finally:
            running.stop()
        left, number = self.options.changes, 0
        while left > 0:
            count, number = min(left, self.options.posts // 2), number + 1
            statement = (f"UPDATE posts SET description = 'Description {number}', version = version + 1 "
                         f"WHERE published AND id <= {2 * count}")
            if is_sqlite:
                self.write_sqlite(statement)
            else:
                self.postgres.sql(statement, self.seeds.name)
                self.postgres.sql("VACUUM posts", self.seeds.name)
            left -= count
        if not is_sqlite:
            self.postgres.sql("VACUUM (ANALYZE)", self.seeds.name)
        return cursor

    def write_sqlite(self, statement):
        connection = sqlite3.connect(self.seeds.sqlite)
        connection.execute("PRAGMA synchronous = OFF")
        with connection:
            connection.execute(statement)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()

    def measure(self):
        for number in range(self.options.rounds):
            for server in self.servers:
                self.log(f"round {number + 1} of {self.options.rounds}: {server.name}, followers")
                self.measure_followers(server)
                self.log(f"round {number + 1} of {self.options.rounds}: {server.name}, {STREAMS:,} streams")
                self.measure_streams(server)

    def measure_followers(self, server):
        """Each page is read once, so the cache does not help."""
        running = Running(server, self.seeds.fresh(server.database, False), self.dir)
        try:
            for name, (path, is_log) in WALKS.items():
                cursor = self.cursors[server.name] if is_log else None
                result = follower.follow(running, self.postgres, path, cursor)
                self.followed.setdefault((server.name, name), []).append(result)
        finally:
            running.stop()

    def measure_streams(self, server):
        running = Running(server, self.seeds.fresh(server.database, False), self.dir)
        streams = None
        try:
            follower.end_of_feed(running)
            before = running.rss_mb()
            streams = EventStreams(running, STREAMS)
            # A stream is open for some time before its buffers have their final size.
            time.sleep(1)
            opened, publishes = running.rss_mb(), []
            # Seeded posts with an odd id are drafts.
            for id in range(1, 2 * PUBLISHES, 2):
                publishes.append(streams.publish(id))
                time.sleep(random.uniform(*PAUSE))
            after, started = running.rss_mb(), time.monotonic()
            running.stop()
            stop_seconds = time.monotonic() - started
            self.streamed.setdefault(server.name, []).append((before, opened, after, publishes, stop_seconds))
        finally:
            if streams:
                streams.close()
            running.stop()

    def follower_table(self, server):
        head = ["", "items", "items/s", "CPU µs per item", "database CPU µs", "client CPU µs"]
        rows = []
        for name in WALKS:
            figures = medians(self.followed[server.name, name])
            database = report.number(figures.database_cpu_us) if server.database == "postgres" else ""
            rows.append([name, f"{figures.items:,.0f}", f"{figures.per_second:,.0f}",
                         report.number(figures.server_cpu_us), database, report.number(figures.client_cpu_us)])
        return report.drop_empty_columns(head, rows)

    def stream_figures(self, server):
        rounds = self.streamed[server.name]
        before, opened, after = (statistics.median(each[n] for each in rounds) for n in range(3))
        publishes = [publish for each in rounds for publish in each[3]]
        return {
            "before": before, "opened": opened, "after": after, "growth": max(opened, after) - before,
            "events": sorted(at for publish in publishes for at in publish),
            "last": sorted(max(publish) for publish in publishes),
            "stop": statistics.median(each[4] for each in rounds),
        }

    def memory_table(self):
        head = ["RSS, MB", "without streams", f"with {STREAMS:,}", f"after {PUBLISHES} publishes", "kB per stream"]
        rows = []
        for server in self.servers:
            figures = self.stream_figures(server)
            rows.append([server.title, *(f"{figures[name]:.0f}" for name in ("before", "opened", "after")),
                         f"{figures['growth'] * 1000 / STREAMS:.0f}"])
        return head, rows

    def time_table(self):
        head = ["", "event: p50 ms", "p99 ms", "last stream: p50 ms", "p99 ms", "max ms", "SIGTERM to exit, s"]
        rows = []
        for server in self.servers:
            figures = self.stream_figures(server)
            shares = [(name, share) for name in ("events", "last") for share in (0.5, 0.99)]
            rows.append([server.title, *(f"{percentile(figures[name], share):.0f}" for name, share in shares),
                         f"{figures['last'][-1]:.0f}", f"{figures['stop']:.2f}"])
        return head, rows

    def goals(self):
        """Returns the goals, with the measured figure of each server."""
        rows = [
            ["a follower of changes in the summary view: at least 20,000 items/s"],
            [f"{STREAMS:,} event streams: at most 64 MB"],
            [f"a publish reaches all of {STREAMS:,} streams: within 250 ms at p99"],
        ]
        for server in self.servers:
            rate = medians(self.followed[server.name, GOAL_WALK]).per_second
            figures = self.stream_figures(server)
            last = percentile(figures["last"], 0.99)
            rows[0].append(f"{rate:,.0f} items/s, {verdict(rate >= 20_000)}")
            rows[1].append(f"{figures['growth']:.0f} MB, {verdict(figures['growth'] <= 64)}")
            rows[2].append(f"{last:.0f} ms, {verdict(last <= 250)}")
        return ["goal", *(server.title for server in self.servers)], rows


def medians(results):
    names = [each.name for each in fields(follower.Followed)]
    return follower.Followed(**{name: statistics.median(getattr(each, name) for each in results) for name in names})


def percentile(ordered, share):
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def verdict(is_met):
    return "met" if is_met else "missed"


def document(feed, options, facts):
    """Returns the text of FEED.md."""
    parts = [
        "# Following changes",
        f"Generated by `bench/run --changes`. It measures the service with its default settings, on fresh copies of "
        f"{options.posts:,} posts. Half of them are published, and the log has {options.changes:,} changes of these. The "
        "client and the database run on the same machine.",
        report.facts(facts), report.DURABILITY, report.as_markdown(*feed.goals()),
        "## Followers",
        "A client reads the feed in pages of 100 items on one connection, one page after the other, and parses them: all "
        "posts, from the beginning of the feed, and all changes, from a cursor before the first one. A page lists a post "
        f"once. Each page is read once per process. The figures are medians of {options.rounds} rounds.",
    ]
    for server in feed.servers:
        parts += [f"{server.title}:", report.as_markdown(*feed.follower_table(server))]
    parts += [
        "## Event streams",
        f"One client has {STREAMS:,} event streams open and publishes {PUBLISHES} drafts, one after the other, each when "
        f"all streams have received the one before. The memory is the median of {options.rounds} rounds.",
        report.as_markdown(*feed.memory_table()),
        "*Event* is the time from the request of a publish until a stream has received the event, over all publishes "
        "and streams of all rounds. *Last stream* is the time until all streams have received it, over all publishes. "
        "At the end, the service receives SIGTERM while the streams are open, with `SHUTDOWN_GRACE=0`.",
        report.as_markdown(*feed.time_table()),
    ]
    return "\n\n".join(parts) + "\n"


def measure(options, directory, postgres, facts, log):
    # Each stream is a file descriptor here.
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    feed = Feed(options, directory, postgres, log)
    feed.measure()
    for server in feed.servers:
        print(f"\n{server.title}\n{report.as_text(*feed.follower_table(server))}")
    for table in (feed.memory_table(), feed.time_table(), feed.goals()):
        print(f"\n{report.as_text(*table)}")
    if options.write:
        facts = {**facts, "load generator": f"Python {platform.python_version()}"}
        (BENCH / "FEED.md").write_text(document(feed, options, facts))
