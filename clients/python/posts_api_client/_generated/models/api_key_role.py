from typing import Literal, cast

ApiKeyRole = Literal["admin", "editor", "reader"]


def check_api_key_role(value: str) -> ApiKeyRole:
    """Accepts every value: a newer service may return more."""
    return cast(ApiKeyRole, value)
