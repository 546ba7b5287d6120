from http import HTTPStatus
from typing import Any, cast

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.health import Health
from ...types import Response


def _get_kwargs() -> dict[str, Any]:

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/health/ready",
    }

    return _kwargs


def _parse_response(response: httpx.Response) -> Health:
    if response.status_code == 200:
        response_200 = Health.from_dict(response.json())

        return response_200

    raise errors.error_from_response(response)


def _build_response(response: httpx.Response) -> Response[Health]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient | Client,
) -> Response[Health]:
    """Check readiness

     Queries the database. If this check fails, send requests to another instance.

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Health]
    """

    kwargs = _get_kwargs()

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(response)


def sync(
    *,
    client: AuthenticatedClient | Client,
) -> Health:
    """Check readiness

     Queries the database. If this check fails, send requests to another instance.

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Health
    """

    return cast(
        Health,
        sync_detailed(
            client=client,
        ).parsed,
    )


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
) -> Response[Health]:
    """Check readiness

     Queries the database. If this check fails, send requests to another instance.

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Health]
    """

    kwargs = _get_kwargs()

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(response)


async def asyncio(
    *,
    client: AuthenticatedClient | Client,
) -> Health:
    """Check readiness

     Queries the database. If this check fails, send requests to another instance.

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Health
    """

    return cast(
        Health,
        (
            await asyncio_detailed(
                client=client,
            )
        ).parsed,
    )
