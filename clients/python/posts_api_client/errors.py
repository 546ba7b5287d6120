"""The exceptions that API calls raise."""

import httpx

from .models.problem import Problem


class ProblemError(Exception):
    """An error response of the service: `application/problem+json` (RFC 9457)."""

    def __init__(self, problem: Problem, headers: httpx.Headers):
        self.problem = problem
        self.headers = headers
        super().__init__(
            f"{problem.title}: {problem.detail} ({problem.code}, request {problem.request_id})"
        )

    @property
    def code(self) -> str:
        """The stable error code, such as `slug_taken`. Branch on this, not on the message."""
        return self.problem.code

    @property
    def status(self) -> int:
        """The HTTP status code."""
        return self.problem.status

    @property
    def retry_after(self) -> int | None:
        """The value of the `Retry-After` header in seconds, or None if there is none."""
        value = self.headers.get("Retry-After", "")
        return int(value) if value.isdigit() else None


class NotModified(Exception):
    """A 304 response: the resource still has the `ETag` that was sent as `if_none_match`."""


class UnexpectedStatus(Exception):
    """A response that did not come from the service, such as an error page of a proxy."""

    def __init__(self, status_code: int, content: bytes):
        self.status_code = status_code
        self.content = content
        super().__init__(
            f"unexpected response with status {status_code}: {content[:500].decode(errors='replace')}"
        )


def error_from_response(response: httpx.Response) -> Exception:
    """Returns the exception for an unsuccessful response."""
    if response.status_code == 304:
        return NotModified()
    if response.headers.get("Content-Type", "").startswith("application/problem+json"):
        try:
            return ProblemError(Problem.from_dict(response.json()), response.headers)
        except (KeyError, TypeError, ValueError):
            pass
    return UnexpectedStatus(response.status_code, response.content)


__all__ = ["NotModified", "ProblemError", "UnexpectedStatus"]
