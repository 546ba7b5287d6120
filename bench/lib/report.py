"""Formats the tables for the terminal and for RESULTS.md."""

import json
import statistics
from dataclasses import astuple, fields

from . import chart, summary
from .load import ENDPOINTS, Result
from .process import BENCH, BenchmarkError
from .servers import SERVERS, SHARED

STORED = BENCH / "results.json"

DURABILITY = """All servers acknowledge a write only after it is on disk: SQLite with `journal_mode=WAL` and
`synchronous=FULL`, PostgreSQL with `fsync=on` and `synchronous_commit=on`."""

METHOD = """One server ran at a time, on a fresh copy of the same rows. The load generator and the database ran on the
same machine. Each of the {rounds} rounds started every server, warmed it up, and measured each endpoint for {seconds}
s. The first round also checked that all servers return the same data. The figures are medians over the rounds.

- *CPU* is CPU time per request, summed over all threads and processes of the server. *Database CPU* is that of
  PostgreSQL.
- *Of ceiling* is the throughput relative to a bare actix handler that sends the same bytes.
- A row with an error (an unexpected response, a socket error, or a timeout) is void."""


def median(results):
    """Returns the median of each figure, and the sum of the errors."""
    each = {f.name: statistics.median(getattr(result, f.name) for result in results) for f in fields(Result)}
    return Result(**{**each, "errors": sum(result.errors for result in results)})


class Figures:
    """The measurements: `results[endpoint][server]` has one result per round."""

    def __init__(self, servers):
        self.servers, self.results, self.starts, self.rss = servers, {}, {}, {}

    def add(self, endpoint, server, result):
        self.results.setdefault(endpoint, {}).setdefault(server, []).append(result)
        self.rss[server] = max(self.rss.get(server, 0), result.rss_mb)

    def started(self, server, milliseconds):
        self.starts.setdefault(server, []).append(milliseconds)

    def of(self, endpoint, server):
        results = self.results.get(endpoint, {}).get(server)
        return median(results) if results else None

    def table(self, endpoint):
        """Returns the header and the rows for one endpoint."""
        head = ["", "requests/s", "of ceiling", "p50 ms", "p99 ms", "CPU µs", "database CPU µs", "errors"]
        ceiling, rows = self.of(endpoint, "ceiling"), []
        for server in self.servers:
            result = self.of(endpoint, server.name)
            if result is None:
                continue
            if result.errors:
                rows.append([server.title, "void", "", "", "", "", "", str(result.errors)])
                continue
            share = f"{result.per_second / ceiling.per_second:.2f}" if ceiling and not ceiling.errors else ""
            database = number(result.database_cpu_us) if server.database == "postgres" else ""
            rows.append(
                [
                    server.title,
                    f"{result.per_second:,.0f}",
                    share,
                    f"{result.p50_us / 1000:.2f}",
                    f"{result.p99_us / 1000:.2f}",
                    number(result.cpu_us),
                    database,
                    "0",
                ]
            )
        return drop_empty_columns(head, rows)

    def overview(self, of_service_only):
        """Returns requests per second of each server, for the endpoints that only the service has or for the others."""
        endpoints = [name for name in ENDPOINTS if name in self.results and (name in SHARED) != of_service_only]
        rows = []
        for server in self.servers:
            row = [server.title]
            for endpoint in endpoints:
                result = self.of(endpoint, server.name)
                row.append("" if result is None else "void" if result.errors else f"{result.per_second:,.0f}")
            if any(row[1:]):
                rows.append(row)
        return ["requests/s", *endpoints], rows

    def footprint(self):
        rows = [
            [
                server.title,
                f"{statistics.median(self.starts[server.name]):.0f}",
                f"{self.rss.get(server.name, 0):.0f}",
                server.processes,
            ]
            for server in self.servers
            if server.name in self.starts
        ]
        return ["", "start until first 200, ms", "peak RSS, MB", "processes"], rows

    def to_json(self):
        """Returns the results of all rounds, each as a list of the fields of `Result`."""
        short = lambda value: float(f"{value:.6g}")
        lists = lambda results: [[short(value) for value in astuple(result)] for result in results]
        return {
            "servers": [server.name for server in self.servers],
            "starts": {name: [short(value) for value in values] for name, values in self.starts.items()},
            "rss": {name: short(value) for name, value in self.rss.items()},
            "results": {endpoint: {server: lists(results) for server, results in by_server.items()}
                        for endpoint, by_server in self.results.items()},
        }

    @classmethod
    def of_json(cls, stored):
        figures = cls([server for server in SERVERS if server.name in stored["servers"]])
        figures.starts, figures.rss = stored["starts"], stored["rss"]
        for endpoint, by_server in stored["results"].items():
            for server, rounds in by_server.items():
                figures.results.setdefault(endpoint, {})[server] = [Result(*values) for values in rounds]
        return figures


def cpu_us(server):
    """Returns a function that returns the CPU time per request of a result, with that of PostgreSQL."""
    return lambda result: result.cpu_us + (result.database_cpu_us if server.database == "postgres" else 0)


def number(value):
    return f"{value:,.1f}" if value < 10 else f"{value:,.0f}"


def drop_empty_columns(head, rows):
    columns = [n for n in range(len(head)) if n == 0 or any(row[n] for row in rows)]
    return [head[n] for n in columns], [[row[n] for n in columns] for row in rows]


def as_text(head, rows):
    widths = [max(len(line[n]) for line in [head, *rows]) for n in range(len(head))]

    def line(cells):
        first, *rest = zip(cells, widths)
        return "  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)])

    return "\n".join(line(cells) for cells in [head, *rows])


def as_markdown(head, rows):
    lines = ["| " + " | ".join(cells) + " |" for cells in [head, *rows]]
    return "\n".join([lines[0], "|" + "---|" + "---:|" * (len(head) - 1), *lines[1:]])


def facts(machine):
    return "\n".join(f"- {name}: {f'`{value}`' if name == 'command' else value}" for name, value in machine.items())


def sentence(text):
    return f"{text[0].upper()}{text[1:]}."


def show(figures):
    for endpoint in [name for name in ENDPOINTS if name in figures.results]:
        print(f"\n{endpoint}: {ENDPOINTS[endpoint].title}\n{as_text(*figures.table(endpoint))}")
    print(f"\n{as_text(*figures.footprint())}")


def write(figures, machine, versions, options):
    """Stores the results in results.json, and renders them."""
    conditions = {"posts": options.posts, "rounds": options.rounds, "seconds": options.seconds}
    stored = {"machine": machine, "versions": versions, **conditions, **figures.to_json()}
    lines = [f"{json.dumps(name)}: {_compact(value)}" for name, value in stored.items()]
    STORED.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    render()


def _compact(value):
    """Writes one line for each endpoint."""
    text = lambda each: json.dumps(each, ensure_ascii=False)
    if isinstance(value, dict) and all(isinstance(each, dict) for each in value.values()):
        return "{\n" + ",\n".join(f"  {text(name)}: {text(each)}" for name, each in value.items()) + "\n}"
    return text(value)


def render():
    """Writes RESULTS.md and results.svg from results.json and NOTES.md."""
    if not STORED.exists():
        raise BenchmarkError("there is no results.json; run bench/run first")
    stored = json.loads(STORED.read_text())
    figures = Figures.of_json(stored)
    render_results(figures, stored["machine"], stored["versions"], stored["posts"], stored["rounds"], stored["seconds"])
    chart.write(figures)


def render_results(figures, machine, versions, posts, rounds, seconds):
    notes = BENCH / "NOTES.md"
    parts = [
        "# Results",
        summary.EXPLANATION,
        as_markdown(*summary.table(figures)),
        "![Requests per second](results.svg)",
        "Generated by `bench/run`, which includes [NOTES.md](NOTES.md). [README.md](README.md) describes the servers and "
        "the rows.",
        "## Requests per second",
        as_markdown(*figures.overview(of_service_only=False)),
        "What only the service has:",
        as_markdown(*figures.overview(of_service_only=True)),
    ]
    if notes.exists():
        parts += [notes.read_text().strip()]
    parts += [
        "## Method",
        facts(machine),
        f"{posts:,} posts of 500 characters, half of them published.",
        METHOD.format(rounds=rounds, seconds=seconds),
        DURABILITY,
        "## Startup and memory",
        as_markdown(*figures.footprint()),
    ]
    for endpoint in [name for name in ENDPOINTS if name in figures.results]:
        parts += [f"## {endpoint}", sentence(ENDPOINTS[endpoint].title), as_markdown(*figures.table(endpoint))]
    parts += [
        "## Versions",
        "\n".join(
            f"- {name}: " + ", ".join(f"{package} {version}" for package, version in sorted(packages.items()))
            for name, packages in versions.items()
        ),
    ]
    (BENCH / "RESULTS.md").write_text("\n\n".join(parts) + "\n")
