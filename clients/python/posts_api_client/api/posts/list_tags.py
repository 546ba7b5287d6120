from http import HTTPStatus
from typing import Any, cast

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.label_page import LabelPage
from ...models.list_tags_sort import ListTagsSort
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    limit: int | Unset = 20,
    cursor: str | Unset = UNSET,
    sort: ListTagsSort | Unset = ListTagsSort.NAME,
    q: str | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(if_none_match, Unset):
        headers["If-None-Match"] = if_none_match

    params: dict[str, Any] = {}

    params["limit"] = limit

    params["cursor"] = cursor

    json_sort: str | Unset = UNSET
    if not isinstance(sort, Unset):
        json_sort = sort.value

    params["sort"] = json_sort

    params["q"] = q

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/tags",
        "params": params,
    }

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(response: httpx.Response) -> LabelPage:
    if response.status_code == 200:
        response_200 = LabelPage.from_dict(response.json())

        return response_200

    raise errors.error_from_response(response)


def _build_response(response: httpx.Response) -> Response[LabelPage]:
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
    sort: ListTagsSort | Unset = ListTagsSort.NAME,
    q: str | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
) -> Response[LabelPage]:
    """List tags

     Returns the tags of published posts, and how many posts have each of them. Tags that differ only by
    ASCII case are one
    tag.

    Args:
        limit (int | Unset):  Default: 20.
        cursor (str | Unset):
        sort (ListTagsSort | Unset):  Default: ListTagsSort.NAME.
        q (str | Unset):
        if_none_match (str | Unset):

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.NotModified: If the service responds with 304.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[LabelPage]
    """

    kwargs = _get_kwargs(
        limit=limit,
        cursor=cursor,
        sort=sort,
        q=q,
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
    sort: ListTagsSort | Unset = ListTagsSort.NAME,
    q: str | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
) -> LabelPage:
    """List tags

     Returns the tags of published posts, and how many posts have each of them. Tags that differ only by
    ASCII case are one
    tag.

    Args:
        limit (int | Unset):  Default: 20.
        cursor (str | Unset):
        sort (ListTagsSort | Unset):  Default: ListTagsSort.NAME.
        q (str | Unset):
        if_none_match (str | Unset):

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.NotModified: If the service responds with 304.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        LabelPage
    """

    return cast(
        LabelPage,
        sync_detailed(
            client=client,
            limit=limit,
            cursor=cursor,
            sort=sort,
            q=q,
            if_none_match=if_none_match,
        ).parsed,
    )


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
    limit: int | Unset = 20,
    cursor: str | Unset = UNSET,
    sort: ListTagsSort | Unset = ListTagsSort.NAME,
    q: str | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
) -> Response[LabelPage]:
    """List tags

     Returns the tags of published posts, and how many posts have each of them. Tags that differ only by
    ASCII case are one
    tag.

    Args:
        limit (int | Unset):  Default: 20.
        cursor (str | Unset):
        sort (ListTagsSort | Unset):  Default: ListTagsSort.NAME.
        q (str | Unset):
        if_none_match (str | Unset):

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.NotModified: If the service responds with 304.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[LabelPage]
    """

    kwargs = _get_kwargs(
        limit=limit,
        cursor=cursor,
        sort=sort,
        q=q,
        if_none_match=if_none_match,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(response)


async def asyncio(
    *,
    client: AuthenticatedClient | Client,
    limit: int | Unset = 20,
    cursor: str | Unset = UNSET,
    sort: ListTagsSort | Unset = ListTagsSort.NAME,
    q: str | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
) -> LabelPage:
    """List tags

     Returns the tags of published posts, and how many posts have each of them. Tags that differ only by
    ASCII case are one
    tag.

    Args:
        limit (int | Unset):  Default: 20.
        cursor (str | Unset):
        sort (ListTagsSort | Unset):  Default: ListTagsSort.NAME.
        q (str | Unset):
        if_none_match (str | Unset):

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.NotModified: If the service responds with 304.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        LabelPage
    """

    return cast(
        LabelPage,
        (
            await asyncio_detailed(
                client=client,
                limit=limit,
                cursor=cursor,
                sort=sort,
                q=q,
                if_none_match=if_none_match,
            )
        ).parsed,
    )
