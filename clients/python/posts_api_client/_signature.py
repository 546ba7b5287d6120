"""Verifies webhook requests according to the Standard Webhooks specification (https://www.standardwebhooks.com)."""

import base64
import binascii
import hashlib
import hmac
import json
import re
import time
from collections.abc import Iterable, Sequence
from typing import Any, Literal, Protocol, TypedDict, cast

WebhookErrorCode = Literal[
    "missing_header", "invalid_timestamp", "expired_timestamp", "invalid_signature", "invalid_body"
]
"""Why a request must be rejected.

`missing_header`: it has no `webhook-id`, `webhook-timestamp`, or `webhook-signature`. `invalid_timestamp`:
`webhook-timestamp` is not a number of seconds. `expired_timestamp`: it is older or newer than `tolerance` allows.
`invalid_signature`: no signature matches the body and one of the secrets. `invalid_body`: the body has a valid
signature, but is not JSON.
"""

TOLERANCE = 300.0
"""Seconds."""
VERSION = "v1"
"""The version of the signatures: HMAC-SHA256."""
PREFIX = "whsec_"


class WebhookChangeData(TypedDict):
    id: int
    slug: str
    """The slug of the post. If it is no longer public, the last public one."""
    former_slug: str | None
    """The slug before this change. None unless the change renamed the post."""
    version: int
    post: dict[str, Any] | None
    """The post as it is when the request is sent, for `PostSummary.from_dict`. None if it is not public."""


class WebhookChangeEvent(TypedDict):
    """A change of a published post, sent by a webhook with the mode `each`."""

    type: Literal["post.published", "post.updated", "post.unpublished", "post.deleted"]
    timestamp: str
    """When the post was changed."""
    data: WebhookChangeData


class WebhookBurstData(TypedDict):
    count: int
    """The number of changes."""
    cursor: str
    """The position of the last change in the feed."""


class WebhookBurstEvent(TypedDict):
    """Any number of changes, sent by a webhook with the mode `burst`."""

    type: Literal["posts.changed"]
    timestamp: str
    data: WebhookBurstData


class WebhookTestData(TypedDict):
    webhook_id: int


class WebhookTestEvent(TypedDict):
    """The request of `POST /api/webhooks/{id}/test`."""

    type: Literal["webhook.test"]
    timestamp: str
    data: WebhookTestData


WebhookEvent = WebhookChangeEvent | WebhookBurstEvent | WebhookTestEvent

Text = str | bytes


class HeaderMapping(Protocol):
    """The headers of a request in most frameworks, and in `http.server`."""

    def items(self) -> Iterable[tuple[str, str]]: ...


WebhookHeaders = HeaderMapping | Iterable[tuple[Text, Text]]
"""The headers of a request: a mapping, or pairs as in ASGI. The case of the names does not matter."""


class WebhookVerificationError(Exception):
    """A request that must be rejected, because it is not a webhook request of the service."""

    code: WebhookErrorCode

    def __init__(self, code: WebhookErrorCode, message: str) -> None:
        # With the arguments in `args`, the exception can be pickled.
        super().__init__(code, message)
        self.code = code

    def __str__(self) -> str:
        return str(self.args[1])


def verify_webhook(
    body: str | bytes | bytearray | memoryview,
    headers: WebhookHeaders,
    secret: str | Sequence[str],
    *,
    tolerance: float = TOLERANCE,
) -> WebhookEvent:
    """Verifies the signature of a webhook request, and returns its JSON body. If it must be rejected, raises a
    WebhookVerificationError: respond with 400.

    `body` is the body as it was received. A body that was parsed and serialized again may differ in its bytes. `secret`
    is the secret of the webhook, or several while it is being rotated. The time of the request may differ from the
    current time by up to `tolerance` seconds. The service may send a request more than once, with the same
    `webhook-id`.

    The type of the result is not checked. If the webhook has its own `body`, the result is this object.

    Raises TypeError for a parsed body, and ValueError for an invalid secret.
    """
    keys = [_parse_secret(one) for one in ([secret] if isinstance(secret, str) else _checked_list(secret))]
    content = _to_bytes(body)
    found = _lower_case(headers)
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    for name in names:
        if not found.get(name):
            raise WebhookVerificationError("missing_header", f"the request has no header {name}")
    id, timestamp, signatures = (found[name] for name in names)
    _check_timestamp(timestamp, tolerance)
    signed = f"{id}.{timestamp}.".encode() + content
    expected = [hmac.new(key, signed, hashlib.sha256).digest() for key in keys]
    # Compares all pairs, so that the time does not reveal which of them is equal.
    matches = [hmac.compare_digest(one, other) for one in _received(signatures) for other in expected]
    if not any(matches):
        raise WebhookVerificationError(
            "invalid_signature",
            "no signature matches; check that the secret is the one of this webhook and that the body is unchanged",
        )
    try:
        return cast(WebhookEvent, json.loads(content))
    except ValueError as error:
        raise WebhookVerificationError("invalid_body", "the body is not JSON") from error


def _checked_list(secrets: Sequence[str]) -> Sequence[str]:
    # A `None` of `os.environ.get` has the wrong type, but callers without a type checker pass it.
    values: object = secrets
    if not isinstance(values, list | tuple) or not values:
        raise ValueError("secret must be a string, or a list of at least one; is the environment variable set?")
    return secrets


def _parse_secret(secret: object) -> bytes:
    """Decodes a secret. The error does not contain it."""
    key = b""
    if isinstance(secret, str) and secret.startswith(PREFIX):
        key = _decode(secret.removeprefix(PREFIX)) or b""
    if not key:
        raise ValueError(f"secret must be {PREFIX} followed by Base64, as the service returned it with the webhook")
    return key


def _to_bytes(body: object) -> bytes:
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, bytes | bytearray):
        return bytes(body)
    if isinstance(body, memoryview):
        return cast(Any, body).tobytes()  # type: ignore[no-any-return]
    raise TypeError(
        f"body must be the unparsed body of the request, as bytes or a string, not {type(body).__name__}; "
        "read it for example with request.get_data() in Flask, or await request.body() in FastAPI"
    )


def _lower_case(headers: WebhookHeaders) -> dict[str, str]:
    either: Any = headers
    pairs: Iterable[tuple[Text, Text]] = either.items() if hasattr(headers, "items") else either
    return {_text(name).lower(): _text(value).strip() for name, value in pairs}


def _text(value: Text) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _check_timestamp(timestamp: str, tolerance: float) -> None:
    if not re.fullmatch(r"[0-9]{1,15}", timestamp):
        raise WebhookVerificationError("invalid_timestamp", "webhook-timestamp is not a number of seconds")
    age = time.time() - int(timestamp)
    if not abs(age) <= tolerance:
        difference = f"{abs(age):.0f} s {'old' if age > 0 else 'in the future'}"
        message = f"the request is {difference}; check the clock of this computer"
        raise WebhookVerificationError("expired_timestamp", message)


def _received(signatures: str) -> list[bytes]:
    """The signatures of the known version."""
    parts = [signature.partition(",") for signature in signatures.split(" ")]
    decoded = [_decode(value) for version, _, value in parts if version == VERSION]
    return [value for value in decoded if value is not None]


def _decode(text: str) -> bytes | None:
    """Decodes standard Base64, with or without padding. Returns None if it is invalid."""
    try:
        return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
