"""One call of the API, without I/O: builds the request, parses the response, and decides whether to retry.

The synchronous and the asynchronous client share this module.
"""

import datetime
import json
import logging
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import Any, Generic, TypeVar

import httpx

from ._errors import PostsApiError, error_from_response, no_response, unexpected_response
from ._generated.models import CreatedWebhook, Post, Webhook
from ._generated.types import Request
from ._pages import ChangePage, Page

T = TypeVar("T")

USER_AGENT = f"posts-api-client/{version('posts-api-client')}"
DEFAULT_TIMEOUT = 30.0
"""Seconds."""
FIRST_DELAY = 0.2
"""The first delay of the exponential backoff in seconds, before jitter."""

log = logging.getLogger("posts_api_client")


@dataclass(frozen=True)
class Options:
    """The options of a client that apply to each call."""

    base_url: str
    api_key: str | None = field(repr=False)
    timeout: float | httpx.Timeout | None
    """In seconds. None: the timeout of the HTTP client."""
    retries: int
    max_retry_delay: float
    """In seconds."""
    headers: httpx.Headers

    def __post_init__(self) -> None:
        """Validates the options here, so that the stack trace shows the invalid configuration."""
        try:
            url = httpx.URL(self.base_url)
        except httpx.InvalidURL as error:
            raise ValueError(f"base_url is not a URL: {error}") from error
        if url.userinfo:
            raise ValueError("base_url must not contain a user name or password; use headers or http_client")
        if url.scheme not in ("http", "https") or not url.host or url.query or url.fragment:
            raise ValueError(f'base_url must be a URL such as http://127.0.0.1:8080, not "{self.base_url}"')
        key = self.api_key
        if key is not None and not (key and key.isascii() and key.isprintable() and " " not in key):
            raise ValueError("api_key must be printable ASCII without whitespace; omit it to read published posts")

    def with_changes(
        self,
        timeout: float | httpx.Timeout | None,
        retries: int | None,
        max_retry_delay: float | None,
        headers: Mapping[str, str] | None,
    ) -> "Options":
        """Returns the options with those replaced that are not None."""
        return replace(
            self,
            timeout=self.timeout if timeout is None else timeout,
            retries=self.retries if retries is None else retries,
            max_retry_delay=self.max_retry_delay if max_retry_delay is None else max_retry_delay,
            headers=merged(self.headers, headers),
        )


def merged(headers: httpx.Headers, others: Mapping[str, str] | None) -> httpx.Headers:
    """Returns the headers of both. `others` replace headers of the same name, in any case."""
    result = httpx.Headers(headers)
    result.update(others)
    return result


class NotModified(Exception):
    """A 304 response to `If-None-Match`."""


@dataclass(frozen=True)
class Retry:
    """The decision to send the request again."""

    delay: float
    """In seconds."""


class Call(Generic[T]):
    """A call, which sends its request until it succeeds or must not be retried.

    `is_idempotent` says whether the service can safely execute the request twice. By default, this is so for GET and
    DELETE, and with an `Idempotency-Key`.
    """

    def __init__(self, request: Request[T], options: Options, is_idempotent: bool | None = None) -> None:
        if not {".", ".."}.isdisjoint(request.path.split("/")):
            raise ValueError(f"{request.path} contains an invalid id, which would change the path of the URL")
        self._request = request
        self._options = options
        if is_idempotent is None:
            is_idempotent = request.method in ("GET", "DELETE") or "Idempotency-Key" in request.headers
        self._is_idempotent = is_idempotent
        self._attempts = 0
        # Whether the service may have executed an earlier attempt that had no successful response.
        self._maybe_executed = False
        self._line = f"{request.method} {request.path}"

    @property
    def follows_redirects(self) -> bool:
        """Only reads follow redirects: the service redirects reads of an old slug."""
        return self._request.method == "GET"

    def build(self, client: httpx.Client | httpx.AsyncClient) -> httpx.Request:
        """Builds the request. Adds the headers of the options to those that the HTTP client has."""
        request, options = self._request, self._options
        headers = httpx.Headers({"Accept": "application/json", **request.headers})
        if options.api_key is not None:
            headers["Authorization"] = f"Bearer {options.api_key}"
        query = [(name, value) for name, value in request.params.items() if value is not None]
        content = None
        if request.body is not None:
            content = json.dumps(request.body, ensure_ascii=False, allow_nan=False, default=encode).encode()
            headers["Content-Type"] = "application/json"
        return client.build_request(
            request.method,
            options.base_url.rstrip("/") + request.path,
            params={name: encode(value) if is_time(value) else value for name, value in query},
            headers=merged(headers, options.headers),
            content=content,
            timeout=httpx.USE_CLIENT_DEFAULT if options.timeout is None else options.timeout,
        )

    def receive(self, response: httpx.Response) -> T | Retry:
        """Returns the result of the response, or the decision to retry. Raises the error otherwise."""
        if response.status_code == 304 and "If-None-Match" in self._request.headers:
            raise NotModified
        if response.is_success:
            return self._parse(response)
        error = error_from_response(self._line, response)
        # An earlier attempt has probably deleted the resource.
        if self._maybe_executed and self._request.method == "DELETE" and error.code == "not_found":
            return self._request.parse(None)
        return self._retry(error, self._is_retryable(error))

    def fail(self, cause: httpx.RequestError) -> Retry:
        """Returns the decision to retry after a request without a complete response. Raises the error otherwise."""
        # Without a connection, the service cannot have received the request.
        was_sent = not isinstance(cause, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
        is_misuse = isinstance(cause, httpx.LocalProtocolError | httpx.UnsupportedProtocol | httpx.TooManyRedirects)
        is_retryable = not is_misuse and (self._is_idempotent or not was_sent)
        return self._retry(no_response(self._line, cause), is_retryable, was_sent=was_sent)

    def _parse(self, response: httpx.Response) -> T:
        try:
            result = self._request.parse(None if response.status_code == 204 else json.loads(response.content))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise unexpected_response(self._line, response) from error
        versioned: Any = result
        if isinstance(versioned, Post | Page | ChangePage | Webhook | CreatedWebhook):
            versioned.etag = response.headers.get("ETag")
        return result

    def _is_retryable(self, error: PostsApiError) -> bool:
        if is_not_executed(error):
            return True
        return self._is_idempotent and error.status in (502, 503, 504)

    def _retry(self, error: PostsApiError, is_retryable: bool, was_sent: bool = True) -> Retry:
        is_too_long = error.retry_after is not None and error.retry_after > self._options.max_retry_delay
        if not is_retryable or is_too_long or self._attempts >= self._options.retries:
            raise error
        delay = self._delay(error)
        self._attempts += 1
        self._maybe_executed |= was_sent and not is_not_executed(error)
        log.info("will retry in %.1f s: %s", delay, error)
        return Retry(delay)

    def _delay(self, error: PostsApiError) -> float:
        """Jitter keeps clients from retrying at the same moment."""
        if error.retry_after is not None:
            return error.retry_after + random.uniform(0, FIRST_DELAY)
        # Doubling 32 times exceeds every useful maximum. More would exceed the range of a float.
        backoff = FIRST_DELAY * 2.0 ** min(self._attempts, 32)
        return min(backoff, self._options.max_retry_delay) * random.uniform(0.5, 1)


def is_not_executed(error: PostsApiError) -> bool:
    """Returns whether the response proves that the service did not execute the request.

    408: it did not receive the whole request in time (RFC 9110, section 15.5.9). `idempotency_key_in_use`: another
    request with the same `Idempotency-Key` is in progress.
    """
    return error.status in (408, 429) or error.code == "idempotency_key_in_use"


def is_time(value: object) -> bool:
    return isinstance(value, datetime.datetime)


def encode(value: object) -> Any:
    """Encodes a value that JSON lacks."""
    if isinstance(value, datetime.datetime):
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone; use for example datetime.now(timezone.utc)")
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    raise TypeError(f"{type(value).__name__} is not JSON serializable")
