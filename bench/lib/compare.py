"""The comparison of two builds of the service: `before`, an older one, and `after`, the one of this working tree.

Each build runs on a database that it created itself, with the same posts without tags and other optional fields,
because an older build may not have them. The two take turns, and the order changes with each round, so that a drift
of the machine affects both. The figures are medians over the rounds of the ratio of the two.
"""

import dataclasses
import statistics

from . import report
from .load import ENDPOINTS, drive, find_target, warm_up
from .process import BenchmarkError
from .seed import SERVICE, Seeds
from .servers import SERVERS as ALL
from .servers import Running

SERVERS = ("ours-sqlite", "ours-postgres")
#: The endpoints, and for each one the endpoint that the older build is measured with.
BASELINES = {"list": "list", "one": "one", "create": "create", "publish": "publish", "create tags": "create"}


class Comparison:
    def __init__(self, options, directory, postgres, log):
        self.options, self.dir, self.postgres, self.log = options, directory, postgres, log
        self.servers = [server for server in ALL if server in options.servers and server.build == "service"]
        self.programs = {"before": options.before, "after": SERVICE}
        self.names = [name for name in BASELINES if name in options.names]
        self.seeds = {}
        for build, program in self.programs.items():
            log(f"seeding {options.posts:,} posts: {build}")
            self.seeds[build] = Seeds(directory, postgres, options.posts, program, with_fields=False, name=build)
        #: results[server, endpoint][build] has one result per round.
        self.results = {}

    def measure(self):
        for number in range(self.options.rounds):
            for server in self.servers:
                for build in ("before", "after") if number % 2 == 0 else ("after", "before"):
                    self.log(f"round {number + 1} of {self.options.rounds}: {server.name}, {build}")
                    self.serve(server, build, number)

    def serve(self, server, build, number):
        database = self.seeds[build].fresh(server.database, False)
        server = dataclasses.replace(server, command=(self.programs[build],))
        running = Running(server, database, self.dir)
        try:
            # A fresh process and database are slow at first, whatever the endpoint.
            one = ENDPOINTS["one"]
            warm_up(running, self.postgres, one, find_target(running, one), 1, self.options.posts, number)
            for index, name in enumerate(self.names):
                endpoint = ENDPOINTS[name if build == "after" else BASELINES[name]]
                # An endpoint that is measured twice must not repeat its titles: the service would search for free
                # slugs.
                run, target = len(self.names) * number + index, find_target(running, endpoint)
                warm_up(running, self.postgres, endpoint, target, 1, self.options.posts, run)
                result = drive(running, self.postgres, endpoint, target, self.options.seconds, self.options.posts, run)
                if result.errors:
                    raise BenchmarkError(f"{server.name}, {build}, {name}: {result.errors} errors\n{running.log()}")
                self.results.setdefault((server.name, name), {}).setdefault(build, []).append(result)
        finally:
            running.stop()

    def table(self, server):
        head = [
            "",
            "before: requests/s",
            "after: requests/s",
            "throughput ratio",
            "before: CPU µs",
            "after: CPU µs",
            "CPU ratio",
        ]
        rows = []
        for name in self.names:
            results = self.results[server.name, name]
            cells = [name if BASELINES[name] == name else f"{name}, compared with {BASELINES[name]}"]
            cpu_us = report.cpu_us(server)
            for figure, inverse in ((lambda result: result.per_second, False), (cpu_us, True)):
                pairs = [(figure(old), figure(new)) for old, new in zip(results["before"], results["after"])]
                ratios = sorted(old / new if inverse else new / old for old, new in pairs)
                cells += [f"{statistics.median(values):,.0f}" for values in zip(*pairs)]
                quartiles = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else [ratios[0]] * 3
                cells.append(f"{quartiles[1]:.3f} ({quartiles[0]:.3f} to {quartiles[2]:.3f})")
            rows.append(cells)
        return head, rows


def measure(options, directory, postgres, log):
    comparison = Comparison(options, directory, postgres, log)
    comparison.measure()
    print("A ratio above 1 means that the build of this working tree is better. In parentheses: the quartiles.")
    for server in comparison.servers:
        print(f"\n{server.title}\n{report.as_text(*comparison.table(server))}")
