from http import HTTPStatus
from typing import Any, cast

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.batch import Batch
from ...models.batch_answer import BatchAnswer
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    body: Batch,
    idempotency_key: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(idempotency_key, Unset):
        headers["Idempotency-Key"] = idempotency_key

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/api/posts/batch",
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(response: httpx.Response) -> BatchAnswer:
    if response.status_code == 200:
        response_200 = BatchAnswer.from_dict(response.json())

        return response_200

    raise errors.error_from_response(response)


def _build_response(response: httpx.Response) -> Response[BatchAnswer]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient | Client,
    body: Batch,
    idempotency_key: str | Unset = UNSET,
) -> Response[BatchAnswer]:
    """Write many posts at once

     All of them or none, in order. `on_conflict` says what to do with a post whose slug is taken.

    Takes a key with the role `editor` or above.

    Args:
        idempotency_key (str | Unset):
        body (Batch): Posts to store together: all of them or none. Example: {'on_conflict':
            'skip', 'posts': [{'slug': 'hello-world', 'title': 'Hello, world'}]}.

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[BatchAnswer]
    """

    kwargs = _get_kwargs(
        body=body,
        idempotency_key=idempotency_key,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(response)


def sync(
    *,
    client: AuthenticatedClient | Client,
    body: Batch,
    idempotency_key: str | Unset = UNSET,
) -> BatchAnswer:
    """Write many posts at once

     All of them or none, in order. `on_conflict` says what to do with a post whose slug is taken.

    Takes a key with the role `editor` or above.

    Args:
        idempotency_key (str | Unset):
        body (Batch): Posts to store together: all of them or none. Example: {'on_conflict':
            'skip', 'posts': [{'slug': 'hello-world', 'title': 'Hello, world'}]}.

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        BatchAnswer
    """

    return cast(
        BatchAnswer,
        sync_detailed(
            client=client,
            body=body,
            idempotency_key=idempotency_key,
        ).parsed,
    )


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
    body: Batch,
    idempotency_key: str | Unset = UNSET,
) -> Response[BatchAnswer]:
    """Write many posts at once

     All of them or none, in order. `on_conflict` says what to do with a post whose slug is taken.

    Takes a key with the role `editor` or above.

    Args:
        idempotency_key (str | Unset):
        body (Batch): Posts to store together: all of them or none. Example: {'on_conflict':
            'skip', 'posts': [{'slug': 'hello-world', 'title': 'Hello, world'}]}.

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[BatchAnswer]
    """

    kwargs = _get_kwargs(
        body=body,
        idempotency_key=idempotency_key,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(response)


async def asyncio(
    *,
    client: AuthenticatedClient | Client,
    body: Batch,
    idempotency_key: str | Unset = UNSET,
) -> BatchAnswer:
    """Write many posts at once

     All of them or none, in order. `on_conflict` says what to do with a post whose slug is taken.

    Takes a key with the role `editor` or above.

    Args:
        idempotency_key (str | Unset):
        body (Batch): Posts to store together: all of them or none. Example: {'on_conflict':
            'skip', 'posts': [{'slug': 'hello-world', 'title': 'Hello, world'}]}.

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        BatchAnswer
    """

    return cast(
        BatchAnswer,
        (
            await asyncio_detailed(
                client=client,
                body=body,
                idempotency_key=idempotency_key,
            )
        ).parsed,
    )
