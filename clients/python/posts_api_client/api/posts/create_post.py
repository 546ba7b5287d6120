from http import HTTPStatus
from typing import Any, cast

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.create_post import CreatePost
from ...models.post import Post
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    body: CreatePost,
    idempotency_key: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(idempotency_key, Unset):
        headers["Idempotency-Key"] = idempotency_key

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/api/posts",
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(response: httpx.Response) -> Post:
    if response.status_code == 201:
        response_201 = Post.from_dict(response.json())

        return response_201

    raise errors.error_from_response(response)


def _build_response(response: httpx.Response) -> Response[Post]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient | Client,
    body: CreatePost,
    idempotency_key: str | Unset = UNSET,
) -> Response[Post]:
    """Create a post

     The post is a draft unless `published` is true.

    Requires an API key with the role `editor` or above.

    Args:
        idempotency_key (str | Unset):
        body (CreatePost): A post to create. Example: {'title': 'Hello, world', 'content': 'My
            first post.'}.

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Post]
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
    body: CreatePost,
    idempotency_key: str | Unset = UNSET,
) -> Post:
    """Create a post

     The post is a draft unless `published` is true.

    Requires an API key with the role `editor` or above.

    Args:
        idempotency_key (str | Unset):
        body (CreatePost): A post to create. Example: {'title': 'Hello, world', 'content': 'My
            first post.'}.

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Post
    """

    return cast(
        Post,
        sync_detailed(
            client=client,
            body=body,
            idempotency_key=idempotency_key,
        ).parsed,
    )


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
    body: CreatePost,
    idempotency_key: str | Unset = UNSET,
) -> Response[Post]:
    """Create a post

     The post is a draft unless `published` is true.

    Requires an API key with the role `editor` or above.

    Args:
        idempotency_key (str | Unset):
        body (CreatePost): A post to create. Example: {'title': 'Hello, world', 'content': 'My
            first post.'}.

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Post]
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
    body: CreatePost,
    idempotency_key: str | Unset = UNSET,
) -> Post:
    """Create a post

     The post is a draft unless `published` is true.

    Requires an API key with the role `editor` or above.

    Args:
        idempotency_key (str | Unset):
        body (CreatePost): A post to create. Example: {'title': 'Hello, world', 'content': 'My
            first post.'}.

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Post
    """

    return cast(
        Post,
        (
            await asyncio_detailed(
                client=client,
                body=body,
                idempotency_key=idempotency_key,
            )
        ).parsed,
    )
