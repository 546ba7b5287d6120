from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...types import UNSET, Response, Unset


def _get_kwargs(
    id: int,
    *,
    if_match: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(if_match, Unset):
        headers["If-Match"] = if_match

    _kwargs: dict[str, Any] = {
        "method": "delete",
        "url": "/api/posts/{id}".format(
            id=quote(str(id), safe=""),
        ),
    }

    _kwargs["headers"] = headers
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
    if_match: str | Unset = UNSET,
) -> Response[None]:
    """Delete a post

     A deleted post cannot be restored. To remove it only from the public list, unpublish it.

    Requires an API key with the role `editor` or above.

    Args:
        id (int):
        if_match (str | Unset):

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[None]
    """

    kwargs = _get_kwargs(
        id=id,
        if_match=if_match,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(response)


def sync(
    id: int,
    *,
    client: AuthenticatedClient | Client,
    if_match: str | Unset = UNSET,
) -> None:
    """Delete a post

     A deleted post cannot be restored. To remove it only from the public list, unpublish it.

    Requires an API key with the role `editor` or above.

    Args:
        id (int):
        if_match (str | Unset):

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
        if_match=if_match,
    )


async def asyncio_detailed(
    id: int,
    *,
    client: AuthenticatedClient | Client,
    if_match: str | Unset = UNSET,
) -> Response[None]:
    """Delete a post

     A deleted post cannot be restored. To remove it only from the public list, unpublish it.

    Requires an API key with the role `editor` or above.

    Args:
        id (int):
        if_match (str | Unset):

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[None]
    """

    kwargs = _get_kwargs(
        id=id,
        if_match=if_match,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(response)


async def asyncio(
    id: int,
    *,
    client: AuthenticatedClient | Client,
    if_match: str | Unset = UNSET,
) -> None:
    """Delete a post

     A deleted post cannot be restored. To remove it only from the public list, unpublish it.

    Requires an API key with the role `editor` or above.

    Args:
        id (int):
        if_match (str | Unset):

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
        if_match=if_match,
    )
