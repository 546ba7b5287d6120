from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.post import Post
from ...models.put_post import PutPost
from ...types import UNSET, Response, Unset


def _get_kwargs(
    slug: str,
    *,
    body: PutPost,
    if_match: str | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(if_match, Unset):
        headers["If-Match"] = if_match

    if not isinstance(if_none_match, Unset):
        headers["If-None-Match"] = if_none_match

    _kwargs: dict[str, Any] = {
        "method": "put",
        "url": "/api/posts/by-slug/{slug}".format(
            slug=quote(str(slug), safe=""),
        ),
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(response: httpx.Response) -> Post:
    if response.status_code == 200:
        response_200 = Post.from_dict(response.json())

        return response_200

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
    slug: str,
    *,
    client: AuthenticatedClient | Client,
    body: PutPost,
    if_match: str | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
) -> Response[Post]:
    """Create or replace a post by slug

     Creates the post if no post has this slug, and otherwise replaces it. Omitted fields get the values
    of a new post; in
    particular, omitting `published` makes the post a draft. If the post has all the values already and
    is not scheduled,
    nothing changes, not even its version.

    Requires an API key with the role `editor` or above.

    Args:
        slug (str):
        if_match (str | Unset):
        if_none_match (str | Unset):
        body (PutPost): A post to create or replace by slug. An omitted field gets the value of a
            new post. Example: {'title': 'Hello, world', 'content': 'My first post.', 'published':
            True}.

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Post]
    """

    kwargs = _get_kwargs(
        slug=slug,
        body=body,
        if_match=if_match,
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
    body: PutPost,
    if_match: str | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
) -> Post:
    """Create or replace a post by slug

     Creates the post if no post has this slug, and otherwise replaces it. Omitted fields get the values
    of a new post; in
    particular, omitting `published` makes the post a draft. If the post has all the values already and
    is not scheduled,
    nothing changes, not even its version.

    Requires an API key with the role `editor` or above.

    Args:
        slug (str):
        if_match (str | Unset):
        if_none_match (str | Unset):
        body (PutPost): A post to create or replace by slug. An omitted field gets the value of a
            new post. Example: {'title': 'Hello, world', 'content': 'My first post.', 'published':
            True}.

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
            slug=slug,
            client=client,
            body=body,
            if_match=if_match,
            if_none_match=if_none_match,
        ).parsed,
    )


async def asyncio_detailed(
    slug: str,
    *,
    client: AuthenticatedClient | Client,
    body: PutPost,
    if_match: str | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
) -> Response[Post]:
    """Create or replace a post by slug

     Creates the post if no post has this slug, and otherwise replaces it. Omitted fields get the values
    of a new post; in
    particular, omitting `published` makes the post a draft. If the post has all the values already and
    is not scheduled,
    nothing changes, not even its version.

    Requires an API key with the role `editor` or above.

    Args:
        slug (str):
        if_match (str | Unset):
        if_none_match (str | Unset):
        body (PutPost): A post to create or replace by slug. An omitted field gets the value of a
            new post. Example: {'title': 'Hello, world', 'content': 'My first post.', 'published':
            True}.

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Post]
    """

    kwargs = _get_kwargs(
        slug=slug,
        body=body,
        if_match=if_match,
        if_none_match=if_none_match,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(response)


async def asyncio(
    slug: str,
    *,
    client: AuthenticatedClient | Client,
    body: PutPost,
    if_match: str | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
) -> Post:
    """Create or replace a post by slug

     Creates the post if no post has this slug, and otherwise replaces it. Omitted fields get the values
    of a new post; in
    particular, omitting `published` makes the post a draft. If the post has all the values already and
    is not scheduled,
    nothing changes, not even its version.

    Requires an API key with the role `editor` or above.

    Args:
        slug (str):
        if_match (str | Unset):
        if_none_match (str | Unset):
        body (PutPost): A post to create or replace by slug. An omitted field gets the value of a
            new post. Example: {'title': 'Hello, world', 'content': 'My first post.', 'published':
            True}.

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
                slug=slug,
                client=client,
                body=body,
                if_match=if_match,
                if_none_match=if_none_match,
            )
        ).parsed,
    )
