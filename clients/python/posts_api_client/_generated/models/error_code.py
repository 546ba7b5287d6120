from typing import Literal, cast

ErrorCode = Literal[
    "bad_request",
    "body_too_large",
    "changes_not_ready",
    "cursor_expired",
    "database_busy",
    "database_unavailable",
    "forbidden",
    "head_too_large",
    "idempotency_key_in_use",
    "idempotency_key_reused",
    "internal_error",
    "invalid_cursor",
    "invalid_header",
    "invalid_parameter",
    "key_invalid",
    "key_required",
    "last_admin_key",
    "malformed_json",
    "method_not_allowed",
    "not_found",
    "not_ready",
    "origin_not_allowed",
    "precondition_failed",
    "precondition_required",
    "query_too_expensive",
    "rate_limited",
    "request_timeout",
    "server_busy",
    "slug_taken",
    "storage_full",
    "too_many_streams",
    "too_many_webhooks",
    "unsupported_content_encoding",
    "unsupported_media_type",
    "validation_failed",
]


def check_error_code(value: str) -> ErrorCode:
    """Accepts every value: a newer service may return more."""
    return cast(ErrorCode, value)
