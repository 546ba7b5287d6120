from urllib.parse import quote

from ...types import Request


def delete_webhook(
    id: int,
    *,
    if_match: str | None = None,
) -> Request[None]:
    """Delete a webhook"""
    headers = {
        "If-Match": if_match,
    }
    return Request(
        "DELETE",
        "/api/webhooks/{id}".format(
            id=quote(str(id), safe=""),
        ),
        parse=lambda _: None,
        headers={name: value for name, value in headers.items() if value is not None},
    )
