"""Generates the posts that all servers read, the same in each run. The service's `import` command loads them."""

import json
import os
import random
import shutil
import sqlite3
import time
from datetime import datetime, timedelta, timezone

from .process import ROOT, run

SERVICE = ROOT / "target/release/posts-api"
RARE_WORD, RARE_POSTS = "quixotry", 20
SYLLABLES = "ba be bi bo da de di do fa fi ga go ka ke ki la le li lo ma me mi mo na ne ni no pa pe ra re ri ro sa se si so ta te ti to va ve vi za zo".split()
OPENINGS = ("How we", "Why you should", "When to", "A guide to", "Notes on how to", "What it takes to", "Learning to")
VERBS = "ship build test measure cache deploy design debug review rewrite document migrate index monitor secure".split()
NOUNS = "a parser the backend an API our search the database a newsletter the build one queue our website a cluster".split()
SETTINGS = ("in production", "on a budget", "at night", "with Rust", "without downtime", "for beginners", "in 2026", "by hand")


def vocabulary():
    """Returns 3,000 artificial words of two to four syllables. Their frequencies follow Zipf's law: word n has weight 1/n."""
    rng, words = random.Random(1), {}
    while len(words) < 3000:
        words["".join(rng.choices(SYLLABLES, k=rng.randint(2, 4)))] = None
    return list(words)


def queries():
    """Returns the search queries: frequent words, rare words, and pairs of words."""
    words = vocabulary()
    singles = words[20:60:4] + words[400:2400:100]
    pairs = [f"{words[n]}+{words[n + 40]}" for n in range(10, 60, 5)]
    return singles + pairs


def write(path, count):
    """Writes `count` posts as NDJSON. Posts with an even id are published."""
    rng, words = random.Random(2), vocabulary()
    weights, total = [], 0.0
    for rank in range(len(words)):
        total += 1 / (rank + 1)
        weights.append(total)
    first = datetime(2025, 1, 1, tzinfo=timezone.utc)
    rare = {2 * (count // 2 * n // RARE_POSTS + 1) for n in range(RARE_POSTS)}
    # Each text is a slice of 200 words of this pool, which is at least 500 characters.
    pool = rng.choices(words, cum_weights=weights, k=200_000)
    with path.open("w") as out:
        for id in range(1, count + 1):
            at = rng.randrange(len(pool) - 200)
            text = " ".join(pool[at:at + 200])
            if id in rare:
                text = f"{RARE_WORD} {text}"
            noun = rng.randrange(0, len(NOUNS), 2)
            title = " ".join((rng.choice(OPENINGS), rng.choice(VERBS), *NOUNS[noun:noun + 2], pool[at], rng.choice(SETTINGS)))
            when = (first + timedelta(seconds=30 * id)).strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z"
            out.write(json.dumps({
                "id": id, "slug": f"{title.lower().replace(' ', '-')}-{id}", "title": title,
                "content": text[:499] + ".", "published": id % 2 == 0, "published_at": when if id % 2 == 0 else None,
                "created_at": when, "updated_at": when,
            }) + "\n")


class Seeds:
    """The seeded databases, and fresh copies of them. Every server starts from the same rows.

    A peer's copy has no triggers except those that maintain the search index.
    """

    def __init__(self, directory, postgres, count):
        self.dir, self.postgres, self.count = directory, postgres, count
        self.name = f"seed_{count}"
        self.sqlite = directory / f"{self.name}.db"
        self.import_seconds = {}
        lines = directory / f"{self.name}.ndjson"
        write(lines, count)
        postgres.sql(f"CREATE DATABASE {self.name}")
        urls = {"sqlite": f"sqlite://{self.sqlite}", "postgres": postgres.url(self.name)}
        for kind, url in urls.items():
            environment = {**os.environ, "DATABASE_URL": url}
            run([SERVICE, "migrate"], env=environment, cwd=directory)
            started = time.monotonic()
            run([SERVICE, "import", lines], env=environment, cwd=directory)
            self.import_seconds[kind] = time.monotonic() - started
        lines.unlink()
        postgres.sql("VACUUM (ANALYZE)", self.name)
        with sqlite3.connect(self.sqlite) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()

    def fresh(self, kind, peer):
        """Creates a fresh copy. Returns the URL of a PostgreSQL database or the path of a SQLite file."""
        if kind == "postgres":
            self.postgres.copy(self.name, "bench")
            if peer:
                triggers = ("SELECT tgname FROM pg_trigger WHERE tgrelid = 'posts'::regclass AND NOT tgisinternal "
                            "AND tgname <> 'posts_set_search'")
                for trigger in self.postgres.sql(triggers, "bench").split():
                    self.postgres.sql(f"DROP TRIGGER {trigger} ON posts", "bench")
            return self.postgres.url("bench")
        for old in self.dir.glob("bench.db*"):
            old.unlink()
        file = self.dir / "bench.db"
        shutil.copyfile(self.sqlite, file)
        with sqlite3.connect(file) as connection:
            if peer:
                triggers = "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND name NOT LIKE 'posts_search%'"
                for (trigger,) in connection.execute(triggers).fetchall():
                    connection.execute(f"DROP TRIGGER {trigger}")
        connection.close()
        with file.open("rb+") as handle:
            os.fsync(handle)
        return file
