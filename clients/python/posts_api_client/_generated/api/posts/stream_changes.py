from typing import TypedDict

from ...types import Request


class StreamChangesQuery(TypedDict, total=False):
    """The query parameters of `stream_changes`. Those that are None are not sent."""

    cursor: str | None
    """The `id` of an event, or the `cursor` of a page of `/api/changes`, after which the stream begins. If
    omitted or `now`, the stream begins with the next change. `Last-Event-ID` takes precedence."""


def stream_changes(
    query: StreamChangesQuery,
    *,
    last_event_id: str | None = None,
) -> Request[str]:
    """Stream changes"""
    headers = {
        "Last-Event-ID": last_event_id,
    }
    return Request(
        "GET",
        "/api/changes/stream",
        parse=str.from_dict,
        params=dict(query),
        headers={name: value for name, value in headers.items() if value is not None},
    )
