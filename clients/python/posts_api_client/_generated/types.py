"""Types that the generated code uses."""

from collections.abc import Callable, Mapping
from typing import Any, Generic, Literal, TypeVar

from attrs import define, field

T = TypeVar("T")


class Unset:
    """The type of an optional property that a response does not contain."""

    def __bool__(self) -> Literal[False]:
        return False


UNSET: Unset = Unset()


@define
class Request(Generic[T]):
    """A request of an operation, and how to parse the JSON of its successful response."""

    method: str
    path: str
    parse: Callable[[Any], T] = field(kw_only=True)
    """Parses the decoded JSON, or None if the response has no content."""
    params: dict[str, Any] = field(kw_only=True, factory=dict[str, Any])
    headers: dict[str, str] = field(kw_only=True, factory=dict[str, str])
    body: Mapping[str, Any] | None = field(kw_only=True, default=None)
