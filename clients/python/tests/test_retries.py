"""Tests which requests the client retries, against a server with prepared responses."""

from collections.abc import Callable

import httpx
import pytest
from conftest import KEY, Connect
from samples import API_KEY, CREATED_WEBHOOK, EMPTY_PAGE, PAGE, POST, ROTATED_SECRET, WEBHOOK, WEBHOOK_TEST
from scripted import HANG_UP, Response, ScriptedServer, problem, success

from posts_api_client import PostsApiError, PostsClient
from posts_api_client._call import Call, Options, Retry
from posts_api_client._generated import api

Operation = Callable[[PostsClient], object]

RETRY_NOW = {"Retry-After": "0"}
UNAVAILABLE = problem(503, "database_busy", RETRY_NOW)
RATE_LIMITED = problem(429, "rate_limited", RETRY_NOW)
REQUEST_TIMEOUT = problem(408, "request_timeout", RETRY_NOW)
# The service sends no body if the head of the request is incomplete.
HEAD_TIMEOUT = Response(408, headers=RETRY_NOW)
NOT_FOUND = problem(404, "not_found")
NO_CONTENT = Response(204)

IDEMPOTENT: dict[str, tuple[Operation, Response]] = {
    "list": (lambda client: client.posts.list(), success(PAGE)),
    "all": (lambda client: list(client.posts.all()), success(PAGE)),
    "changes.pages": (
        lambda client: list(client.changes.pages()),
        success({"items": [], "cursor": "c", "has_more": False}),
    ),
    "get": (lambda client: client.posts.get(1), success(POST)),
    "get_by_slug": (lambda client: client.posts.get_by_slug("a"), success(POST)),
    "find": (lambda client: client.posts.find(1), success(POST)),
    "create": (lambda client: client.posts.create(title="A"), success(POST)),
    "create_many": (
        lambda client: client.posts.create_many([{"title": "A"}]),
        success({"items": [{"result": "created", "post": POST}]}),
    ),
    "put_by_slug": (lambda client: client.posts.put_by_slug("a", title="A"), success(POST)),
    "delete": (lambda client: client.posts.delete(1), NO_CONTENT),
    "delete with a condition": (lambda client: client.posts.delete(1, if_match='"a"'), NO_CONTENT),
    "publish": (lambda client: client.posts.publish(1), success(POST)),
    "unpublish": (lambda client: client.posts.unpublish(1), success(POST)),
    "tags.list": (lambda client: client.tags.list(), success(EMPTY_PAGE)),
    "authors.all": (lambda client: list(client.authors.all()), success(EMPTY_PAGE)),
    "redirects.list": (lambda client: client.redirects.list(), success(EMPTY_PAGE)),
    "keys.list": (lambda client: client.keys.list(), success({"items": [API_KEY]})),
    "keys.revoke": (lambda client: client.keys.revoke(1), NO_CONTENT),
    "webhooks.list": (lambda client: client.webhooks.list(), success({"items": [WEBHOOK]})),
    "webhooks.get": (lambda client: client.webhooks.get(1), success(WEBHOOK)),
    "webhooks.create": (lambda client: client.webhooks.create(url="https://a.example"), success(CREATED_WEBHOOK)),
    "webhooks.delete": (lambda client: client.webhooks.delete(1), NO_CONTENT),
    "webhooks.attempts": (lambda client: client.webhooks.attempts(1), success({"items": []})),
}
# A second execution of these would change the post or key again, or fail because of the first.
NOT_IDEMPOTENT: dict[str, tuple[Operation, Response]] = {
    "update": (lambda client: client.posts.update(1, title="A"), success(POST)),
    "update with a condition": (lambda client: client.posts.update(1, title="A", if_match='"a"'), success(POST)),
    "put_by_slug with if_match": (
        lambda client: client.posts.put_by_slug("a", title="A", if_match='"a"'),
        success(POST),
    ),
    "put_by_slug with if_none_match": (
        lambda client: client.posts.put_by_slug("a", title="A", if_none_match="*"),
        success(POST),
    ),
    "publish with a condition": (lambda client: client.posts.publish(1, if_match='"a"'), success(POST)),
    "unpublish with a condition": (lambda client: client.posts.unpublish(1, if_match='"a"'), success(POST)),
    "keys.create": (lambda client: client.keys.create(name="ci", role="editor"), success(API_KEY)),
    "webhooks.update": (lambda client: client.webhooks.update(1, quiet=5), success(WEBHOOK)),
    "webhooks.rotate": (lambda client: client.webhooks.rotate(1), success(ROTATED_SECRET)),
    "webhooks.replay": (lambda client: client.webhooks.replay(1, cursor="now"), success(WEBHOOK)),
    "webhooks.test": (lambda client: client.webhooks.test(1), success(WEBHOOK_TEST)),
}


def attempts(scripted: ScriptedServer, operation: Operation, *responses: Response, retries: int = 3) -> int:
    """Returns the number of requests that a client sends if the server responds with these responses."""
    scripted.requests.clear()
    scripted.responses = list(responses)
    with PostsClient(scripted.url, "a-key", retries=retries) as client:
        operation(client)
    return len(scripted.requests)


def problem_response(retry_after: str) -> httpx.Response:
    return httpx.Response(503, headers={"Retry-After": retry_after})


def retries_of(response: httpx.Response, count: int = 3, max_retry_delay: float = 30) -> list[Retry]:
    """Returns the decisions of a call that receives the response this many times."""
    options = Options("http://posts.invalid", None, None, count, max_retry_delay, httpx.Headers())
    call = Call(api.list_keys(), options)
    retries: list[Retry] = []
    for _ in range(count):
        try:
            outcome = call.receive(response)
        except PostsApiError:
            break
        assert isinstance(outcome, Retry)
        retries.append(outcome)
    return retries


def failed_attempts(scripted: ScriptedServer, operation: Operation, response: Response) -> tuple[int, str]:
    """Returns the number of requests that a client sends if all responses are this one, and the code of the error."""
    with pytest.raises(PostsApiError) as raised:
        attempts(scripted, operation, response, retries=1)
    return len(scripted.requests), raised.value.code


@pytest.mark.parametrize("name", IDEMPOTENT)
def test_retries_idempotent_calls(scripted: ScriptedServer, name: str) -> None:
    operation, last = IDEMPOTENT[name]
    for response in (UNAVAILABLE, RATE_LIMITED, REQUEST_TIMEOUT, HEAD_TIMEOUT, HANG_UP):
        assert attempts(scripted, operation, response, last) == 2


@pytest.mark.parametrize("name", NOT_IDEMPOTENT)
def test_retries_other_calls_only_after_408_and_429(scripted: ScriptedServer, name: str) -> None:
    operation, last = NOT_IDEMPOTENT[name]
    for response in (RATE_LIMITED, REQUEST_TIMEOUT, HEAD_TIMEOUT):
        assert attempts(scripted, operation, response, last) == 2
    assert failed_attempts(scripted, operation, UNAVAILABLE) == (1, "database_busy")
    assert failed_attempts(scripted, operation, HANG_UP) == (1, "no_response")


def test_all_clients_retry(connect: Connect, scripted: ScriptedServer) -> None:
    scripted.responses = [UNAVAILABLE, HANG_UP, RATE_LIMITED, success(PAGE)]
    assert len(connect(scripted.url).posts.list().items) == 1
    assert len(scripted.requests) == 4
    scripted.requests.clear()
    with pytest.raises(PostsApiError, match="database_busy"):
        connect(scripted.url, "a-key").posts.update(1, title="A")
    assert len(scripted.requests) == 1


@pytest.mark.parametrize("status", [502, 503, 504])
def test_retries_errors_of_proxies(scripted: ScriptedServer, status: int) -> None:
    page = Response(status, "<h1>Bad gateway</h1>", {"Content-Type": "text/html", **RETRY_NOW})
    assert attempts(scripted, IDEMPOTENT["list"][0], page, success(PAGE)) == 2
    assert failed_attempts(scripted, NOT_IDEMPOTENT["update"][0], page) == (1, "unexpected_response")


@pytest.mark.parametrize(
    "response",
    [
        problem(500, "internal_error", RETRY_NOW),
        problem(507, "storage_full", RETRY_NOW),
        problem(501, "not_implemented", RETRY_NOW),
        problem(409, "slug_taken"),
        NOT_FOUND,
        Response(200, "<h1>A page</h1>"),
    ],
)
def test_does_not_retry_other_errors(scripted: ScriptedServer, response: Response) -> None:
    for operation in (IDEMPOTENT["list"][0], IDEMPOTENT["create"][0]):
        assert failed_attempts(scripted, operation, response)[0] == 1


def test_number_of_retries_is_bounded(scripted: ScriptedServer) -> None:
    for options, expected in (({}, 4), ({"retries": 1}, 2), ({"retries": 0}, 1)):
        scripted.requests.clear()
        scripted.responses = [UNAVAILABLE]
        client = PostsClient(scripted.url, **options)  # type: ignore[arg-type]
        with client, pytest.raises(PostsApiError) as raised:
            client.posts.list()
        assert (raised.value.status, raised.value.retry_after) == (503, 0)
        assert len(scripted.requests) == expected


def test_does_not_wait_longer_than_max_retry_delay(scripted: ScriptedServer) -> None:
    scripted.responses = [problem(503, "database_busy", {"Retry-After": "31"})]
    with PostsClient(scripted.url) as client:
        for each in (client, client.with_options(max_retry_delay=30.9)):
            with pytest.raises(PostsApiError):
                each.posts.list()
    assert len(scripted.requests) == 2
    assert [retry.delay for retry in retries_of(problem_response("1000"), max_retry_delay=999.9)] == []
    assert len(retries_of(problem_response("1000"), max_retry_delay=1000)) == 3


def test_each_create_has_a_key_that_its_retries_repeat(scripted: ScriptedServer) -> None:
    def keys() -> list[str]:
        return [request.headers["idempotency-key"] for request in scripted.requests]

    seen: set[str] = set()
    for name in ("create", "create", "create_many"):
        operation, last = IDEMPOTENT[name]
        assert attempts(scripted, operation, RATE_LIMITED, UNAVAILABLE, last) == 3
        (key,) = set(keys())
        assert len(key) == 32
        seen.add(key)
        assert len({request.body for request in scripted.requests}) == 1
    assert len(seen) == 3
    attempts(
        scripted,
        lambda client: client.posts.create(title="A", idempotency_key="mine"),
        RATE_LIMITED,
        success(POST),
    )
    assert keys() == ["mine", "mine"]


def test_retries_while_the_key_is_in_use(scripted: ScriptedServer) -> None:
    in_use = problem(409, "idempotency_key_in_use", RETRY_NOW)
    assert attempts(scripted, IDEMPOTENT["create"][0], in_use, success(POST)) == 2


def test_retried_delete_succeeds_if_the_post_is_gone(scripted: ScriptedServer) -> None:
    for name in ("delete", "keys.revoke"):
        operation, _ = IDEMPOTENT[name]
        assert attempts(scripted, operation, HANG_UP, NOT_FOUND) == 2
        for first in (NOT_FOUND, RATE_LIMITED):
            with pytest.raises(PostsApiError, match="not_found"):
                attempts(scripted, operation, first, NOT_FOUND)


def test_retries_a_truncated_response(scripted: ScriptedServer) -> None:
    complete = success(POST)
    truncated = Response(200, complete.body, complete.headers, hangs_up=True)
    assert attempts(scripted, IDEMPOTENT["get"][0], truncated, complete) == 2


def test_retries_any_call_that_was_not_sent() -> None:
    """A request without a connection was not executed."""
    sent: list[str] = []

    def refuse_first(request: httpx.Request) -> httpx.Response:
        sent.append(request.method)
        if len(sent) == 1:
            raise httpx.ConnectError("connection refused")
        return httpx.Response(200, json=POST)

    with httpx.Client(transport=httpx.MockTransport(refuse_first)) as http_client:
        PostsClient("http://posts.invalid", "a-key", http_client=http_client).posts.update(1, title="A")
    assert sent == ["PATCH", "PATCH"]


def test_delays_grow_and_vary() -> None:
    runs = [retries_of(httpx.Response(503)) for _ in range(20)]
    for first, second, third in runs:
        assert 0.1 <= first.delay <= 0.2 and 0.2 <= second.delay <= 0.4 and 0.4 <= third.delay <= 0.8
    assert len({first.delay for first, *_ in runs}) > 1
    for retry in retries_of(problem_response("7")):
        assert 7 <= retry.delay <= 7.2


def test_delays_are_bounded() -> None:
    *_, last = retries_of(httpx.Response(503), count=5000, max_retry_delay=30)
    assert 15 <= last.delay <= 30


def test_create_whose_responses_are_lost_is_executed_once(service: str) -> None:
    class LosesResponses(httpx.BaseTransport):
        def __init__(self) -> None:
            self.lost = 0
            self._transport = httpx.HTTPTransport()

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            response = self._transport.handle_request(request)
            response.read()
            if self.lost < 2:
                self.lost += 1
                raise httpx.ReadError("connection lost")
            return response

    transport = LosesResponses()
    with httpx.Client(transport=transport) as http_client:
        client = PostsClient(service, KEY, http_client=http_client)
        post = client.posts.create(title="Once", tags=["executed once"])
        assert transport.lost == 2
        assert [each.id for each in client.posts.all(tag="executed once", published="any")] == [post.id]
