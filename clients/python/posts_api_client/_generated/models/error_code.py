from typing import Literal, cast

ErrorCode = Literal[
    "database_busy",
    "forbidden",
    "idempotency_key_in_use",
    "invalid_cursor",
    "invalid_parameter",
    "key_required",
    "last_admin_key",
    "not_found",
    "precondition_failed",
    "rate_limited",
    "slug_taken",
    "validation_failed",
]


def check_error_code(value: str) -> ErrorCode:
    """Accepts every value: a newer service may return more."""
    return cast(ErrorCode, value)
