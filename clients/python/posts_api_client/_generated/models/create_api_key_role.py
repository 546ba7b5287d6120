from typing import Literal, cast

CreateApiKeyRole = Literal["admin", "editor", "reader"]


def check_create_api_key_role(value: str) -> CreateApiKeyRole:
    """Accepts every value: a newer service may return more."""
    return cast(CreateApiKeyRole, value)
