from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="WebhookTestResult")


@_attrs_define
class WebhookTestResult:
    """The result of a test request."""

    status: int | None
    """The status of the response. Null if there was none."""

    duration_ms: int
    """The time until the response or the failure, in milliseconds."""

    error: str | None
    """The reason why there was no response. Null if there was one."""

    additional_properties: dict[str, Any] = _attrs_field(
        init=False, factory=dict[str, Any], repr=False
    )
    """Properties that this version of the client does not know."""

    def to_dict(self) -> dict[str, Any]:
        """Returns the object as a dictionary that can be encoded as JSON."""
        status: int | None
        status = self.status

        duration_ms = self.duration_ms

        error: None | str
        error = self.error

        field_dict: dict[str, Any] = dict(self.additional_properties)
        field_dict.update(
            {
                "status": status,
                "duration_ms": duration_ms,
                "error": error,
            }
        )
        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        """Returns the object with the properties in `src_dict`, which is decoded JSON."""
        d = dict(src_dict)

        def _parse_status(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        status = _parse_status(d.pop("status"))

        duration_ms = d.pop("duration_ms")

        def _parse_error(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        error = _parse_error(d.pop("error"))

        webhook_test_result = cls(
            status=status,
            duration_ms=duration_ms,
            error=error,
        )
        webhook_test_result.additional_properties = d
        return webhook_test_result
