"""What a call raises in place of an answer."""

import httpx

from .models.problem import Problem


class ProblemError(Exception):
    """The service answered with an error: `application/problem+json` (RFC 9457)."""

    def __init__(self, problem: Problem, headers: httpx.Headers):
        self.problem = problem
        self.headers = headers
        super().__init__(
            f"{problem.title}: {problem.detail} ({problem.code}, request {problem.request_id})"
        )

    @property
    def code(self) -> str:
        """The error's stable name, such as `slug_taken`: branch on this."""
        return self.problem.code

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.problem.status

    @property
    def retry_after(self) -> int | None:
        """Seconds to wait before trying again, where the service says so."""
        value = self.headers.get("Retry-After", "")
        return int(value) if value.isdigit() else None


class NotModified(Exception):
    """Nothing has changed since the answer whose `ETag` was sent as `if_none_match`."""


class UnexpectedStatus(Exception):
    """An answer that the service does not give, such as a proxy's."""

    def __init__(self, status_code: int, content: bytes):
        self.status_code = status_code
        self.content = content
        super().__init__(
            f"Unexpected status {status_code}: {content[:500].decode(errors='replace')}"
        )


def error_of(response: httpx.Response) -> Exception:
    """What to raise for an answer that is no success."""
    if response.status_code == 304:
        return NotModified()
    if response.headers.get("Content-Type", "").startswith("application/problem+json"):
        try:
            return ProblemError(Problem.from_dict(response.json()), response.headers)
        except (KeyError, TypeError, ValueError):
            pass
    return UnexpectedStatus(response.status_code, response.content)


__all__ = ["NotModified", "ProblemError", "UnexpectedStatus"]
