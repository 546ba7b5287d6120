"""Tests the exceptions."""

import copy
import datetime
import email.utils
import pickle
import socket

import httpx
import pytest
from conftest import KEY, Connect
from samples import PAGE, POST
from scripted import HANG_UP, Response, ScriptedServer, problem, success

from posts_api_client import PostsApiError, PostsClient


def error_of(client: PostsClient) -> PostsApiError:
    with pytest.raises(PostsApiError) as raised:
        client.posts.list()
    return raised.value


def test_validation_errors_name_each_field(editor: PostsClient) -> None:
    with pytest.raises(PostsApiError) as raised:
        editor.posts.create(title=" ", slug="Not a slug")
    error = raised.value
    assert (error.status, error.code, error.title, error.detail) == (
        422,
        "validation_failed",
        "Validation failed",
        "2 fields are invalid",
    )
    assert {(field.pointer, field.code) for field in error.errors} == {("/title", "empty"), ("/slug", "format")}
    assert error.request_id
    assert str(error).startswith("POST /api/posts failed with 422 validation_failed: 2 fields are invalid; /")
    assert "; /title must not be empty" in str(error)


def test_unknown_keywords_are_rejected_by_the_service(editor: PostsClient) -> None:
    with pytest.raises(PostsApiError, match=r"/contnet unknown field"):
        editor.posts.create(title="A", contnet="Text.")  # type: ignore[call-arg]
    with pytest.raises(PostsApiError, match="invalid_parameter.*sorted"):
        editor.posts.list(sorted="id")  # type: ignore[call-overload]


def test_problems_have_stable_codes(editor: PostsClient, reader: PostsClient, connect: Connect, service: str) -> None:
    post = editor.posts.create(title="Draft")
    with pytest.raises(PostsApiError) as raised:
        editor.posts.create(title="Again", slug=post.slug)
    assert (raised.value.status, raised.value.code, raised.value.errors) == (409, "slug_taken", ())
    with pytest.raises(PostsApiError) as raised:
        reader.posts.publish(post.id)
    assert (raised.value.status, raised.value.code) == (401, "key_required")
    with pytest.raises(PostsApiError) as raised:
        connect(service, "not-a-key").posts.find(post.id)
    assert (raised.value.status, raised.value.code) == (401, "key_invalid")


def test_unknown_codes_and_members_are_passed_on(connect: Connect, scripted: ScriptedServer) -> None:
    scripted.responses = [problem(418, "teapot", {"X-New": "1"}, new_member=[1])]
    error = error_of(connect(scripted.url))
    assert (error.status, error.code, error.title) == (418, "teapot", "Title of teapot")
    scripted.responses = [success({**POST, "new_field": 7})]
    post = connect(scripted.url).posts.get(1)
    assert (post.slug, post.additional_properties) == ("a", {"new_field": 7})


@pytest.mark.parametrize(
    ("response", "status"),
    [
        (Response(200, "<h1>A page</h1>", {"Content-Type": "text/html", "X-Request-Id": "p-1"}), 200),
        (Response(502, "<h1>Bad gateway</h1>", {"Content-Type": "text/html", "X-Request-Id": "p-1"}), 502),
        (Response(200, "", {"Content-Type": "application/json", "X-Request-Id": "p-1"}), 200),
        (success({"code": 7}, {"X-Request-Id": "p-1"}, status=400), 400),
        (success([], {"X-Request-Id": "p-1"}, status=404), 404),
        (success({"items": []}, {"X-Request-Id": "p-1"}), 200),
        (success([1], {"X-Request-Id": "p-1"}), 200),
        (success({**PAGE, "items": [1]}, {"X-Request-Id": "p-1"}), 200),
        (success({**PAGE, "items": [{}]}, {"X-Request-Id": "p-1"}), 200),
        (success(None, {"X-Request-Id": "p-1"}), 200),
        (Response(304, "", {"X-Request-Id": "p-1"}), 304),
        (Response(204, "", {"X-Request-Id": "p-1"}), 204),
    ],
)
def test_responses_of_other_servers(
    connect: Connect, scripted: ScriptedServer, response: Response, status: int
) -> None:
    scripted.responses = [response]
    error = error_of(connect(scripted.url, retries=0))
    assert (error.status, error.code, error.request_id) == (status, "unexpected_response", "p-1")
    assert "check base_url" in error.detail
    assert str(error).startswith(f"GET /api/posts failed with {status} unexpected_response: ")


def test_redirect_of_a_write_is_not_followed(connect: Connect, scripted: ScriptedServer) -> None:
    location = {"Location": "https://posts.example.org/api/posts"}
    scripted.responses = [Response(301, "", location)]
    with pytest.raises(PostsApiError, match=r"redirects to https://posts\.example\.org/api/posts; check base_url"):
        connect(scripted.url, KEY).posts.create(title="A")
    assert len(scripted.requests) == 1


def test_redirect_to_another_host_does_not_get_the_key(connect: Connect, scripted: ScriptedServer) -> None:
    with ScriptedServer() as other:
        other.responses = [success(POST)]
        scripted.responses = [Response(301, "", {"Location": f"{other.url}/api/posts/by-slug/b"})]
        connect(scripted.url, "a-secret").posts.get_by_slug("a")
        assert "authorization" in scripted.requests[0].headers
        assert [request.path for request in other.requests] == ["/api/posts/by-slug/b"]
        assert "authorization" not in other.requests[0].headers


def test_redirect_loops_end(connect: Connect, scripted: ScriptedServer) -> None:
    scripted.responses = [Response(301, "", {"Location": "/api/posts"})]
    error = error_of(connect(scripted.url, retries=5))
    assert error.code == "no_response" and isinstance(error.__cause__, httpx.TooManyRedirects)


def test_no_response(connect: Connect) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        error = error_of(connect(f"http://127.0.0.1:{port}", "a-secret", retries=0))
    assert (error.status, error.code, error.errors, error.request_id) == (None, "no_response", (), None)
    assert str(error).startswith("GET /api/posts failed with no_response: ")
    assert isinstance(error.__cause__, httpx.ConnectError)
    assert "a-secret" not in f"{error!r}{error}{vars(error)}"


def test_timeout_of_the_client_and_of_a_call(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        for client in (connect(url, retries=0, timeout=0.05), connect(url, retries=0).with_options(timeout=0.05)):
            error = error_of(client)
            assert error.code == "no_response" and isinstance(error.__cause__, httpx.ReadTimeout)


def test_retry_after_as_seconds_or_date(connect: Connect, scripted: ScriptedServer) -> None:
    client = connect(scripted.url, retries=0)

    def retry_after(value: str) -> float | None:
        scripted.responses = [problem(503, "database_busy", {"Retry-After": value})]
        return error_of(client).retry_after

    assert retry_after("7") == 7
    in_an_hour = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
    seconds = retry_after(email.utils.format_datetime(in_an_hour, usegmt=True))
    assert seconds is not None and 0 < seconds <= 3600
    assert retry_after("Sat, 31 Jan 2026 12:00:00 GMT") == 0
    assert [retry_after(text) for text in ("", "soon", "-1", "1.5", "²")] == [None] * 5


def test_errors_can_be_pickled_and_copied(connect: Connect, scripted: ScriptedServer) -> None:
    field = {"pointer": "/title", "code": "empty", "detail": "must not be empty"}
    scripted.responses = [problem(422, "validation_failed", {"Retry-After": "1"}, errors=[field])]
    error = error_of(connect(scripted.url))
    for same in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(same) is PostsApiError and str(same) == str(error)
        assert (same.status, same.code, same.errors, same.retry_after) == (422, "validation_failed", error.errors, 1)


def test_interrupted_iterator_raises_the_error(connect: Connect, scripted: ScriptedServer) -> None:
    scripted.responses = [success({**PAGE, "next_cursor": "c"}), HANG_UP]
    posts = connect(scripted.url, retries=0).posts.all()
    assert next(iter(posts)).id == 1
    with pytest.raises(PostsApiError, match="no_response"):
        next(iter(posts))
    assert [request.path for request in scripted.requests] == [
        "/api/posts?limit=100&view=full",
        "/api/posts?limit=100&cursor=c&view=full",
    ]
