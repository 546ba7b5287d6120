from urllib.parse import quote

from ...models.rotate_secret import RotateSecret
from ...models.rotated_secret import RotatedSecret
from ...types import Request


def rotate_webhook_secret(
    id: int,
    body: RotateSecret | None = None,
    *,
    if_match: str | None = None,
) -> Request[RotatedSecret]:
    """Rotate the secret of a webhook"""
    headers = {
        "If-Match": if_match,
    }
    return Request(
        "POST",
        "/api/webhooks/{id}/rotate".format(
            id=quote(str(id), safe=""),
        ),
        parse=RotatedSecret.from_dict,
        headers={name: value for name, value in headers.items() if value is not None},
        body=body,
    )
