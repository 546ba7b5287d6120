from http import HTTPStatus
from typing import Any, cast

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.create_api_key import CreateApiKey
from ...models.created_api_key import CreatedApiKey
from ...types import Response


def _get_kwargs(
    *,
    body: CreateApiKey,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/api/keys",
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(response: httpx.Response) -> CreatedApiKey:
    if response.status_code == 201:
        response_201 = CreatedApiKey.from_dict(response.json())

        return response_201

    raise errors.error_from_response(response)


def _build_response(response: httpx.Response) -> Response[CreatedApiKey]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient | Client,
    body: CreateApiKey,
) -> Response[CreatedApiKey]:
    """Create an API key

     The response contains the secret. It is stored only as a hash, and cannot be retrieved again.

    Requires an API key with the role `admin`.

    Args:
        body (CreateApiKey): The parameters of a new API key. Example: {'name': 'ci', 'role':
            'editor'}.

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[CreatedApiKey]
    """

    kwargs = _get_kwargs(
        body=body,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(response)


def sync(
    *,
    client: AuthenticatedClient | Client,
    body: CreateApiKey,
) -> CreatedApiKey:
    """Create an API key

     The response contains the secret. It is stored only as a hash, and cannot be retrieved again.

    Requires an API key with the role `admin`.

    Args:
        body (CreateApiKey): The parameters of a new API key. Example: {'name': 'ci', 'role':
            'editor'}.

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        CreatedApiKey
    """

    return cast(
        CreatedApiKey,
        sync_detailed(
            client=client,
            body=body,
        ).parsed,
    )


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
    body: CreateApiKey,
) -> Response[CreatedApiKey]:
    """Create an API key

     The response contains the secret. It is stored only as a hash, and cannot be retrieved again.

    Requires an API key with the role `admin`.

    Args:
        body (CreateApiKey): The parameters of a new API key. Example: {'name': 'ci', 'role':
            'editor'}.

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[CreatedApiKey]
    """

    kwargs = _get_kwargs(
        body=body,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(response)


async def asyncio(
    *,
    client: AuthenticatedClient | Client,
    body: CreateApiKey,
) -> CreatedApiKey:
    """Create an API key

     The response contains the secret. It is stored only as a hash, and cannot be retrieved again.

    Requires an API key with the role `admin`.

    Args:
        body (CreateApiKey): The parameters of a new API key. Example: {'name': 'ci', 'role':
            'editor'}.

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        CreatedApiKey
    """

    return cast(
        CreatedApiKey,
        (
            await asyncio_detailed(
                client=client,
                body=body,
            )
        ).parsed,
    )
