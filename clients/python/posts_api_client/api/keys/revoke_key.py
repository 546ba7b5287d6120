from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...types import Response


def _get_kwargs(
    id: int,
) -> dict[str, Any]:

    _kwargs: dict[str, Any] = {
        "method": "delete",
        "url": "/api/keys/{id}".format(
            id=quote(str(id), safe=""),
        ),
    }

    return _kwargs


def _parse_response(response: httpx.Response) -> None:
    if response.status_code == 204:
        return
    raise errors.error_from_response(response)


def _build_response(response: httpx.Response) -> Response[None]:
    _parse_response(response)
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=None,
    )


def sync_detailed(
    id: int,
    *,
    client: AuthenticatedClient | Client,
) -> Response[None]:
    """Revoke an API key

     Every instance rejects the key from the next request on. The last admin key cannot be revoked,
    unless the service has
    an `ADMIN_API_KEY`.

    Requires an API key with the role `admin`.

    Args:
        id (int):

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[None]
    """

    kwargs = _get_kwargs(
        id=id,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(response)


def sync(
    id: int,
    *,
    client: AuthenticatedClient | Client,
) -> None:
    """Revoke an API key

     Every instance rejects the key from the next request on. The last admin key cannot be revoked,
    unless the service has
    an `ADMIN_API_KEY`.

    Requires an API key with the role `admin`.

    Args:
        id (int):

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        None
    """

    sync_detailed(
        id=id,
        client=client,
    )


async def asyncio_detailed(
    id: int,
    *,
    client: AuthenticatedClient | Client,
) -> Response[None]:
    """Revoke an API key

     Every instance rejects the key from the next request on. The last admin key cannot be revoked,
    unless the service has
    an `ADMIN_API_KEY`.

    Requires an API key with the role `admin`.

    Args:
        id (int):

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[None]
    """

    kwargs = _get_kwargs(
        id=id,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(response)


async def asyncio(
    id: int,
    *,
    client: AuthenticatedClient | Client,
) -> None:
    """Revoke an API key

     Every instance rejects the key from the next request on. The last admin key cannot be revoked,
    unless the service has
    an `ADMIN_API_KEY`.

    Requires an API key with the role `admin`.

    Args:
        id (int):

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        None
    """

    await asyncio_detailed(
        id=id,
        client=client,
    )
