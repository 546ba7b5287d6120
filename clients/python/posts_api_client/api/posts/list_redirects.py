from http import HTTPStatus
from typing import Any, cast

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.redirect_page import RedirectPage
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    limit: int | Unset = 20,
    cursor: str | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(if_none_match, Unset):
        headers["If-None-Match"] = if_none_match

    params: dict[str, Any] = {}

    params["limit"] = limit

    params["cursor"] = cursor

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/redirects",
        "params": params,
    }

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(response: httpx.Response) -> RedirectPage:
    if response.status_code == 200:
        response_200 = RedirectPage.from_dict(response.json())

        return response_200

    raise errors.error_from_response(response)


def _build_response(response: httpx.Response) -> Response[RedirectPage]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient | Client,
    limit: int | Unset = 20,
    cursor: str | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
) -> Response[RedirectPage]:
    """List redirects

     Returns the old slugs of published posts, in alphabetical order, with the slugs that replace them. A
    static site
    creates its redirects from this list.

    Args:
        limit (int | Unset):  Default: 20.
        cursor (str | Unset):
        if_none_match (str | Unset):

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.NotModified: If the service responds with 304.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[RedirectPage]
    """

    kwargs = _get_kwargs(
        limit=limit,
        cursor=cursor,
        if_none_match=if_none_match,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(response)


def sync(
    *,
    client: AuthenticatedClient | Client,
    limit: int | Unset = 20,
    cursor: str | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
) -> RedirectPage:
    """List redirects

     Returns the old slugs of published posts, in alphabetical order, with the slugs that replace them. A
    static site
    creates its redirects from this list.

    Args:
        limit (int | Unset):  Default: 20.
        cursor (str | Unset):
        if_none_match (str | Unset):

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.NotModified: If the service responds with 304.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        RedirectPage
    """

    return cast(
        RedirectPage,
        sync_detailed(
            client=client,
            limit=limit,
            cursor=cursor,
            if_none_match=if_none_match,
        ).parsed,
    )


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
    limit: int | Unset = 20,
    cursor: str | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
) -> Response[RedirectPage]:
    """List redirects

     Returns the old slugs of published posts, in alphabetical order, with the slugs that replace them. A
    static site
    creates its redirects from this list.

    Args:
        limit (int | Unset):  Default: 20.
        cursor (str | Unset):
        if_none_match (str | Unset):

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.NotModified: If the service responds with 304.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[RedirectPage]
    """

    kwargs = _get_kwargs(
        limit=limit,
        cursor=cursor,
        if_none_match=if_none_match,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(response)


async def asyncio(
    *,
    client: AuthenticatedClient | Client,
    limit: int | Unset = 20,
    cursor: str | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
) -> RedirectPage:
    """List redirects

     Returns the old slugs of published posts, in alphabetical order, with the slugs that replace them. A
    static site
    creates its redirects from this list.

    Args:
        limit (int | Unset):  Default: 20.
        cursor (str | Unset):
        if_none_match (str | Unset):

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.NotModified: If the service responds with 304.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        RedirectPage
    """

    return cast(
        RedirectPage,
        (
            await asyncio_detailed(
                client=client,
                limit=limit,
                cursor=cursor,
                if_none_match=if_none_match,
            )
        ).parsed,
    )
