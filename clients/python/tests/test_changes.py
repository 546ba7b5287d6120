"""Tests the change feed, and following it."""

import datetime
import logging
import re
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from conftest import KEY, Connect, run_service
from scripted import Response, ScriptedServer, problem, success
from test_posts import unused

from posts_api_client import Change, ChangeBatch, CreatePost, PostsApiError, PostsClient, PostSummary
from posts_api_client._follow import Follower, Step, backoff
from posts_api_client._pages import ChangePage

INTERVAL = 0.02


class Copy:
    """Follows the feed, and applies its batches to a copy of the posts as the documentation says."""

    def __init__(self, client: PostsClient, cursor: str | None = None, **options: Any) -> None:
        self.slugs: dict[int, str] = {}
        self.batches: list[ChangeBatch[Any]] = []
        self.feed: Any = client.changes.follow(cursor, interval=INTERVAL, **options)

    def next(self) -> ChangeBatch[Any]:
        batch: ChangeBatch[Any] = next(self.feed)
        for item in batch.items:
            if item.post is None:
                self.slugs.pop(item.id, None)
            else:
                self.slugs[item.id] = item.post.slug
        if batch.published is not None:
            self.slugs = {id: slug for id, slug in self.slugs.items() if id in batch.published}
        self.batches.append(batch)
        return batch

    def complete(self) -> None:
        while self.next().has_more:
            pass

    def wait_for(self, slug: str, is_present: bool = True) -> None:
        while (slug in self.slugs.values()) != is_present:
            self.next()


@pytest.fixture
def own_service(tmp_path: Path) -> Iterator[tuple[run_service, str]]:
    """A service that only this test uses."""
    running = run_service(str(tmp_path))
    with running as url:
        yield running, url


def posts(*titles: str) -> list[CreatePost]:
    return [{"title": title, "content": "Text", "published": True} for title in titles]


def test_pages_since_a_cursor(editor: PostsClient, reader: PostsClient) -> None:
    (page,) = reader.changes.pages(cursor="now")
    assert (page.items, page.has_more) == ([], False)
    kept, removed = editor.posts.create_many(posts("A", "B"))
    editor.posts.delete(removed.post.id)
    changes = {change.id: change for each in reader.changes.pages(cursor=page.cursor, limit=1) for change in each.items}
    assert (changes[kept.post.id].type, changes[kept.post.id].post) == ("post.published", kept.post)
    assert removed.post.id not in changes or changes[removed.post.id].post is None
    summaries = [change.post for each in reader.changes.pages(view="summary") for change in each.items]
    assert {type(post) for post in summaries} == {PostSummary}
    assert kept.post.id in {post.id for post in summaries if post}


def test_page_that_has_not_changed(own_service: tuple[run_service, str], connect: Connect) -> None:
    reader = connect(own_service[1])
    page = reader.changes.list(cursor="now")
    end = reader.changes.list(cursor=page.cursor)
    assert reader.changes.list(cursor=page.cursor, if_none_match=end) is None
    assert reader.changes.list(cursor=page.cursor, if_none_match=end.etag) is None


def test_follow_yields_all_posts_then_each_change(own_service: tuple[run_service, str], connect: Connect) -> None:
    editor, reader = connect(own_service[1], KEY), connect(own_service[1])
    first = editor.posts.create_many(posts("A", "B", "C", "D", "E"))[0].post
    copy = Copy(reader, limit=2)
    with closing(copy.feed):
        copy.complete()
        assert sorted(copy.slugs.values()) == ["a", "b", "c", "d", "e"]
        assert [batch.cursor is None for batch in copy.batches] == [True, True, False]
        assert [batch.published for batch in copy.batches] == [None, None, frozenset(copy.slugs)]
        post = editor.posts.create(title="New", published=True)
        copy.wait_for("new")
        editor.posts.update(post.id, slug="renamed")
        copy.wait_for("renamed")
        assert copy.batches[-1].items[0].former_slugs == ["new"]
        editor.posts.unpublish(post.id)
        copy.wait_for("renamed", False)
        editor.posts.delete(first.id)
        copy.wait_for("a", False)
        assert sorted(copy.slugs.values()) == ["b", "c", "d", "e"]
        assert {batch.published for batch in copy.batches[3:]} == {None}


def test_follow_continues_at_a_cursor(editor: PostsClient, reader: PostsClient) -> None:
    slug = unused()
    now = Copy(reader, "now", view="summary")
    with closing(now.feed):
        batch = now.next()
        assert (batch.items, batch.published, batch.has_more) == ([], None, False)
    editor.posts.create(title="A", slug=slug, published=True)
    later = Copy(reader, batch.cursor, view="summary")
    with closing(later.feed):
        later.wait_for(slug)
    assert {batch.published for batch in later.batches} == {None}
    items = [item for batch in later.batches for item in batch.items if item.slug == slug]
    assert [type(item.post) for item in items] == [PostSummary]


def test_follow_survives_a_restart(own_service: tuple[run_service, str], connect: Connect) -> None:
    service, url = own_service
    editor, reader = connect(url, KEY), connect(url, retries=0)
    warnings: list[str] = []

    class StartAfterWarning(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            warnings.append(record.getMessage())
            if len(warnings) == 1:
                service.__enter__()

    copy = Copy(reader)
    log, handler = logging.getLogger("posts_api_client"), StartAfterWarning(logging.WARNING)
    with closing(copy.feed):
        copy.complete()
        editor.posts.create(title="After", published=True)
        service.kill()
        log.addHandler(handler)
        try:
            copy.wait_for("after")
        finally:
            log.removeHandler(handler)
    warning = r"will continue to follow changes in [01]\.\d s: GET /api/changes failed with no_response"
    assert re.match(warning, warnings[0])
    assert copy.batches[-1].published is None


def test_follow_reads_all_posts_after_a_restored_backup(
    own_service: tuple[run_service, str], connect: Connect, tmp_path: Path
) -> None:
    service, url = own_service
    editor, reader = connect(url, KEY), connect(url)
    first = editor.posts.create_many(posts("A", "B"))[0].post
    service.kill()
    backup = tmp_path / "backup"
    backup.mkdir()
    for file in tmp_path.glob("posts.db*"):
        shutil.copy(file, backup)
    service.__enter__()
    editor.posts.update(first.id, slug="changed")
    editor.posts.create(title="Lost", published=True)
    copy = Copy(reader, limit=1)
    with closing(copy.feed):
        copy.complete()
        assert sorted(copy.slugs.values()) == ["b", "changed", "lost"]
        service.kill()
        for file in tmp_path.glob("posts.db*"):
            file.unlink()
        for file in backup.iterdir():
            shutil.copy(file, tmp_path)
        service.__enter__()
        editor.posts.create(title="After", published=True)
        copy.wait_for("after")
        while copy.batches[-1].cursor is None:
            copy.next()
        assert sorted(copy.slugs.values()) == ["a", "after", "b"]


@pytest.mark.parametrize(
    ("response", "code"),
    [
        (problem(400, "invalid_cursor"), "invalid_cursor"),
        (problem(404, "not_found"), "not_found"),
        (problem(410, "gone"), "gone"),
        (Response(200, "<h1>A page</h1>"), "unexpected_response"),
        (success({"items": [], "next_cursor": None}), "unexpected_response"),
    ],
)
def test_follow_raises_errors_that_are_not_temporary(
    connect: Connect, scripted: ScriptedServer, response: Response, code: str
) -> None:
    scripted.responses = [response]
    copy = Copy(connect(scripted.url), "c")
    with closing(copy.feed), pytest.raises(PostsApiError) as raised:
        copy.next()
    assert (raised.value.code, len(scripted.requests)) == (code, 1)


def test_damaged_cursor_is_rejected(reader: PostsClient) -> None:
    cursor = reader.changes.list(cursor="now").cursor
    for damaged in (cursor[:-1], cursor + "A", "x", ""):
        copy = Copy(reader, damaged)
        with closing(copy.feed), pytest.raises(PostsApiError) as raised:
            copy.next()
        assert raised.value.status == 400


@pytest.mark.parametrize("interval", [0, -1, float("nan"), float("inf")])
def test_invalid_interval(reader: PostsClient, interval: float) -> None:
    feed: Any = reader.changes.follow(interval=interval)
    with closing(feed), pytest.raises(ValueError, match="interval must be"):
        next(feed)


# The following tests need no requests.


def page(cursor: str, has_more: bool = False, etag: str | None = None) -> ChangePage[Any]:
    return ChangePage(items=[], cursor=cursor, has_more=has_more, etag=etag)


def failure(status: int | None, code: str = "database_busy", retry_after: float | None = None) -> PostsApiError:
    return PostsApiError("GET /api/changes", status, code, "", "", retry_after=retry_after)


def change(id: int, post: object = "a post") -> Change[Any]:
    at = datetime.datetime(2026, 1, 31, tzinfo=datetime.UTC)
    return Change(type="post.updated", id=id, slug="a", former_slugs=[], version=1, at=at, post=post)


def test_published_lacks_the_posts_that_were_removed_meanwhile() -> None:
    follower: Follower[Any] = Follower(None, 5)
    pages = [[change(1), change(2), change(3)], [change(2, None), change(4)], [change(4, None)]]
    batches = [
        follower.receive(ChangePage(items=items, cursor=str(number), has_more=number < 2)).batch
        for number, items in enumerate(pages)
    ]
    assert [batch and batch.published for batch in batches] == [None, None, frozenset({1, 3})]
    assert [batch and batch.cursor for batch in batches] == [None, None, "2"]


def test_waits_grow_up_to_a_minute() -> None:
    follower: Follower[Any] = Follower("c", 5)
    waits = [follower.fail(failure(status)).wait for status in (503, None, 429, 500, 408, 502, 504, 507, 503)]
    for wait, longest in zip(waits, (1, 2, 4, 8, 16, 32, 60, 60, 60), strict=True):
        assert longest / 2 <= wait <= longest
    assert follower.cursor == "c"
    assert 4.5 <= follower.receive(page("c")).wait <= 5.5
    assert follower.fail(failure(503)).wait <= 1
    assert backoff(100_000) <= 60


def test_retry_after_counts_up_to_an_hour() -> None:
    follower: Follower[Any] = Follower("c", 5)
    assert 90 <= follower.fail(failure(503, retry_after=90)).wait <= 91
    assert 3600 <= follower.fail(failure(503, retry_after=1e12)).wait <= 3601
    assert 2 <= follower.fail(failure(503, retry_after=0)).wait <= 4


def test_cursor_that_always_expires_does_not_spin() -> None:
    follower: Follower[Any] = Follower("c", 5)
    waits = [follower.fail(failure(410, "cursor_expired")).wait for _ in range(9)]
    assert (waits[0], follower.cursor) == (0, None)
    for wait, longest in zip(waits[1:], (1, 2, 4, 8, 16, 32, 60, 60), strict=True):
        assert longest / 2 <= wait <= longest
    # All posts were read, but the cursor of the last page expires at once.
    assert follower.receive(page("d")).batch is not None
    assert follower.fail(failure(410, "cursor_expired")).wait >= 30
    follower.receive(page("d"))
    follower.receive(page("d"))
    assert follower.fail(failure(410, "cursor_expired")).wait == 0


def test_page_that_comes_again_does_not_spin() -> None:
    follower: Follower[Any] = Follower("c", 5)
    assert follower.receive(page("d", has_more=True)).wait == 0
    again: Step[Any] = follower.receive(page("d", has_more=True))
    assert (again.batch, again.wait >= 4.5) == (None, True)


def test_etag_is_sent_only_with_the_same_cursor() -> None:
    follower: Follower[Any] = Follower("c", 5)
    follower.receive(page("d", etag='"1"'))
    assert follower.etag is None
    follower.receive(page("d", etag='"2"'))
    assert follower.etag == '"2"'
    follower.fail(failure(503))
    assert follower.etag == '"2"'
    follower.fail(failure(410, "cursor_expired"))
    assert follower.etag is None
