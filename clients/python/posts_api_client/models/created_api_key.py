from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, Self, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.api_key_role import ApiKeyRole

T = TypeVar("T", bound="CreatedApiKey")


@_attrs_define
class CreatedApiKey:
    """A new API key, with its secret.

    Example:
        {'id': 2, 'name': 'ci', 'role': 'editor', 'created_at': '2026-01-31T12:00:00.000000Z', 'created_by': 1,
            'expires_at': None, 'last_used_on': None, 'key': 'posts_mfrggzdfmztwq2lknnwg23tpobyxe43u'}

    Attributes:
        created_at (datetime.datetime):  Example: 2026-01-31T12:00:00.000000Z.
        created_by (int | None): The id of the key that created it. Null if it was created on the command line or with
            `ADMIN_API_KEY`.
        expires_at (datetime.datetime | None): When the key expires. Null if it does not expire.
        id (int):  Example: 1.
        last_used_on (datetime.date | None): The date of last use, in UTC. Null if it was never used. Example:
            2026-01-31.
        name (str): What the key is used for. Example: ci.
        role (ApiKeyRole): What an API key permits: `reader` reads drafts, `editor` also changes posts, `admin` also
            manages API keys.
        key (str): The secret. It is stored only as a hash, and cannot be retrieved again. Example:
            posts_mfrggzdfmztwq2lknnwg23tpobyxe43u.
    """

    created_at: datetime.datetime
    created_by: int | None
    expires_at: datetime.datetime | None
    id: int
    last_used_on: datetime.date | None
    name: str
    role: ApiKeyRole
    key: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        created_at = self.created_at.isoformat()

        created_by: int | None
        created_by = self.created_by

        expires_at: None | str
        if isinstance(self.expires_at, datetime.datetime):
            expires_at = self.expires_at.isoformat()
        else:
            expires_at = self.expires_at

        id = self.id

        last_used_on: None | str
        if isinstance(self.last_used_on, datetime.date):
            last_used_on = self.last_used_on.isoformat()
        else:
            last_used_on = self.last_used_on

        name = self.name

        role = self.role.value

        key = self.key

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "created_at": created_at,
                "created_by": created_by,
                "expires_at": expires_at,
                "id": id,
                "last_used_on": last_used_on,
                "name": name,
                "role": role,
                "key": key,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Self:
        d = dict(src_dict)
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

        id = d.pop("id")

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

        name = d.pop("name")

        role = ApiKeyRole(d.pop("role"))

        key = d.pop("key")

        created_api_key = cls(
            created_at=created_at,
            created_by=created_by,
            expires_at=expires_at,
            id=id,
            last_used_on=last_used_on,
            name=name,
            role=role,
            key=key,
        )

        created_api_key.additional_properties = d
        return created_api_key

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
