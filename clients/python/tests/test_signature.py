"""Tests `verify_webhook`, also against the reference implementation."""

import base64
import datetime
import hashlib
import hmac
import json
import pickle
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from posts_api_client import WebhookVerificationError, verify_webhook

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
BODY = json.dumps({"type": "posts.changed", "data": {"count": 3}, "note": "ä 👩‍💻"}, ensure_ascii=False)


def signed(
    body: str = BODY, secrets: tuple[str, ...] = (SECRET,), timestamp: object = None, id: str = "msg-1"
) -> dict[str, str]:
    """The headers of a request as the service sends them."""
    timestamp = int(time.time()) if timestamp is None else timestamp
    content = f"{id}.{timestamp}.{body}".encode()
    digests = [
        hmac.new(base64.b64decode(each.removeprefix("whsec_")), content, hashlib.sha256).digest() for each in secrets
    ]
    signatures = [f"v1,{base64.b64encode(digest).decode()}" for digest in digests]
    return {
        "webhook-id": id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }


def rejection(headers: Any, body: Any = BODY, secret: Any = SECRET, **options: Any) -> str:
    """The code of the error, or "accepted"."""
    try:
        verify_webhook(body, headers, secret, **options)
    except WebhookVerificationError as error:
        assert SECRET[-10:] not in str(error)
        return error.code
    return "accepted"


def test_returns_the_body() -> None:
    assert verify_webhook(BODY, signed(), SECRET) == json.loads(BODY)


def test_agrees_with_the_reference_implementation() -> None:
    reference = Webhook(SECRET)
    for body in (BODY, "{}", "[]", '"\u2028"', "1"):
        now = datetime.datetime.now(datetime.UTC)
        headers = {
            "webhook-id": "msg-1",
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": reference.sign("msg-1", now, body),
        }
        assert verify_webhook(body, headers, SECRET) == json.loads(body)
        assert reference.verify(body, signed(body)) == json.loads(body)


def test_vector_of_the_specification(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1614265330.0)
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    assert rejection(headers, '{"test": 2432232314}') == "accepted"
    assert rejection(headers, '{"test": 2432232315}') == "invalid_signature"


def test_body_as_string_or_bytes() -> None:
    content = BODY.encode()
    for body in (BODY, content, bytearray(content), memoryview(content), memoryview(b"-" + content)[1:]):
        assert rejection(signed(), body) == "accepted"


def test_headers_in_every_form_and_case() -> None:
    plain = signed()
    upper = {name.upper(): value for name, value in plain.items()}
    title = {name.title(): value for name, value in plain.items()}
    pairs = [(name.encode(), value.encode()) for name, value in upper.items()]
    for headers in (plain, upper, title, pairs, tuple(plain.items()), httpx.Headers(title), iter(pairs)):
        assert rejection(headers) == "accepted"


def test_headers_of_the_http_server() -> None:
    outcomes: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            outcomes.append(rejection(self.headers, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        urllib.request.urlopen(urllib.request.Request(url, BODY.encode(), signed(), method="POST")).close()
        thread.join()
    assert outcomes == ["accepted"]


def test_changed_request() -> None:
    headers = signed()
    assert rejection(headers) == "accepted"
    assert rejection(headers, BODY.replace("3", "4")) == "invalid_signature"
    assert rejection(headers, json.dumps(json.loads(BODY), indent=2)) == "invalid_signature"
    assert rejection(headers, secret=OTHER) == "invalid_signature"
    assert rejection({**headers, "webhook-id": "msg-2"}) == "invalid_signature"
    earlier = str(int(headers["webhook-timestamp"]) - 1)
    assert rejection({**headers, "webhook-timestamp": earlier}) == "invalid_signature"


@pytest.mark.parametrize("name", signed())
def test_missing_header(name: str) -> None:
    assert rejection({key: value for key, value in signed().items() if key != name}) == "missing_header"
    for value in ("", " "):
        assert rejection({**signed(), name: value}) == "missing_header"


def test_old_and_future_times(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_800_000_000
    monkeypatch.setattr(time, "time", lambda: float(now))
    for offset in (-300, 300):
        assert rejection(signed(timestamp=now + offset)) == "accepted"
    for offset in (-301, 301, -(10**9), 10**9):
        assert rejection(signed(timestamp=now + offset)) == "expired_timestamp"
    assert rejection(signed(timestamp=now - 3600), tolerance=3600) == "accepted"
    assert rejection(signed(timestamp=now - 2), tolerance=1) == "expired_timestamp"
    assert rejection(signed(timestamp=now), tolerance=float("nan")) == "expired_timestamp"
    for timestamp in ("now", "-1", "1e9", "1.5", "0x5", "9" * 400, "1_8", "١٢٣", f"{now}\n1"):
        assert rejection(signed(timestamp=timestamp)) == "invalid_timestamp"


def test_one_valid_signature_among_several() -> None:
    headers = signed()
    signature = headers["webhook-signature"]
    other = signed(secrets=(OTHER,), timestamp=headers["webhook-timestamp"])["webhook-signature"]
    value = signature.removeprefix("v1,")
    for accepted in (f"{other} {signature}", f"{signature} {other}", f"v1a,abc {signature}", f"  {signature}  "):
        assert rejection({**headers, "webhook-signature": accepted}) == "accepted"
    for rejected in (other, value, f"v2,{value}", f"v1a,{value}", f"V1,{value}", "v1,", "v1", ",", "v1,!!!", "v1,ä"):
        assert rejection({**headers, "webhook-signature": rejected}) == "invalid_signature"


def test_several_secrets_during_a_rotation() -> None:
    assert rejection(signed(secrets=(OTHER, SECRET))) == "accepted"
    assert rejection(signed(), secret=[OTHER, SECRET]) == "accepted"
    assert rejection(signed(secrets=(OTHER,)), secret=(SECRET,)) == "invalid_signature"


def test_body_that_is_not_json() -> None:
    for body in ("not JSON", ""):
        assert rejection(signed(body), body) == "invalid_body"
    assert rejection(signed(), "not JSON") == "invalid_signature"


@pytest.mark.parametrize("body", [{"type": "posts.changed"}, ["a"], None, 7])
def test_parsed_body_is_a_mistake(body: Any) -> None:
    with pytest.raises(TypeError, match="must be the unparsed body of the request"):
        verify_webhook(body, signed(), SECRET)


@pytest.mark.parametrize(
    "secret",
    ["", "whsec_", "whsec_====", "whsec_!" + SECRET[6:], SECRET[6:], SECRET.upper(), [], [""], [SECRET, None], None, 7],
)
def test_invalid_secret_is_not_shown(secret: Any) -> None:
    with pytest.raises(ValueError, match="^secret must be") as raised:
        verify_webhook(BODY, signed(), secret)
    assert SECRET[-10:] not in str(raised.value)


def test_error_can_be_pickled() -> None:
    error = WebhookVerificationError("invalid_body", "the body is not JSON")
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.code, str(copy)) == (error.code, str(error))
