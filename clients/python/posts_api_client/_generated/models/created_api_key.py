from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, Self, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.api_key_role import ApiKeyRole, check_api_key_role

T = TypeVar("T", bound="CreatedApiKey")


@_attrs_define
class CreatedApiKey:
    """A new API key, with its secret."""

    id: int
    """Unique identifier. The id of a revoked key is not used again."""

    name: str
    """What the key is used for."""

    role: ApiKeyRole
    """What an API key permits: `reader` reads drafts, `editor` also changes posts, `admin` also manages
    API keys and webhooks."""

    created_at: datetime.datetime
    """When the key was created."""

    created_by: int | None
    """The id of the key that created it. Null if it was created on the command line or with
    `ADMIN_API_KEY`."""

    expires_at: datetime.datetime | None
    """When the key expires. Null if it does not expire."""

    last_used_on: datetime.date | None
    """The date of last use, in UTC. Null if it was never used."""

    key: str
    """The secret. It is stored only as a hash, and cannot be retrieved again."""

    additional_properties: dict[str, Any] = _attrs_field(
        init=False, factory=dict[str, Any], repr=False
    )
    """Properties that this version of the client does not know."""

    def to_dict(self) -> dict[str, Any]:
        """Returns the object as a dictionary that can be encoded as JSON."""
        id = self.id

        name = self.name

        role: str = self.role

        created_at = self.created_at.isoformat()

        created_by: int | None
        created_by = self.created_by

        expires_at: None | str
        if isinstance(self.expires_at, datetime.datetime):
            expires_at = self.expires_at.isoformat()
        else:
            expires_at = self.expires_at

        last_used_on: None | str
        if isinstance(self.last_used_on, datetime.date):
            last_used_on = self.last_used_on.isoformat()
        else:
            last_used_on = self.last_used_on

        key = self.key

        field_dict: dict[str, Any] = dict(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "name": name,
                "role": role,
                "created_at": created_at,
                "created_by": created_by,
                "expires_at": expires_at,
                "last_used_on": last_used_on,
                "key": key,
            }
        )
        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        """Returns the object with the properties in `src_dict`, which is decoded JSON."""
        d = dict(src_dict)
        id = d.pop("id")

        name = d.pop("name")

        role = check_api_key_role(d.pop("role"))

        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

        def _parse_created_by(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        created_by = _parse_created_by(d.pop("created_by"))

        def _parse_expires_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                expires_at_type_0 = datetime.datetime.fromisoformat(data)

                return expires_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        expires_at = _parse_expires_at(d.pop("expires_at"))

        def _parse_last_used_on(data: object) -> datetime.date | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                last_used_on_type_0 = datetime.date.fromisoformat(data)

                return last_used_on_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.date | None, data)

        last_used_on = _parse_last_used_on(d.pop("last_used_on"))

        key = d.pop("key")

        created_api_key = cls(
            id=id,
            name=name,
            role=role,
            created_at=created_at,
            created_by=created_by,
            expires_at=expires_at,
            last_used_on=last_used_on,
            key=key,
        )
        created_api_key.additional_properties = d
        return created_api_key
