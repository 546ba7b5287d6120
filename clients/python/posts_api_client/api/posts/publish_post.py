from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.post import Post
from ...models.publish import Publish
from ...types import UNSET, Response, Unset


def _get_kwargs(
    id: int,
    *,
    body: Publish | Unset = UNSET,
    if_match: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(if_match, Unset):
        headers["If-Match"] = if_match

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/api/posts/{id}/publish".format(
            id=quote(str(id), safe=""),
        ),
    }

    if not isinstance(body, Unset):
        _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(response: httpx.Response) -> Post:
    if response.status_code == 200:
        response_200 = Post.from_dict(response.json())

        return response_200

    raise errors.error_from_response(response)


def _build_response(response: httpx.Response) -> Response[Post]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(response),
    )


def sync_detailed(
    id: int,
    *,
    client: AuthenticatedClient | Client,
    body: Publish | Unset = UNSET,
    if_match: str | Unset = UNSET,
) -> Response[Post]:
    """Publish a post

     Publishes the post at once, or schedules it for the time `at`; until then it stays a draft.
    Publishing a published
    post changes nothing. A post that is published again keeps its first `published_at`, unless `at`
    sets another.

    Requires an API key with the role `editor` or above.

    Args:
        id (int):
        if_match (str | Unset):
        body (Publish | Unset): When to publish a post. Example: {}.

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Post]
    """

    kwargs = _get_kwargs(
        id=id,
        body=body,
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
    body: Publish | Unset = UNSET,
    if_match: str | Unset = UNSET,
) -> Post:
    """Publish a post

     Publishes the post at once, or schedules it for the time `at`; until then it stays a draft.
    Publishing a published
    post changes nothing. A post that is published again keeps its first `published_at`, unless `at`
    sets another.

    Requires an API key with the role `editor` or above.

    Args:
        id (int):
        if_match (str | Unset):
        body (Publish | Unset): When to publish a post. Example: {}.

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
            id=id,
            client=client,
            body=body,
            if_match=if_match,
        ).parsed,
    )


async def asyncio_detailed(
    id: int,
    *,
    client: AuthenticatedClient | Client,
    body: Publish | Unset = UNSET,
    if_match: str | Unset = UNSET,
) -> Response[Post]:
    """Publish a post

     Publishes the post at once, or schedules it for the time `at`; until then it stays a draft.
    Publishing a published
    post changes nothing. A post that is published again keeps its first `published_at`, unless `at`
    sets another.

    Requires an API key with the role `editor` or above.

    Args:
        id (int):
        if_match (str | Unset):
        body (Publish | Unset): When to publish a post. Example: {}.

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Post]
    """

    kwargs = _get_kwargs(
        id=id,
        body=body,
        if_match=if_match,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(response)


async def asyncio(
    id: int,
    *,
    client: AuthenticatedClient | Client,
    body: Publish | Unset = UNSET,
    if_match: str | Unset = UNSET,
) -> Post:
    """Publish a post

     Publishes the post at once, or schedules it for the time `at`; until then it stays a draft.
    Publishing a published
    post changes nothing. A post that is published again keeps its first `published_at`, unless `at`
    sets another.

    Requires an API key with the role `editor` or above.

    Args:
        id (int):
        if_match (str | Unset):
        body (Publish | Unset): When to publish a post. Example: {}.

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
                id=id,
                client=client,
                body=body,
                if_match=if_match,
            )
        ).parsed,
    )
