from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.post import Post
from ...types import UNSET, Response, Unset


def _get_kwargs(
    slug: str,
    *,
    if_none_match: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(if_none_match, Unset):
        headers["If-None-Match"] = if_none_match

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/posts/by-slug/{slug}".format(
            slug=quote(str(slug), safe=""),
        ),
    }

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
    slug: str,
    *,
    client: AuthenticatedClient | Client,
    if_none_match: str | Unset = UNSET,
) -> Response[Post]:
    """Get a post by slug

     A draft is found only with an API key. The old slug of a post redirects to its present slug, unless
    the caller can see
    another post with that slug.

    Args:
        slug (str):
        if_none_match (str | Unset):

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.NotModified: If the service responds with 304.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Post]
    """

    kwargs = _get_kwargs(
        slug=slug,
        if_none_match=if_none_match,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(response)


def sync(
    slug: str,
    *,
    client: AuthenticatedClient | Client,
    if_none_match: str | Unset = UNSET,
) -> Post:
    """Get a post by slug

     A draft is found only with an API key. The old slug of a post redirects to its present slug, unless
    the caller can see
    another post with that slug.

    Args:
        slug (str):
        if_none_match (str | Unset):

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.NotModified: If the service responds with 304.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Post
    """

    return cast(
        Post,
        sync_detailed(
            slug=slug,
            client=client,
            if_none_match=if_none_match,
        ).parsed,
    )


async def asyncio_detailed(
    slug: str,
    *,
    client: AuthenticatedClient | Client,
    if_none_match: str | Unset = UNSET,
) -> Response[Post]:
    """Get a post by slug

     A draft is found only with an API key. The old slug of a post redirects to its present slug, unless
    the caller can see
    another post with that slug.

    Args:
        slug (str):
        if_none_match (str | Unset):

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.NotModified: If the service responds with 304.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Post]
    """

    kwargs = _get_kwargs(
        slug=slug,
        if_none_match=if_none_match,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(response)


async def asyncio(
    slug: str,
    *,
    client: AuthenticatedClient | Client,
    if_none_match: str | Unset = UNSET,
) -> Post:
    """Get a post by slug

     A draft is found only with an API key. The old slug of a post redirects to its present slug, unless
    the caller can see
    another post with that slug.

    Args:
        slug (str):
        if_none_match (str | Unset):

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.NotModified: If the service responds with 304.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Post
    """

    return cast(
        Post,
        (
            await asyncio_detailed(
                slug=slug,
                client=client,
                if_none_match=if_none_match,
            )
        ).parsed,
    )
