"""Correct uses of the client, which mypy and Pyright check in strict mode. Not run."""

import datetime
from collections.abc import AsyncIterator, Iterator
from email.message import Message
from typing import Any, Literal, TypedDict, assert_type

import httpx

from posts_api_client import (
    ApiKey,
    AsyncPostsClient,
    BatchItem,
    Change,
    ChangeBatch,
    ChangePage,
    CreatedApiKey,
    CreatedWebhook,
    CreatePost,
    FieldError,
    KnownErrorCode,
    Label,
    ListPostsQuery,
    Page,
    Post,
    PostsApiError,
    PostsClient,
    PostSummary,
    Redirect,
    RotatedSecret,
    Webhook,
    WebhookAttempt,
    WebhookBurstEvent,
    WebhookErrorCode,
    WebhookEvent,
    WebhookTestResult,
    WebhookVerificationError,
    verify_webhook,
)


class SiteMetadata(TypedDict):
    canonical_url: str


def synchronous(client: PostsClient, view: Literal["full", "summary"], metadata: SiteMetadata) -> None:
    post = client.posts.create(
        title="A",
        content=None,
        tags=["a"],
        metadata={"rating": 5, "series": {"part": 2}},
        published=True,
        idempotency_key="a",
    )
    assert_type(post, Post)
    assert_type(post.content, str | None)
    assert_type(post.tags, list[str])
    assert_type(post.metadata, dict[str, Any])
    assert_type(post.published_at, datetime.datetime | None)
    assert_type(post.etag, str | None)
    client.posts.create(title="A", metadata=metadata)

    assert_type(client.posts.get(1), Post)
    assert_type(client.posts.get(1, if_none_match=post), Post | None)
    assert_type(client.posts.get_by_slug("a"), Post)
    assert_type(client.posts.get_by_slug("a", if_none_match='"a"'), Post | None)
    assert_type(client.posts.find(1), Post | None)
    assert_type(client.posts.find_by_slug("a"), Post | None)
    assert_type(client.posts.update(1, content=None, if_match=post), Post)
    assert_type(client.posts.put_by_slug("a", title="A", if_none_match="*"), Post)
    assert_type(client.posts.publish(1, at=datetime.datetime.now(datetime.UTC)), Post)
    assert_type(client.posts.unpublish(1, if_match=post.etag), Post)

    client.posts.list(cursor=client.posts.list().next_cursor, q=None, limit=None)
    page = client.posts.list(sort="-published_at", published=False, slug=["a"], published_after="2026-01-01T00:00:00Z")
    assert_type(page, Page[Post])
    assert_type(page.total, int | None)
    summaries = client.posts.list(view="summary")
    assert_type(summaries, Page[PostSummary])
    assert_type(client.posts.update(1, title="A", if_match=summaries.items[0]), Post)
    assert_type(client.posts.get(1, if_none_match=summaries.items[0]), Post | None)
    assert_type(client.posts.list(if_none_match=page), Page[Post] | None)
    assert_type(client.posts.list(view="summary", if_none_match='"a"'), Page[PostSummary] | None)
    either = client.posts.list(view=view).items[0]
    assert_type(either.title, str)
    query: ListPostsQuery = {"sort": "-id", "published": "any"}
    assert_type(client.posts.all(**query), Iterator[Post])
    assert_type(client.posts.all(view="summary", q="a"), Iterator[PostSummary])
    assert_type(client.posts.pages(tag="a"), Iterator[Page[Post]])

    assert_type(client.changes.pages(), Iterator[ChangePage[Post]])
    assert_type(client.changes.list(view="summary"), ChangePage[PostSummary])
    assert_type(client.changes.list(cursor="now", if_none_match='"a"'), ChangePage[Post] | None)
    change = next(client.changes.pages(cursor="now", view="summary")).items[0]
    assert_type(change, Change[PostSummary])
    assert_type(change.post, PostSummary | None)
    assert_type(client.changes.follow("now", interval=1), Iterator[ChangeBatch[Post]])
    for batch in client.changes.follow(client.changes.list().cursor, view="summary", limit=10):
        assert_type(batch, ChangeBatch[PostSummary])
        assert_type(batch.cursor, str | None)
        assert_type(batch.published, frozenset[int] | None)

    posts: list[CreatePost] = [{"title": "A"}, {"title": "B", "metadata": {"a": 1}}]
    items = client.posts.create_many(posts, on_conflict="skip")
    assert_type(items, list[BatchItem])
    assert_type(items[0].result, Literal["created", "replaced", "skipped", "unchanged"])
    assert_type(items[0].post, Post)

    assert_type(client.tags.list(sort="-posts"), Page[Label])
    assert_type(client.tags.list(if_none_match='"a"'), Page[Label] | None)
    assert_type(client.authors.all(q="a"), Iterator[Label])
    assert_type(client.redirects.all(), Iterator[Redirect])
    assert_type(client.keys.list(), list[ApiKey])
    assert_type(client.keys.create(name="ci", role="editor"), CreatedApiKey)

    hook = client.webhooks.create(
        url="https://example.org/hook", mode="burst", events=["post.deleted"], headers={"A": "b"}
    )
    assert_type(hook, CreatedWebhook)
    assert_type(hook.secret, str)
    assert_type(client.webhooks.update(1, mode="each", quiet=5, if_match=hook), Webhook)
    assert_type(client.webhooks.list(), list[Webhook])
    assert_type(client.webhooks.replay(1, since=datetime.datetime.now(datetime.UTC)), Webhook)
    assert_type(client.webhooks.rotate(1, if_match='"a"'), RotatedSecret)
    assert_type(client.webhooks.test(1), WebhookTestResult)
    assert_type(client.webhooks.attempts(1), list[WebhookAttempt])


async def asynchronous() -> None:
    async with AsyncPostsClient("http://127.0.0.1:8080", http_client=httpx.AsyncClient()) as client:
        assert_type(await client.posts.create(title="A"), Post)
        assert_type(await client.posts.list(view="summary"), Page[PostSummary])
        assert_type(await client.posts.get(1, if_none_match='"a"'), Post | None)
        assert_type(client.posts.all(), AsyncIterator[Post])
        assert_type(client.changes.follow(view="summary"), AsyncIterator[ChangeBatch[PostSummary]])
        async for tag in client.with_options(timeout=5, headers={"X-Call": "1"}).tags.all():
            assert_type(tag, Label)
        assert_type(await client.posts.delete(1), None)


def errors(client: PostsClient) -> KnownErrorCode | str | None:
    try:
        client.posts.delete(1)
    except PostsApiError as error:
        assert_type(error.status, int | None)
        assert_type(error.errors, tuple[FieldError, ...])
        assert_type(error.retry_after, float | None)
        if error.code == "not_found" or error.code == "a code of a newer service":
            return error.code
        raise
    return None


def webhooks(body: bytes, message: Message, pairs: list[tuple[bytes, bytes]]) -> WebhookErrorCode | None:
    try:
        event = verify_webhook(body, message, ["whsec_AAAA", "whsec_BBBB"], tolerance=60)
        assert_type(event, WebhookEvent)
        verify_webhook("{}", {"webhook-id": "1"}, "whsec_AAAA")
        verify_webhook(memoryview(body), pairs, ("whsec_AAAA",))
        verify_webhook(body, httpx.Headers(), "whsec_AAAA")
    except WebhookVerificationError as error:
        assert_type(error.code, WebhookErrorCode)
        return error.code
    if event["type"] == "posts.changed":
        assert_type(event, WebhookBurstEvent)
        assert_type(event["data"]["count"], int)
    elif event["type"] == "webhook.test":
        assert_type(event["timestamp"], str)
    elif event["data"]["post"] is not None:
        assert_type(PostSummary.from_dict(event["data"]["post"]), PostSummary)
    return None
