"""Generates the posts that all servers read, the same in each run. The service's `import` command loads them."""

import itertools
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
#: Chances that a post has 0, 1, 2, 3, or 4 of the frequent and less frequent tags: 1.5 on average.
TAG_COUNTS = (20, 35, 25, 15, 5)
TAGS, AUTHORS = 3000, 30
#: COMMON_TAG is the most frequent tag. RARE_POSTS published posts of all ages have RARE_TAG. Every second published
#: post of the oldest tenth has OLD_TAG.
COMMON_TAG, RARE_TAG, OLD_TAG = "Rust", "quixotry", "Web 1.0"


def vocabulary():
    """Returns 3,000 artificial words of two to four syllables.

    Their frequencies follow Zipf's law: word n has weight 1/n.
    """
    rng, words = random.Random(1), {}
    while len(words) < 3000:
        words["".join(rng.choices(SYLLABLES, k=rng.randint(2, 4)))] = None
    return list(words)


def tags_of_new_posts():
    """Returns tags to draw from, as frequent as in the seeded posts."""
    fields = Fields(0, vocabulary())
    return random.Random(6).choices(fields.tags, cum_weights=fields.tag_weights, k=500)


def zipf(count):
    """Returns the cumulative weights of `count` items whose frequencies follow Zipf's law."""
    return list(itertools.accumulate(1 / (rank + 1) for rank in range(count)))


def has_fields(id):
    """Whether a seeded post has tags, an author, and the other optional fields.

    All published posts have them, and every second draft. The drafts without them are those that `publish` changes.
    """
    return id % 4 != 1


class Fields:
    """Generates the optional fields. Most posts have few and frequent tags, as on real sites."""

    def __init__(self, count, words):
        self.count, self.rng, self.words = count, random.Random(4), words
        rng = random.Random(5)
        names = {COMMON_TAG: None}
        while len(names) < TAGS:
            names[" ".join(rng.choices(words[100:], k=rng.choice((1, 1, 2)))).title()] = None
        self.tags, self.tag_weights = list(names), zipf(TAGS)
        self.authors = [" ".join(rng.choices(words, k=2)).title() for _ in range(AUTHORS)]
        self.author_weights = zipf(AUTHORS)

    def of(self, id, is_rare, text):
        rng = self.rng
        wanted = rng.choices(range(len(TAG_COUNTS)), TAG_COUNTS)[0]
        tags = dict.fromkeys(rng.choices(self.tags, cum_weights=self.tag_weights, k=wanted))
        if is_rare:
            tags[RARE_TAG] = None
        if id <= self.count // 10 and id % 4 == 0:
            tags[OLD_TAG] = None
        return {
            "description": f"{text[:rng.randrange(80, 160)].strip().capitalize()}.",
            "tags": list(tags),
            "authors": rng.choices(self.authors, cum_weights=self.author_weights),
            "image": f"https://images.example.com/posts/{id}/cover.jpg",
            "image_alt": text[200:250].strip().capitalize(),
            "metadata": {"reading_time": rng.randrange(2, 12), "canonical_url": f"https://blog.example.com/{id}"},
        }


def queries():
    """Returns the search queries: frequent words, rare words, and pairs of words."""
    words = vocabulary()
    singles = words[20:60:4] + words[400:2400:100]
    pairs = [f"{words[n]}+{words[n + 40]}" for n in range(10, 60, 5)]
    return singles + pairs


def write(path, count, with_fields=True):
    """Writes `count` posts as NDJSON. Posts with an even id are published."""
    rng, words = random.Random(2), vocabulary()
    fields = Fields(count, words)
    first = datetime(2025, 1, 1, tzinfo=timezone.utc)
    rare = {2 * (count // 2 * n // RARE_POSTS + 1) for n in range(RARE_POSTS)}
    # Each text is a slice of 200 words of this pool, which is at least 500 characters.
    pool = rng.choices(words, cum_weights=zipf(len(words)), k=200_000)
    with path.open("w") as out:
        for id in range(1, count + 1):
            at = rng.randrange(len(pool) - 200)
            text = " ".join(pool[at:at + 200])
            if id in rare:
                text = f"{RARE_WORD} {text}"
            noun = rng.randrange(0, len(NOUNS), 2)
            parts = (rng.choice(OPENINGS), rng.choice(VERBS), *NOUNS[noun:noun + 2], pool[at], rng.choice(SETTINGS))
            title = " ".join(parts)
            when = (first + timedelta(seconds=30 * id)).strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z"
            out.write(json.dumps({
                "id": id, "slug": f"{title.lower().replace(' ', '-')}-{id}", "title": title,
                "content": text[:499] + ".", "published": id % 2 == 0, "published_at": when if id % 2 == 0 else None,
                "created_at": when, "updated_at": when,
                **(fields.of(id, id in rare, text) if with_fields and has_fields(id) else {}),
            }) + "\n")


class Seeds:
    """The seeded databases, and fresh copies of them. Every server starts from the same rows.

    A peer's copy has no triggers except those that maintain the search index. `service` is the program that creates the
    databases.
    """

    def __init__(self, directory, postgres, count, service=SERVICE, with_fields=True, name=None):
        self.dir, self.postgres, self.count = directory, postgres, count
        self.name = f"seed_{name or count}"
        self.sqlite = directory / f"{self.name}.db"
        self.import_seconds = {}
        lines = directory / f"{self.name}.ndjson"
        write(lines, count, with_fields)
        postgres.sql(f"CREATE DATABASE {self.name}")
        urls = {"sqlite": f"sqlite://{self.sqlite}", "postgres": postgres.url(self.name)}
        for kind, url in urls.items():
            environment = {**os.environ, "DATABASE_URL": url}
            run([service, "migrate"], env=environment, cwd=directory)
            started = time.monotonic()
            run([service, "import", lines], env=environment, cwd=directory)
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
