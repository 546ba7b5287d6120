from http import HTTPStatus
from typing import Any, cast

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.api_keys import ApiKeys
from ...types import Response


def _get_kwargs() -> dict[str, Any]:

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/keys",
    }

    return _kwargs


def _parse_response(response: httpx.Response) -> ApiKeys:
    if response.status_code == 200:
        response_200 = ApiKeys.from_dict(response.json())

        return response_200

    raise errors.error_from_response(response)


def _build_response(response: httpx.Response) -> Response[ApiKeys]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient | Client,
) -> Response[ApiKeys]:
    """List API keys

     Returns every key that has not been revoked, without the secret itself.

    Requires an API key with the role `admin`.

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ApiKeys]
    """

    kwargs = _get_kwargs()

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(response)


def sync(
    *,
    client: AuthenticatedClient | Client,
) -> ApiKeys:
    """List API keys

     Returns every key that has not been revoked, without the secret itself.

    Requires an API key with the role `admin`.

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ApiKeys
    """

    return cast(
        ApiKeys,
        sync_detailed(
            client=client,
        ).parsed,
    )


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
) -> Response[ApiKeys]:
    """List API keys

     Returns every key that has not been revoked, without the secret itself.

    Requires an API key with the role `admin`.

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ApiKeys]
    """

    kwargs = _get_kwargs()

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(response)


async def asyncio(
    *,
    client: AuthenticatedClient | Client,
) -> ApiKeys:
    """List API keys

     Returns every key that has not been revoked, without the secret itself.

    Requires an API key with the role `admin`.

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ApiKeys
    """

    return cast(
        ApiKeys,
        (
            await asyncio_detailed(
                client=client,
            )
        ).parsed,
    )
