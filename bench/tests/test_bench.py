"""Tests of what `bench/run` makes of its measurements, and of its client of event streams."""

import json
import re
import sys
import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace
from unittest import mock
from xml.etree import ElementTree

BENCH = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(BENCH))

from lib import chart, feed, follower, load, report, scale, streams, summary  # noqa: E402
from lib.load import ENDPOINTS, Result  # noqa: E402
from lib.process import BenchmarkError  # noqa: E402
from lib.servers import SERVERS  # noqa: E402


def result(per_second, errors=0):
    return Result(per_second, 100.0, 200.0, 10.0, 5.0, 50.0, errors)


def measured(rates):
    """Figures of the given requests/s by endpoint and server."""
    figures = report.Figures(SERVERS)
    for (endpoint, server), rate in rates.items():
        figures.add(endpoint, server, result(rate))
    return figures


def rows_by_title(table):
    head, rows = table
    return {row[0]: dict(zip(head[1:], row[1:])) for row in rows}


class SummaryTest(unittest.TestCase):
    def test_compares_servers_on_the_same_database(self):
        rows = rows_by_title(summary.table(measured({
            ("list", "ours-sqlite"): 300, ("list", "ours-sqlite-nocache"): 69, ("list", "ours-postgres"): 1200,
            ("list", "actix-rusqlite"): 100, ("list", "axum-sqlx"): 100,
        })))
        self.assertEqual(rows["list"]["actix + rusqlite, SQLite"], "**3.0**")
        self.assertEqual(rows["list"]["axum + sqlx, PostgreSQL"], "**12**")
        self.assertEqual(rows["list"]["Fastify + pg, PostgreSQL"], "")
        self.assertEqual(rows["list, cache off"]["actix + rusqlite, SQLite"], "0.69")
        self.assertNotIn("search", rows)

    def test_ignores_void_rows(self):
        figures = measured({("list", "ours-sqlite"): 300})
        figures.add("list", "actix-rusqlite", result(100, errors=1))
        self.assertEqual(summary.table(figures)[1], [])

    def test_bold_means_faster_as_printed(self):
        self.assertEqual([summary.cell(value) for value in (0.994, 1.004, 1.006)], ["0.99", "1.00", "**1.01**"])


class ReportTest(unittest.TestCase):
    def test_stored_results_render_the_same_tables(self):
        rates = {("list", "ours-sqlite"): 86_750.25, ("list", "axum-sqlx"): 9270, ("create", "axum-sqlx"): 3059}
        figures = measured(rates)
        figures.add("list", "ours-sqlite", result(10))
        figures.started("ours-sqlite", 20)
        stored = report.Figures.of_json(json.loads(json.dumps(figures.to_json())))
        for endpoint in ("list", "create"):
            self.assertEqual(stored.table(endpoint), figures.table(endpoint))
        self.assertEqual(stored.overview(False), figures.overview(False))
        self.assertEqual(stored.footprint(), figures.footprint())

    def test_results_begin_with_the_summary(self):
        with TemporaryBench() as directory:
            options = SimpleNamespace(posts=10_000, rounds=1, seconds=1)
            rates = {("list", "ours-sqlite"): 300, ("list", "actix-rusqlite"): 100, ("list 304", "ours-sqlite"): 400}
            report.write(measured(rates), {"command": "bench/run"}, {"a": {"b": "1"}}, options)
            text = (directory / "RESULTS.md").read_text()
            self.assertLess(text.index("| list | **3.0** |"), 600)
            self.assertIn("| posts-api, SQLite | 400 |", text)
            self.assertIn("<svg", (directory / "results.svg").read_text())
            (directory / "NOTES.md").write_text("A later note.")
            report.render()
            noted = text.replace("## Method", "A later note.\n\n## Method")
            self.assertEqual((directory / "RESULTS.md").read_text(), noted)

    def test_results_cannot_be_rendered_before_a_run(self):
        with TemporaryBench(), self.assertRaisesRegex(BenchmarkError, "run bench/run first"):
            report.render()


class TemporaryBench:
    """Lets the report and the chart write to a temporary directory."""

    def __enter__(self):
        import tempfile
        self.directory = tempfile.TemporaryDirectory()
        path = Path(self.directory.name)
        self.patches = [mock.patch.object(report, "BENCH", path), mock.patch.object(chart, "BENCH", path),
                        mock.patch.object(report, "STORED", path / "results.json")]
        for patch in self.patches:
            patch.start()
        return path

    def __exit__(self, *_):
        for patch in self.patches:
            patch.stop()
        self.directory.cleanup()


class ChartTest(unittest.TestCase):
    def test_shows_cold_and_mixed_rows(self):
        names = ("ceiling", "ours-sqlite", "ours-sqlite-nocache", "actix-rusqlite")
        rates = {}
        for server in SERVERS:
            if server.name in names:
                rates |= {(endpoint, server.name): 1000 + names.index(server.name) for endpoint in server.endpoints}
        svg = ElementTree.fromstring(chart.draw(measured(rates)))
        texts = [text.text for text in svg.iter("{http://www.w3.org/2000/svg}text")]
        titles = ("List of 20 posts", "List of 20 posts, cache off", "Ranked search, cache off", "95 % reads, 5 % writes")
        for title in titles:
            self.assertIn(f"{title}, requests/s", texts)
        # The ceiling is in the one panel that shows the same list from memory.
        self.assertEqual(texts.count("1,000"), 1)
        self.assertEqual((texts.count("1,001"), texts.count("1,002"), texts.count("1,003")), (3, 3, 6))

    def test_is_as_high_as_its_panels(self):
        svg = ElementTree.fromstring(chart.draw(measured({("list", "ours-sqlite"): 1, ("create", "axum-sqlx"): 1})))
        bottoms = [float(bar.get("y")) + 16 for bar in svg.iter("{http://www.w3.org/2000/svg}rect")]
        self.assertLess(max(bottoms), float(svg.get("height")))


class RowsTest(unittest.TestCase):
    def test_readme_describes_every_row(self):
        readme = (BENCH / "README.md").read_text().partition("\n## Rows\n")[2].partition("\n## ")[0]
        described = set(re.findall(r"`([\w ]+)`", readme))
        names = {endpoint.name for endpoint in (*ENDPOINTS.values(), *scale.ENDPOINTS)}
        self.assertEqual(names - described, set())

    def test_servers_have_known_rows(self):
        for server in SERVERS:
            self.assertEqual(set(server.endpoints) - set(ENDPOINTS), set(), server.name)
            self.assertEqual(len(server.endpoints), len(set(server.endpoints)), server.name)

    def test_unexpected_lengths_are_errors(self):
        server = SimpleNamespace(cpu_seconds=lambda: 1.0, rss_mb=lambda: 10.0)
        for length, errors in ((100, 0), (89, 1000), (151, 1000)):
            output = {"requests": 1000, "bytes": length * 1000, "microseconds": 1e6, "p50": 1, "p99": 2, "status": 0,
                      "socket": 0}
            with mock.patch.object(load, "wrk", return_value=output):
                target = load.Target("/", {}, 100)
                self.assertEqual(load.drive(server, server, ENDPOINTS["list"], target, 1, 10, 0).errors, errors, length)


BEGINNING = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1b\r\nid: abc\nretry: 1234\n\n\r\n"
EVENT = b'2f\r\nid: abd\nevent: post.published\ndata: {"id":1}\n\n\r\n'


class StreamTest(unittest.TestCase):
    def test_counts_each_event_once_wherever_the_bytes_are_cut(self):
        data = BEGINNING + EVENT + b"3\r\n:\n\n\r\n" + EVENT
        for cut in range(len(data) + 1):
            stream = streams.Stream()
            self.assertEqual(stream.receive(data[:cut]) + stream.receive(data[cut:]), 2, cut)
            self.assertTrue(stream.has_begun)
        stream = streams.Stream()
        self.assertEqual(sum(stream.receive(data[at:at + 1]) for at in range(len(data))), 2)

    def test_begins_with_the_first_id(self):
        stream = streams.Stream()
        stream.receive(BEGINNING[:-5])
        self.assertFalse(stream.has_begun)
        stream.receive(BEGINNING[-5:])
        self.assertTrue(stream.has_begun)

    def test_a_refusal_is_an_error(self):
        with self.assertRaisesRegex(BenchmarkError, "503"):
            streams.Stream().receive(b"HTTP/1.1 503 Service Unavailable\r\n\r\n")

    def test_a_response_is_complete_with_its_content(self):
        response = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
        self.assertTrue(streams.is_complete(response))
        self.assertFalse(any(streams.is_complete(response[:cut]) for cut in range(len(response))))


class FeedTest(unittest.TestCase):
    def feed(self, per_second, milliseconds, growth):
        options = SimpleNamespace(servers=[server for server in SERVERS if server.name == "ours-sqlite"])
        run = feed.Feed.__new__(feed.Feed)
        run.options, run.servers = options, options.servers
        run.followed = {("ours-sqlite", name): [follower.Followed(100, per_second, 1, 0, 1)] * 3 for name in feed.WALKS}
        run.streamed = {"ours-sqlite": [(50, 50 + growth, 51, [[1, milliseconds]] * 4, 1.0)] * 3}
        return run

    def test_the_document_has_all_tables(self):
        options = SimpleNamespace(posts=100, changes=1000, rounds=3)
        text = feed.document(self.feed(20_000, 2, 3), options, {"command": "bench/run --changes"})
        self.assertEqual(text.count("\n|---|"), 4)
        self.assertIn("- command: `bench/run --changes`", text)

    def verdicts(self, *figures):
        return [row[1].rpartition(", ")[2] for row in self.feed(*figures).goals()[1]]

    def test_goals_compare_the_figures(self):
        self.assertEqual(self.verdicts(20_000, 250, 64), ["met"] * 3)
        self.assertEqual(self.verdicts(19_999, 251, 65), ["missed"] * 3)

    def test_tables_have_a_cell_for_each_column(self):
        run = self.feed(1, 2, 3)
        for head, rows in (run.follower_table(run.servers[0]), run.memory_table(), run.time_table(), run.goals()):
            self.assertTrue(rows and all(len(row) == len(head) for row in rows), head)


if __name__ == "__main__":
    unittest.main()
