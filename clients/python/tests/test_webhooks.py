"""Tests `client.webhooks`, and `verify_webhook` with the requests that the service sends."""

import copy
import datetime
import queue
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from conftest import KEY, Connect, run_service

from posts_api_client import PostsApiError, PostsClient, WebhookEvent, WebhookVerificationError, verify_webhook

CLOSED = "http://127.0.0.1:9/hook"


class Receiver:
    """Receives the requests of a webhook."""

    def __init__(self) -> None:
        received: queue.Queue[tuple[bytes, Any]] = queue.Queue()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(204)
                self.end_headers()
                received.put((body, self.headers))

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._received = received
        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"

    def next(self, secret: str | list[str]) -> tuple[WebhookEvent, str]:
        """Waits for a request, and returns its verified body and its `webhook-id`."""
        body, headers = self._received.get(timeout=120)
        return verify_webhook(body, headers, secret), headers["webhook-id"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    with receiver.server as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield receiver
        server.shutdown()
        thread.join()


@pytest.fixture
def admin(tmp_path: Path, connect: Connect) -> Iterator[PostsClient]:
    with run_service(str(tmp_path), WEBHOOK_NETWORKS="127.0.0.0/8") as url:
        yield connect(url, KEY)


def code_of(call: Any, *args: Any, **options: Any) -> str:
    with pytest.raises(PostsApiError) as raised:
        call(*args, **options)
    return raised.value.code


def test_create_get_list_update_and_delete(admin: PostsClient) -> None:
    created = admin.webhooks.create(url=CLOSED, mode="burst", headers={"X-A": "b"}, enabled=False)
    assert created.secret.startswith("whsec_")
    webhook = admin.webhooks.get(created.id)
    assert (webhook.mode, webhook.headers, webhook.enabled) == ("burst", ["X-A"], False)
    assert admin.webhooks.list() == [webhook]
    updated = admin.webhooks.update(created.id, name="Renamed", quiet=3)
    assert (updated.name, updated.quiet, updated.version) == ("Renamed", 3, 2)
    with pytest.raises(PostsApiError) as raised:
        admin.webhooks.create(url="ftp://a")
    assert (raised.value.code, raised.value.errors[0].pointer) == ("validation_failed", "/url")
    admin.webhooks.delete(created.id)
    assert code_of(admin.webhooks.get, created.id) == "not_found"


def test_stale_webhook_is_not_changed(admin: PostsClient) -> None:
    created = admin.webhooks.create(url=CLOSED, enabled=False)
    (listed,) = admin.webhooks.list()
    updated = admin.webhooks.update(created.id, quiet=3, if_match=created)
    for stale in (created, listed):
        assert code_of(admin.webhooks.update, created.id, quiet=4, if_match=stale) == "precondition_failed"
        assert code_of(admin.webhooks.rotate, created.id, if_match=stale) == "precondition_failed"
        assert code_of(admin.webhooks.replay, created.id, cursor="now", if_match=stale) == "precondition_failed"
        assert code_of(admin.webhooks.delete, created.id, if_match=stale) == "precondition_failed"
    copied = copy.copy(updated)
    copied.etag = None
    admin.webhooks.delete(created.id, if_match=copied)


def test_requests_verify(admin: PostsClient, receiver: Receiver) -> None:
    hook = admin.webhooks.create(url=receiver.url)
    post = admin.posts.create(title="Ä", content="Text", published=True)
    event, _ = receiver.next(hook.secret)
    assert event["type"] == "post.published"
    data: Any = event["data"]
    assert (data["slug"], data["former_slug"], data["post"]["excerpt"]) == (post.slug, None, "Text")
    admin.posts.update(post.id, slug="renamed")
    data = receiver.next(hook.secret)[0]["data"]
    assert (data["slug"], data["former_slug"]) == ("renamed", post.slug)
    assert admin.webhooks.test(hook.id).status == 204
    event, _ = receiver.next(hook.secret)
    assert (event["type"], event["data"]) == ("webhook.test", {"webhook_id": hook.id})
    # The service stores an attempt after it has received the response.
    while len(attempts := admin.webhooks.attempts(hook.id)) < 2:
        pass
    assert [(each.type_, each.status) for each in attempts] == [("post.updated", 204), ("post.published", 204)]


def test_burst(admin: PostsClient, receiver: Receiver) -> None:
    hook = admin.webhooks.create(url=receiver.url, mode="burst", quiet=1)
    admin.posts.create_many([{"title": title, "published": True} for title in "ABC"])
    event, id = receiver.next(hook.secret)
    assert event["type"] == "posts.changed"
    assert event["data"] == {"count": 3, "cursor": id}


def test_rotate_and_replay(admin: PostsClient, receiver: Receiver) -> None:
    hook = admin.webhooks.create(url=receiver.url)
    start = admin.changes.list(cursor="now").cursor
    admin.posts.create(title="A", published=True)
    _, id = receiver.next(hook.secret)
    rotated = admin.webhooks.rotate(hook.id)
    assert rotated.previous_valid_until is not None
    for secret in (hook.secret, rotated.secret, [rotated.secret, hook.secret]):
        admin.webhooks.replay(hook.id, cursor=start)
        assert receiver.next(secret)[1] == id
    admin.webhooks.replay(hook.id, since=datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=1))
    assert receiver.next(rotated.secret)[1] == id
    assert admin.webhooks.rotate(hook.id, expire_previous=True).previous_valid_until is None
    admin.webhooks.test(hook.id)
    with pytest.raises(WebhookVerificationError, match="no signature matches"):
        receiver.next([rotated.secret, hook.secret])


def test_failed_test_is_a_result(admin: PostsClient) -> None:
    hook = admin.webhooks.create(url="http://127.0.0.1:1/", enabled=False)
    result = admin.webhooks.test(hook.id)
    assert (result.status, type(result.error)) == (None, str)
