from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, Self, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="WebhookAttempt")


@_attrs_define
class WebhookAttempt:
    """A request to a webhook."""

    event_id: str
    """The `webhook-id` of the request, which is the same for each attempt."""

    type_: str
    """The type of the event, such as `post.updated` or `posts.changed`."""

    at: datetime.datetime
    """When the request was sent."""

    duration_ms: int
    """The time until the response or the failure, in milliseconds."""

    status: int | None
    """The status of the response. Null if there was none."""

    error: str | None
    """The reason why there was no response. Null if there was one."""

    attempt: int
    """The number of the attempt: 1 for the first one."""

    additional_properties: dict[str, Any] = _attrs_field(
        init=False, factory=dict[str, Any], repr=False
    )
    """Properties that this version of the client does not know."""

    def to_dict(self) -> dict[str, Any]:
        """Returns the object as a dictionary that can be encoded as JSON."""
        event_id = self.event_id

        type_ = self.type_

        at = self.at.isoformat()

        duration_ms = self.duration_ms

        status: int | None
        status = self.status

        error: None | str
        error = self.error

        attempt = self.attempt

        field_dict: dict[str, Any] = dict(self.additional_properties)
        field_dict.update(
            {
                "event_id": event_id,
                "type": type_,
                "at": at,
                "duration_ms": duration_ms,
                "status": status,
                "error": error,
                "attempt": attempt,
            }
        )
        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        """Returns the object with the properties in `src_dict`, which is decoded JSON."""
        d = dict(src_dict)
        event_id = d.pop("event_id")

        type_ = d.pop("type")

        at = datetime.datetime.fromisoformat(d.pop("at"))

        duration_ms = d.pop("duration_ms")

        def _parse_status(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        status = _parse_status(d.pop("status"))

        def _parse_error(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        error = _parse_error(d.pop("error"))

        attempt = d.pop("attempt")

        webhook_attempt = cls(
            event_id=event_id,
            type_=type_,
            at=at,
            duration_ms=duration_ms,
            status=status,
            error=error,
            attempt=attempt,
        )
        webhook_attempt.additional_properties = d
        return webhook_attempt
