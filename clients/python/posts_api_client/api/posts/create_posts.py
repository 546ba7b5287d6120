from http import HTTPStatus
from typing import Any, cast

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.batch import Batch
from ...models.batch_response import BatchResponse
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


def _parse_response(response: httpx.Response) -> BatchResponse:
    if response.status_code == 200:
        response_200 = BatchResponse.from_dict(response.json())

        return response_200

    raise errors.error_from_response(response)


def _build_response(response: httpx.Response) -> Response[BatchResponse]:
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
) -> Response[BatchResponse]:
    """Create posts in a batch

     Stores all posts or none, in order. `on_conflict` determines what happens to a post whose slug is in
    use.

    Requires an API key with the role `editor` or above.

    Args:
        idempotency_key (str | Unset):
        body (Batch): Posts to store together, all or none. Example: {'posts': [{'title': 'Hello,
            world', 'slug': 'hello-world'}], 'on_conflict': 'skip'}.

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[BatchResponse]
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
) -> BatchResponse:
    """Create posts in a batch

     Stores all posts or none, in order. `on_conflict` determines what happens to a post whose slug is in
    use.

    Requires an API key with the role `editor` or above.

    Args:
        idempotency_key (str | Unset):
        body (Batch): Posts to store together, all or none. Example: {'posts': [{'title': 'Hello,
            world', 'slug': 'hello-world'}], 'on_conflict': 'skip'}.

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        BatchResponse
    """

    return cast(
        BatchResponse,
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
) -> Response[BatchResponse]:
    """Create posts in a batch

     Stores all posts or none, in order. `on_conflict` determines what happens to a post whose slug is in
    use.

    Requires an API key with the role `editor` or above.

    Args:
        idempotency_key (str | Unset):
        body (Batch): Posts to store together, all or none. Example: {'posts': [{'title': 'Hello,
            world', 'slug': 'hello-world'}], 'on_conflict': 'skip'}.

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[BatchResponse]
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
) -> BatchResponse:
    """Create posts in a batch

     Stores all posts or none, in order. `on_conflict` determines what happens to a post whose slug is in
    use.

    Requires an API key with the role `editor` or above.

    Args:
        idempotency_key (str | Unset):
        body (Batch): Posts to store together, all or none. Example: {'posts': [{'title': 'Hello,
            world', 'slug': 'hello-world'}], 'on_conflict': 'skip'}.

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        BatchResponse
    """

    return cast(
        BatchResponse,
        (
            await asyncio_detailed(
                client=client,
                body=body,
                idempotency_key=idempotency_key,
            )
        ).parsed,
    )
