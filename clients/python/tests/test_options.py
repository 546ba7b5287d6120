"""Tests the options of the client, and which requests it sends."""

import json
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from conftest import Connect
from samples import PAGE, POST
from scripted import ScriptedServer, success

from posts_api_client import AsyncPostsClient, PostsClient


def test_headers_of_the_client_and_of_a_call(connect: Connect, scripted: ScriptedServer) -> None:
    scripted.responses = [success(PAGE)]
    client = connect(scripted.url, "a-key", headers={"X-Client": "1"})
    client.with_options(headers={"x-client": "2", "X-Call": "3", "authorization": "Bearer other"}).posts.list()
    client.posts.list()
    first, second = (request.headers for request in scripted.requests)
    assert (first["x-client"], first["x-call"], first["authorization"]) == ("2", "3", "Bearer other")
    assert scripted.requests[0].repeated == []
    assert (second["x-client"], second.get("x-call"), second["authorization"]) == ("1", None, "Bearer a-key")
    assert second["user-agent"].startswith("posts-api-client/")


def test_request_without_a_key_has_no_authorization(connect: Connect, scripted: ScriptedServer) -> None:
    scripted.responses = [success(PAGE)]
    connect(scripted.url).posts.list()
    assert "authorization" not in scripted.requests[0].headers


def test_base_url_may_have_a_path(connect: Connect, scripted: ScriptedServer) -> None:
    scripted.responses = [success(PAGE)]
    for path in ("", "/", "/blog", "/blog//"):
        connect(scripted.url + path).posts.list()
    assert [request.path.split("?")[0] for request in scripted.requests] == [
        "/api/posts",
        "/api/posts",
        "/blog/api/posts",
        "/blog/api/posts",
    ]


def test_parameters_are_encoded(connect: Connect, scripted: ScriptedServer) -> None:
    scripted.responses = [success(PAGE)]
    connect(scripted.url).posts.list(
        published=True, slug=["a", "b"], q="a & b", published_after="2026-01-31T12:00:00+02:00"
    )
    path, query = scripted.requests[0].path.split("?")
    assert (path, parse_qsl(query)) == (
        "/api/posts",
        [
            ("published", "true"),
            ("slug", "a"),
            ("slug", "b"),
            ("q", "a & b"),
            ("published_after", "2026-01-31T12:00:00+02:00"),
            ("view", "full"),
        ],
    )


def test_body_contains_only_given_fields(connect: Connect, scripted: ScriptedServer) -> None:
    scripted.responses = [success(POST)]
    client = connect(scripted.url, "a-key")
    client.posts.update(1, content=None)
    client.posts.create(title="Ä", metadata={"a": None})
    client.posts.publish(1)
    bodies = [request.body for request in scripted.requests]
    assert [json.loads(body) if body else None for body in bodies] == [
        {"content": None},
        {"title": "Ä", "metadata": {"a": None}},
        None,
    ]
    with pytest.raises(ValueError):
        client.posts.create(title="A", metadata={"a": float("nan")})
    with pytest.raises(TypeError, match="set is not JSON serializable"):
        client.posts.create(title="A", metadata={"a": {1}})
    assert len(scripted.requests) == 3


@pytest.mark.parametrize(
    "url",
    ["", "posts.example.org", "127.0.0.1:8080", "ftp://a", "http://", "/api", "http://a?b=c", "http://a:b"],
)
def test_invalid_base_url(url: str) -> None:
    for client in (PostsClient, AsyncPostsClient):
        with pytest.raises(ValueError, match="base_url (must be a URL such as|is not a URL)"):
            client(url)


def test_password_in_the_base_url_is_rejected_and_not_shown() -> None:
    with pytest.raises(ValueError, match="must not contain a user name or password") as raised:
        PostsClient("http://user:hunter2@127.0.0.1:8080")
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("key", ["", " ", "a-key\n", "a key", "schlüssel"])
def test_invalid_api_key_is_not_shown(key: str) -> None:
    with pytest.raises(ValueError, match="api_key must be printable ASCII") as raised:
        PostsClient("http://127.0.0.1:8080", key)
    assert not key.strip() or key.strip() not in str(raised.value)


def test_representation_does_not_show_the_key() -> None:
    client = PostsClient("http://127.0.0.1:8080", "a-secret")
    assert repr(client) == "PostsClient('http://127.0.0.1:8080')"
    assert "a-secret" not in repr(vars(client))


def test_own_http_client_stays_open(scripted: ScriptedServer) -> None:
    scripted.responses = [success(PAGE)]
    with httpx.Client(headers={"X-Own": "1"}) as http_client:
        with PostsClient(scripted.url, http_client=http_client) as client:
            client.posts.list()
        assert not http_client.is_closed
    assert scripted.requests[0].headers["x-own"] == "1"
    assert scripted.requests[0].headers["user-agent"].startswith("python-httpx/")


def test_own_http_client_keeps_its_timeout() -> None:
    timeouts: list[object] = []

    def respond(request: httpx.Request) -> httpx.Response:
        timeouts.append(request.extensions["timeout"]["read"])
        return httpx.Response(200, json=PAGE)

    with httpx.Client(transport=httpx.MockTransport(respond), timeout=7) as http_client:
        client = PostsClient("http://posts.invalid", http_client=http_client)
        client.posts.list()
        client.with_options(timeout=8).posts.list()
        client.posts.list()
        PostsClient("http://posts.invalid", http_client=http_client, timeout=9).posts.list()
    assert timeouts == [7, 8, 7, 9]


def test_closing_closes_the_connections_of_the_client(scripted: ScriptedServer) -> None:
    scripted.responses = [success(PAGE)]
    client = PostsClient(scripted.url)
    with client.with_options(retries=0) as derived:
        derived.posts.list()
    client.posts.list()
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        client.posts.list()


def test_parameters_that_are_none_are_not_sent(connect: Connect, scripted: ScriptedServer) -> None:
    scripted.responses = [success(PAGE)]
    client = connect(scripted.url)
    client.posts.list(cursor=None, q=None, tag=None, limit=None, published=None, published_after=None)
    assert scripted.requests[0].path == "/api/posts?view=full"
    assert len(list(client.posts.all(limit=None, cursor=None))) == 1
    assert dict(parse_qsl(scripted.requests[1].path.split("?")[1])) == {"view": "full", "limit": "100"}


@pytest.mark.parametrize("id", [".", ".."])
def test_id_does_not_change_the_path(connect: Connect, scripted: ScriptedServer, id: Any) -> None:
    client = connect(scripted.url, "a-key")
    for call in (client.posts.get, client.posts.delete, client.posts.publish, client.keys.revoke):
        with pytest.raises(ValueError, match="invalid id"):
            call(id)
    assert scripted.requests == []
