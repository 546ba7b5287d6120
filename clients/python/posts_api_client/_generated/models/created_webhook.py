from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, Self, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.webhook_mode import WebhookMode, check_webhook_mode

T = TypeVar("T", bound="CreatedWebhook")


@_attrs_define
class CreatedWebhook:
    """A new webhook, with its secret."""

    id: int
    """Unique identifier. The id of a deleted webhook is not used again."""

    name: str
    """A name for people."""

    url: str
    """The URL that requests are sent to. It may contain credentials, so only admins can read it."""

    mode: WebhookMode
    """`each` sends a request for each change. `burst` sends one request for all changes of a burst."""

    events: list[str]
    """The changes that the webhook announces. Later versions may add types."""

    headers: list[str]
    """The names of the additional request headers. Their values are not returned."""

    body: dict[str, Any] | None
    """With `burst`: the JSON object that is sent in place of the event."""

    quiet: int
    """With `burst`: a request is sent this many seconds after the last change."""

    max_wait: int
    """With `burst`: a request is sent at most this many seconds after the first change."""

    enabled: bool
    """Whether changes are delivered."""

    disabled_reason: str | None
    """Why the service has disabled the webhook: `gone` (the receiver responded with 410) or `failing` (no
    success for 3 days). Otherwise null. Later versions may add reasons."""

    position: str | None
    """A cursor of the change feed: `GET /api/changes` with this cursor returns the changes that have not
    been delivered. Null if the log no longer contains the position."""

    next_attempt_at: datetime.datetime | None
    """When the failed request is sent again. Null if no request has failed since the last success."""

    failing_since: datetime.datetime | None
    """When a request failed for the first time since the last success."""

    last_success_at: datetime.datetime | None
    """When a request last succeeded."""

    created_at: datetime.datetime
    """When the webhook was created."""

    updated_at: datetime.datetime
    """When a client last changed the webhook."""

    version: int
    """The number of changes by clients, including the creation. Deliveries do not change it."""

    secret: str
    """The secret that signs the requests. It cannot be retrieved again."""

    etag: str | None = _attrs_field(default=None, init=False, eq=False)
    """The `ETag` of the response. None for an item of a list or of a batch."""
    additional_properties: dict[str, Any] = _attrs_field(
        init=False, factory=dict[str, Any], repr=False
    )
    """Properties that this version of the client does not know."""

    def to_dict(self) -> dict[str, Any]:
        """Returns the object as a dictionary that can be encoded as JSON."""
        id = self.id

        name = self.name

        url = self.url

        mode: str = self.mode

        events = self.events

        headers = self.headers

        body: Any | None
        body = self.body

        quiet = self.quiet

        max_wait = self.max_wait

        enabled = self.enabled

        disabled_reason: None | str
        disabled_reason = self.disabled_reason

        position: None | str
        position = self.position

        next_attempt_at: None | str
        if isinstance(self.next_attempt_at, datetime.datetime):
            next_attempt_at = self.next_attempt_at.isoformat()
        else:
            next_attempt_at = self.next_attempt_at

        failing_since: None | str
        if isinstance(self.failing_since, datetime.datetime):
            failing_since = self.failing_since.isoformat()
        else:
            failing_since = self.failing_since

        last_success_at: None | str
        if isinstance(self.last_success_at, datetime.datetime):
            last_success_at = self.last_success_at.isoformat()
        else:
            last_success_at = self.last_success_at

        created_at = self.created_at.isoformat()

        updated_at = self.updated_at.isoformat()

        version = self.version

        secret = self.secret

        field_dict: dict[str, Any] = dict(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "name": name,
                "url": url,
                "mode": mode,
                "events": events,
                "headers": headers,
                "body": body,
                "quiet": quiet,
                "max_wait": max_wait,
                "enabled": enabled,
                "disabled_reason": disabled_reason,
                "position": position,
                "next_attempt_at": next_attempt_at,
                "failing_since": failing_since,
                "last_success_at": last_success_at,
                "created_at": created_at,
                "updated_at": updated_at,
                "version": version,
                "secret": secret,
            }
        )
        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        """Returns the object with the properties in `src_dict`, which is decoded JSON."""
        d = dict(src_dict)
        id = d.pop("id")

        name = d.pop("name")

        url = d.pop("url")

        mode = check_webhook_mode(d.pop("mode"))

        events = cast(list[str], d.pop("events"))

        headers = cast(list[str], d.pop("headers"))

        def _parse_body(data: object) -> Any | None:
            if data is None:
                return data
            return cast(Any | None, data)

        body = _parse_body(d.pop("body"))

        quiet = d.pop("quiet")

        max_wait = d.pop("max_wait")

        enabled = d.pop("enabled")

        def _parse_disabled_reason(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        disabled_reason = _parse_disabled_reason(d.pop("disabled_reason"))

        def _parse_position(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        position = _parse_position(d.pop("position"))

        def _parse_next_attempt_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                next_attempt_at_type_0 = datetime.datetime.fromisoformat(data)

                return next_attempt_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        next_attempt_at = _parse_next_attempt_at(d.pop("next_attempt_at"))

        def _parse_failing_since(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                failing_since_type_0 = datetime.datetime.fromisoformat(data)

                return failing_since_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        failing_since = _parse_failing_since(d.pop("failing_since"))

        def _parse_last_success_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                last_success_at_type_0 = datetime.datetime.fromisoformat(data)

                return last_success_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        last_success_at = _parse_last_success_at(d.pop("last_success_at"))

        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

        updated_at = datetime.datetime.fromisoformat(d.pop("updated_at"))

        version = d.pop("version")

        secret = d.pop("secret")

        created_webhook = cls(
            id=id,
            name=name,
            url=url,
            mode=mode,
            events=events,
            headers=headers,
            body=body,
            quiet=quiet,
            max_wait=max_wait,
            enabled=enabled,
            disabled_reason=disabled_reason,
            position=position,
            next_attempt_at=next_attempt_at,
            failing_since=failing_since,
            last_success_at=last_success_at,
            created_at=created_at,
            updated_at=updated_at,
            version=version,
            secret=secret,
        )
        created_webhook.additional_properties = d
        return created_webhook
