"""The scale run: measures the service without its cache, with 10,000 posts and with many more."""

import json
import statistics
import textwrap
import urllib.parse

from . import report, seed
from .load import ENDPOINTS as COMMON
from .load import Endpoint, drive, find_target, warm_up
from .postgres import Postgres
from .process import BENCH, BenchmarkError
from .seed import Seeds
from .servers import SERVERS as ALL
from .servers import TAGGED_READS, Running

SERVERS = ("ours-sqlite-nocache", "ours-postgres-nocache")
SMALL = 10_000
ENDPOINTS = (
    Endpoint("list", "the newest 20 posts", 32, "get"),
    Endpoint("deepest page", "the last page of 20 posts of the newest-first list", 32, "get"),
    Endpoint("estimated count", "the newest 20 posts with an estimate of their number", 32, "get", "?count=estimated"),
    Endpoint("one", "one post", 32, "one"),
    Endpoint(
        "rare word", f"search for a word that occurs in {seed.RARE_POSTS} posts", 32, "get", f"?q={seed.RARE_WORD}"
    ),
    *(COMMON[name] for name in TAGGED_READS),
    *(COMMON[name] for name in ("tags", "top tags", "changes")),
    Endpoint("create", "create a draft", 32, "create"),
    Endpoint(
        "rare word after", "the same search after the creates of the previous row", 32, "get", f"?q={seed.RARE_WORD}"
    ),
    COMMON["create tags"],
    COMMON["publish"],
)


class Scale:
    def __init__(self, options, directory, postgres: Postgres, log):
        self.options, self.dir, self.postgres, self.log = options, directory, postgres, log
        self.servers = [server for server in ALL if server in options.servers]
        self.seeds, self.figures, self.cursors = {}, {}, {}
        for count in (SMALL, options.posts):
            log(f"seeding {count:,} posts")
            self.seeds[count] = Seeds(directory, postgres, count)
            self.figures[count] = report.Figures(self.servers)

    def measure(self):
        for number in range(self.options.rounds):
            for server in self.servers:
                for count in self.seeds:
                    self.log(f"round {number + 1} of {self.options.rounds}: {server.name}, {count:,} posts")
                    self.serve(server, count, number)

    def serve(self, server, count, number):
        seeds = self.seeds[count]
        running = Running(server, seeds.fresh(server.database, False), self.dir)
        figures = self.figures[count]
        try:
            figures.started(server.name, running.start_ms)
            for endpoint in ENDPOINTS:
                path = self.last_page(running, count) if endpoint.name == "deepest page" else None
                target = find_target(running, endpoint, path)
                warm_up(running, self.postgres, endpoint, target, 1, count, number)
                result = drive(running, self.postgres, endpoint, target, self.options.seconds, count, number)
                figures.add(endpoint.name, server.name, result)
        finally:
            running.stop()

    def last_page(self, running, count):
        """Returns the path of the last page of 20. Finds it by reading the list: pages of 100, then one of 80."""
        key = running.server.name, count
        if key not in self.cursors:
            limit, cursor, left = 100, None, count // 2
            while left > 20:
                limit = min(100, left - 20)
                query = {"view": "summary", "limit": limit, **({"cursor": cursor} if cursor else {})}
                status, _, body = running.get(f"/api/posts?{urllib.parse.urlencode(query)}")
                cursor = json.loads(body)["next_cursor"] if status == 200 else None
                if cursor is None:
                    raise BenchmarkError(
                        f"{running.server.name}: the list ends {left} posts early with status {status}"
                    )
                left -= limit
            self.cursors[key] = cursor
        return f"/api/posts?cursor={urllib.parse.quote(self.cursors[key])}"

    def table(self, server):
        head = [
            "",
            *(f"{count:,}: {what}" for count in self.seeds for what in ("requests/s", "p50 ms", "CPU µs")),
            "time ratio",
            "CPU ratio",
        ]
        rows = []
        for endpoint in ENDPOINTS:
            results = [self.figures[count].of(endpoint.name, server.name) for count in self.seeds]
            if any(result.errors for result in results):
                rows.append([endpoint.name, f"void: {[result.errors for result in results]} errors", *[""] * 7])
                continue
            cpu = [report.cpu_us(server)(result) for result in results]
            cells = [
                cell
                for result, used in zip(results, cpu)
                for cell in (f"{result.per_second:,.0f}", f"{result.p50_us / 1000:.2f}", report.number(used))
            ]
            slower = results[0].per_second / results[1].per_second
            rows.append([endpoint.name, *cells, f"{slower:.2f}", f"{cpu[1] / cpu[0]:.2f}"])
        return head, rows

    def resource_table(self, server):
        """Returns import time, startup time, and memory."""
        rows = []
        for count, seeds in self.seeds.items():
            figures, seconds = self.figures[count], seeds.import_seconds[server.database]
            rows.append(
                [
                    f"{count:,} posts",
                    f"{seconds:.1f}",
                    f"{count / seconds:,.0f}",
                    f"{statistics.median(figures.starts[server.name]):.0f}",
                    f"{figures.rss[server.name]:.0f}",
                ]
            )
        return ["", "import, s", "imported posts/s", "start until first 200, ms", "peak RSS, MB"], rows


def measure(options, directory, postgres, facts, log):
    scale = Scale(options, directory, postgres, log)
    scale.measure()
    parts = [
        f"# {options.posts:,} posts",
        textwrap.fill(
            f"Generated by `bench/run --posts {options.posts}`. It measures the service with its cache off, with "
            f"{SMALL:,} and with {options.posts:,} posts. Half of them are published; three quarters have an author "
            f"and 1.5 tags on average. The figures are medians of {options.rounds} interleaved rounds of "
            f"{options.seconds} s, with 32 connections unless noted otherwise. *Time ratio* is the time per request with "
            f"{options.posts:,} posts divided by the time with {SMALL:,}. *CPU ratio* is the same for CPU time. CPU "
            "times include PostgreSQL's.",
            width=120,
            break_on_hyphens=False,
        ),
        report.facts(facts),
        report.DURABILITY,
        "\n".join(f"- {endpoint.name}: {endpoint.title}" for endpoint in ENDPOINTS),
    ]
    for server in scale.servers:
        for table in (scale.table(server), scale.resource_table(server)):
            print(f"\n{server.title}\n{report.as_text(*table)}")
        tables = (scale.table(server), scale.resource_table(server))
        parts += [f"## {server.title}", *(report.as_markdown(*table) for table in tables)]
    if options.write:
        (BENCH / "SCALE.md").write_text("\n\n".join(parts) + "\n")
