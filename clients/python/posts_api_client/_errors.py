"""The exception that the client raises, and how it is made from a response."""

import datetime
import email.utils
import json
from collections.abc import Sequence
from typing import Literal

import httpx

from ._generated.models import ErrorCode, FieldError, Problem

KnownErrorCode = ErrorCode | Literal["no_response", "unexpected_response"]
"""The codes that this version of the client knows: those of the service, and two of the client itself."""


class PostsApiError(Exception):
    """A failed request. There are three kinds:

    1. The service returned an error (RFC 9457): `code` is the service's error code, such as `slug_taken`.
    2. The response did not come from the service, but for example from a proxy: `code` is `unexpected_response`.
    3. There was no complete response (connection failure or timeout): `code` is `no_response`, and `status` is None.
    """

    status: int | None
    """The HTTP status code, or None if there was no response."""
    code: KnownErrorCode | str
    """The stable error code. Branch on `code`, not on `title` or `detail`. A newer service may return other codes."""
    title: str
    """A summary of the code."""
    detail: str
    """An explanation of this occurrence."""
    errors: tuple[FieldError, ...]
    """The invalid fields of the request body, each with `pointer`, `code`, and `detail`."""
    request_id: str | None
    """The ID of the request, which also appears in the log of the service. None if the response has none."""
    retry_after: float | None
    """The value of the `Retry-After` header in seconds, or None if there is none."""

    def __init__(
        self,
        request: str,
        status: int | None,
        code: KnownErrorCode | str,
        title: str,
        detail: str,
        errors: Sequence[FieldError] = (),
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        # With the arguments in `args`, the exception can be pickled.
        super().__init__(request, status, code, title, detail, errors, request_id, retry_after)
        self._request = request
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.errors = tuple(errors)
        self.request_id = request_id
        self.retry_after = retry_after

    def __str__(self) -> str:
        fields = [f"{error.pointer or 'request body'} {error.detail}" for error in self.errors]
        status = "" if self.status is None else f"{self.status} "
        return f"{self._request} failed with {status}{self.code}: " + "; ".join([self.detail, *fields])


def no_response(request: str, cause: httpx.RequestError) -> PostsApiError:
    """Returns the error of a request without a complete response."""
    error = PostsApiError(request, None, "no_response", "No response", str(cause) or type(cause).__name__)
    error.__cause__ = cause
    return error


def unexpected_response(request: str, response: httpx.Response, cause: Exception | None = None) -> PostsApiError:
    """Returns the error of a response that posts-api does not send."""
    content_type = response.headers.get("Content-Type", "no Content-Type")
    detail = f"the response ({content_type}) did not come from posts-api; check base_url"
    if location := response.headers.get("Location"):
        detail = f"the response redirects to {location}; check base_url"
    error = PostsApiError(
        request,
        response.status_code,
        "unexpected_response",
        "Unexpected response",
        detail,
        request_id=response.headers.get("X-Request-Id"),
        retry_after=_retry_after(response),
    )
    error.__cause__ = cause
    return error


def error_from_response(request: str, response: httpx.Response) -> PostsApiError:
    """Returns the error of a response with an error status."""
    try:
        problem = Problem.from_dict(json.loads(response.content))
        errors = problem.errors or []
        return PostsApiError(
            request,
            response.status_code,
            str(problem.code),
            problem.title,
            problem.detail,
            errors,
            problem.request_id,
            _retry_after(response),
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        return unexpected_response(request, response)


def _retry_after(response: httpx.Response) -> float | None:
    """Returns `Retry-After` in seconds. The header is a number of seconds or a date (RFC 9110, section 10.2.3)."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdecimal():
        return float(text)
    try:
        date = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=datetime.UTC)
    return max(0.0, (date - datetime.datetime.now(datetime.UTC)).total_seconds())
