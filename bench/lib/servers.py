"""The compared servers: how to build, start, and query each of them."""

import http.client
import json
import os
import socket
import time
from dataclasses import dataclass, field

from .process import BENCH, ROOT, BenchmarkError, cpu_seconds, rss_mb, start, stop

KEY = "a-key-for-the-benchmark-only"
READS = ("list", "list 1", "list 256", "one", "summary", "search", "search ranked", "search by id")
WRITES = ("mix", "create", "publish")
#: The rows that at least one peer has.
SHARED = (*READS, *WRITES, "create 64")
#: What only the service has: conditional and compressed reads, tags, and the change feed. Compression without the cache
#: is not measured: the service compresses two responses at a time, and sends the others uncompressed.
TAGGED_READS = ("tag common", "tag rare", "tag old")
OWN_READS = ("list 304", *TAGGED_READS, "tags", "top tags", "changes", "follow")
TAGGED_WRITES = ("create tags", "publish tags")
FIELDS = frozenset(
    {
        "id",
        "slug",
        "title",
        "content",
        "published",
        "published_at",
        "scheduled_for",
        "created_at",
        "updated_at",
        "version",
    }
)
OPTIONAL_FIELDS = frozenset({"description", "tags", "authors", "image", "image_alt", "metadata"})


@dataclass(frozen=True)
class Server:
    name: str
    title: str
    #: "sqlite", "postgres", or None for the ceiling.
    database: str | None
    command: tuple
    endpoints: tuple
    build: str
    environment: dict = field(default_factory=dict)
    directory: object = ROOT
    path: str = "/api/posts"
    processes: str = "1"
    #: The fields of a post that the server promises. It may return more.
    fields: frozenset = FIELDS

    @property
    def peer(self):
        return self.build not in ("service", "ceiling")


def _own(database, cache):
    name = f"ours-{database}" + ("" if cache else "-nocache")
    title = f"posts-api, {'SQLite' if database == 'sqlite' else 'PostgreSQL'}" + ("" if cache else ", cache off")
    endpoints = READS + OWN_READS + (("list gzip",) if cache else ()) + WRITES + TAGGED_WRITES
    endpoints += ("create 64",) if database == "sqlite" else ()
    environment = {"ADMIN_API_KEY": KEY, "RATE_LIMIT": "off", **({} if cache else {"CACHE_BYTES": "0"})}
    return Server(
        name,
        title,
        database,
        (ROOT / "target/release/posts-api",),
        endpoints,
        "service",
        environment,
        fields=FIELDS | OPTIONAL_FIELDS,
    )


def _cargo(name, title, database, extra=()):
    directory = BENCH / "peers" / name
    return Server(
        name,
        title,
        database,
        (directory / "target/release" / name,),
        READS + WRITES + extra,
        "cargo",
        directory=directory,
    )


def _npm(name, title, script, endpoints=READS + WRITES, path="/api/posts"):
    directory = BENCH / "peers" / name
    return Server(
        name,
        title,
        "postgres",
        (directory / "node_modules/.bin/node", script),
        endpoints,
        "npm",
        {"NODE_ENV": "production"},
        directory,
        path,
        "one per core",
    )


SERVERS = [
    Server(
        "ceiling",
        "ceiling: the same bytes from bare actix",
        None,
        (ROOT / "target/release/examples/ceiling",),
        READS[:3],
        "ceiling",
    ),
    _own("sqlite", True),
    _own("sqlite", False),
    _own("postgres", True),
    _own("postgres", False),
    _cargo("actix-rusqlite", "actix + rusqlite, SQLite", "sqlite", ("create 64",)),
    _cargo("axum-sqlx", "axum + sqlx, PostgreSQL", "postgres"),
    _npm("fastify-pg", "Fastify + pg, PostgreSQL", "server.mjs"),
    _npm("fastify-prisma", "Fastify + Prisma 7, PostgreSQL", "server.mjs"),
    _npm("astro-prisma", "Astro 7 page + Prisma 7, PostgreSQL", "server.mjs", READS[:3], "/"),
]


class Running:
    """A running server process. The constructor starts it on `database`."""

    def __init__(self, server, database, directory, arguments=()):
        self.server = server
        self.port = free_port()
        environment = {**os.environ, **server.environment, "HOST": "127.0.0.1", "PORT": str(self.port)}
        if server.database == "sqlite" and server.peer:
            environment["SQLITE_FILE"] = str(database)
        elif database is not None:
            environment["DATABASE_URL"] = f"sqlite://{database}" if server.database == "sqlite" else database
        self.log_path = directory / f"{server.name}.log"
        # The service would read a `.env` file in the repository, so it runs in another directory.
        working_directory = server.directory if server.peer else directory
        started = time.monotonic()
        with self.log_path.open("w") as log:
            self.process = start(
                [*server.command, *arguments], cwd=working_directory, env=environment, stdout=log, stderr=log
            )
        try:
            self.start_ms = self._await_first_response(started) * 1000
        except BaseException:
            stop(self.process)
            raise

    def _await_first_response(self, started):
        while time.monotonic() - started < 30:
            if self.process.poll() is not None:
                break
            try:
                if self.get(self.server.path)[0] == 200:
                    return time.monotonic() - started
            except OSError:
                pass
            time.sleep(0.0005)
        raise BenchmarkError(f"{self.server.name} does not respond:\n{self.log()}")

    def log(self):
        return self.log_path.read_text(errors="replace")[-3000:]

    def request(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            default_headers = {"Authorization": f"Bearer {KEY}"} if method != "GET" else {}
            if body is not None:
                default_headers["Content-Type"] = "application/json"
                body = json.dumps(body)
            connection.request(method, path, body, {**default_headers, **(headers or {})})
            response = connection.getresponse()
            headers = {name.lower(): value for name, value in response.getheaders()}
            return response.status, headers, response.read()
        except http.client.HTTPException as error:
            raise OSError(f"invalid HTTP response: {error}") from error
        finally:
            connection.close()

    def get(self, path, headers=None):
        return self.request("GET", path, headers=headers)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def cpu_seconds(self):
        return cpu_seconds(self.process.pid)

    def rss_mb(self):
        return rss_mb(self.process.pid)

    def stop(self):
        stop(self.process)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
