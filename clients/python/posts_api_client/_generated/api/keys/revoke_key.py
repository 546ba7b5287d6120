from urllib.parse import quote

from ...types import Request


def revoke_key(
    id: int,
) -> Request[None]:
    """Revoke an API key"""
    return Request(
        "DELETE",
        "/api/keys/{id}".format(
            id=quote(str(id), safe=""),
        ),
        parse=lambda _: None,
    )
