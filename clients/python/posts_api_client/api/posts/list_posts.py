import datetime
from http import HTTPStatus
from typing import Any, cast

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.list_posts_count import ListPostsCount
from ...models.list_posts_published import ListPostsPublished
from ...models.list_posts_sort import ListPostsSort
from ...models.list_posts_view import ListPostsView
from ...models.post_page import PostPage
from ...models.post_summary_page import PostSummaryPage
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    limit: int | Unset = 20,
    cursor: str | Unset = UNSET,
    sort: ListPostsSort | Unset = ListPostsSort.VALUE_0,
    published: ListPostsPublished | Unset = ListPostsPublished.TRUE,
    slug: list[str] | Unset = UNSET,
    tag: list[str] | Unset = UNSET,
    author: list[str] | Unset = UNSET,
    published_after: datetime.datetime | Unset = UNSET,
    published_before: datetime.datetime | Unset = UNSET,
    updated_after: datetime.datetime | Unset = UNSET,
    updated_before: datetime.datetime | Unset = UNSET,
    q: str | Unset = UNSET,
    view: ListPostsView | Unset = ListPostsView.FULL,
    count: ListPostsCount | Unset = ListPostsCount.NONE,
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

    json_published: str | Unset = UNSET
    if not isinstance(published, Unset):
        json_published = published.value

    params["published"] = json_published

    json_slug: list[str] | Unset = UNSET
    if not isinstance(slug, Unset):
        json_slug = slug

    params["slug"] = json_slug

    json_tag: list[str] | Unset = UNSET
    if not isinstance(tag, Unset):
        json_tag = tag

    params["tag"] = json_tag

    json_author: list[str] | Unset = UNSET
    if not isinstance(author, Unset):
        json_author = author

    params["author"] = json_author

    json_published_after: str | Unset = UNSET
    if not isinstance(published_after, Unset):
        json_published_after = published_after.isoformat()
    params["published_after"] = json_published_after

    json_published_before: str | Unset = UNSET
    if not isinstance(published_before, Unset):
        json_published_before = published_before.isoformat()
    params["published_before"] = json_published_before

    json_updated_after: str | Unset = UNSET
    if not isinstance(updated_after, Unset):
        json_updated_after = updated_after.isoformat()
    params["updated_after"] = json_updated_after

    json_updated_before: str | Unset = UNSET
    if not isinstance(updated_before, Unset):
        json_updated_before = updated_before.isoformat()
    params["updated_before"] = json_updated_before

    params["q"] = q

    json_view: str | Unset = UNSET
    if not isinstance(view, Unset):
        json_view = view.value

    params["view"] = json_view

    json_count: str | Unset = UNSET
    if not isinstance(count, Unset):
        json_count = count.value

    params["count"] = json_count

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/posts",
        "params": params,
    }

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(response: httpx.Response) -> PostPage | PostSummaryPage:
    if response.status_code == 200:

        def _parse_response_200(data: object) -> PostPage | PostSummaryPage:
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                componentsschemas_post_list_type_0 = PostPage.from_dict(data)

                return componentsschemas_post_list_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            if not isinstance(data, dict):
                raise TypeError()
            componentsschemas_post_list_type_1 = PostSummaryPage.from_dict(data)

            return componentsschemas_post_list_type_1

        response_200 = _parse_response_200(response.json())

        return response_200

    raise errors.error_from_response(response)


def _build_response(response: httpx.Response) -> Response[PostPage | PostSummaryPage]:
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
    sort: ListPostsSort | Unset = ListPostsSort.VALUE_0,
    published: ListPostsPublished | Unset = ListPostsPublished.TRUE,
    slug: list[str] | Unset = UNSET,
    tag: list[str] | Unset = UNSET,
    author: list[str] | Unset = UNSET,
    published_after: datetime.datetime | Unset = UNSET,
    published_before: datetime.datetime | Unset = UNSET,
    updated_after: datetime.datetime | Unset = UNSET,
    updated_before: datetime.datetime | Unset = UNSET,
    q: str | Unset = UNSET,
    view: ListPostsView | Unset = ListPostsView.FULL,
    count: ListPostsCount | Unset = ListPostsCount.NONE,
    if_none_match: str | Unset = UNSET,
) -> Response[PostPage | PostSummaryPage]:
    """List posts

     Returns published posts, newest first, one page at a time. To get the next page, pass `next_cursor`
    as `cursor`. With
    an API key, drafts can be listed too.

    Args:
        limit (int | Unset):  Default: 20.
        cursor (str | Unset):
        sort (ListPostsSort | Unset):  Default: ListPostsSort.VALUE_0.
        published (ListPostsPublished | Unset):  Default: ListPostsPublished.TRUE.
        slug (list[str] | Unset):
        tag (list[str] | Unset):
        author (list[str] | Unset):
        published_after (datetime.datetime | Unset):
        published_before (datetime.datetime | Unset):
        updated_after (datetime.datetime | Unset):
        updated_before (datetime.datetime | Unset):
        q (str | Unset):
        view (ListPostsView | Unset):  Default: ListPostsView.FULL.
        count (ListPostsCount | Unset):  Default: ListPostsCount.NONE.
        if_none_match (str | Unset):

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.NotModified: If the service responds with 304.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[PostPage | PostSummaryPage]
    """

    kwargs = _get_kwargs(
        limit=limit,
        cursor=cursor,
        sort=sort,
        published=published,
        slug=slug,
        tag=tag,
        author=author,
        published_after=published_after,
        published_before=published_before,
        updated_after=updated_after,
        updated_before=updated_before,
        q=q,
        view=view,
        count=count,
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
    sort: ListPostsSort | Unset = ListPostsSort.VALUE_0,
    published: ListPostsPublished | Unset = ListPostsPublished.TRUE,
    slug: list[str] | Unset = UNSET,
    tag: list[str] | Unset = UNSET,
    author: list[str] | Unset = UNSET,
    published_after: datetime.datetime | Unset = UNSET,
    published_before: datetime.datetime | Unset = UNSET,
    updated_after: datetime.datetime | Unset = UNSET,
    updated_before: datetime.datetime | Unset = UNSET,
    q: str | Unset = UNSET,
    view: ListPostsView | Unset = ListPostsView.FULL,
    count: ListPostsCount | Unset = ListPostsCount.NONE,
    if_none_match: str | Unset = UNSET,
) -> PostPage | PostSummaryPage:
    """List posts

     Returns published posts, newest first, one page at a time. To get the next page, pass `next_cursor`
    as `cursor`. With
    an API key, drafts can be listed too.

    Args:
        limit (int | Unset):  Default: 20.
        cursor (str | Unset):
        sort (ListPostsSort | Unset):  Default: ListPostsSort.VALUE_0.
        published (ListPostsPublished | Unset):  Default: ListPostsPublished.TRUE.
        slug (list[str] | Unset):
        tag (list[str] | Unset):
        author (list[str] | Unset):
        published_after (datetime.datetime | Unset):
        published_before (datetime.datetime | Unset):
        updated_after (datetime.datetime | Unset):
        updated_before (datetime.datetime | Unset):
        q (str | Unset):
        view (ListPostsView | Unset):  Default: ListPostsView.FULL.
        count (ListPostsCount | Unset):  Default: ListPostsCount.NONE.
        if_none_match (str | Unset):

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.NotModified: If the service responds with 304.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        PostPage | PostSummaryPage
    """

    return cast(
        PostPage | PostSummaryPage,
        sync_detailed(
            client=client,
            limit=limit,
            cursor=cursor,
            sort=sort,
            published=published,
            slug=slug,
            tag=tag,
            author=author,
            published_after=published_after,
            published_before=published_before,
            updated_after=updated_after,
            updated_before=updated_before,
            q=q,
            view=view,
            count=count,
            if_none_match=if_none_match,
        ).parsed,
    )


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
    limit: int | Unset = 20,
    cursor: str | Unset = UNSET,
    sort: ListPostsSort | Unset = ListPostsSort.VALUE_0,
    published: ListPostsPublished | Unset = ListPostsPublished.TRUE,
    slug: list[str] | Unset = UNSET,
    tag: list[str] | Unset = UNSET,
    author: list[str] | Unset = UNSET,
    published_after: datetime.datetime | Unset = UNSET,
    published_before: datetime.datetime | Unset = UNSET,
    updated_after: datetime.datetime | Unset = UNSET,
    updated_before: datetime.datetime | Unset = UNSET,
    q: str | Unset = UNSET,
    view: ListPostsView | Unset = ListPostsView.FULL,
    count: ListPostsCount | Unset = ListPostsCount.NONE,
    if_none_match: str | Unset = UNSET,
) -> Response[PostPage | PostSummaryPage]:
    """List posts

     Returns published posts, newest first, one page at a time. To get the next page, pass `next_cursor`
    as `cursor`. With
    an API key, drafts can be listed too.

    Args:
        limit (int | Unset):  Default: 20.
        cursor (str | Unset):
        sort (ListPostsSort | Unset):  Default: ListPostsSort.VALUE_0.
        published (ListPostsPublished | Unset):  Default: ListPostsPublished.TRUE.
        slug (list[str] | Unset):
        tag (list[str] | Unset):
        author (list[str] | Unset):
        published_after (datetime.datetime | Unset):
        published_before (datetime.datetime | Unset):
        updated_after (datetime.datetime | Unset):
        updated_before (datetime.datetime | Unset):
        q (str | Unset):
        view (ListPostsView | Unset):  Default: ListPostsView.FULL.
        count (ListPostsCount | Unset):  Default: ListPostsCount.NONE.
        if_none_match (str | Unset):

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.NotModified: If the service responds with 304.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[PostPage | PostSummaryPage]
    """

    kwargs = _get_kwargs(
        limit=limit,
        cursor=cursor,
        sort=sort,
        published=published,
        slug=slug,
        tag=tag,
        author=author,
        published_after=published_after,
        published_before=published_before,
        updated_after=updated_after,
        updated_before=updated_before,
        q=q,
        view=view,
        count=count,
        if_none_match=if_none_match,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(response)


async def asyncio(
    *,
    client: AuthenticatedClient | Client,
    limit: int | Unset = 20,
    cursor: str | Unset = UNSET,
    sort: ListPostsSort | Unset = ListPostsSort.VALUE_0,
    published: ListPostsPublished | Unset = ListPostsPublished.TRUE,
    slug: list[str] | Unset = UNSET,
    tag: list[str] | Unset = UNSET,
    author: list[str] | Unset = UNSET,
    published_after: datetime.datetime | Unset = UNSET,
    published_before: datetime.datetime | Unset = UNSET,
    updated_after: datetime.datetime | Unset = UNSET,
    updated_before: datetime.datetime | Unset = UNSET,
    q: str | Unset = UNSET,
    view: ListPostsView | Unset = ListPostsView.FULL,
    count: ListPostsCount | Unset = ListPostsCount.NONE,
    if_none_match: str | Unset = UNSET,
) -> PostPage | PostSummaryPage:
    """List posts

     Returns published posts, newest first, one page at a time. To get the next page, pass `next_cursor`
    as `cursor`. With
    an API key, drafts can be listed too.

    Args:
        limit (int | Unset):  Default: 20.
        cursor (str | Unset):
        sort (ListPostsSort | Unset):  Default: ListPostsSort.VALUE_0.
        published (ListPostsPublished | Unset):  Default: ListPostsPublished.TRUE.
        slug (list[str] | Unset):
        tag (list[str] | Unset):
        author (list[str] | Unset):
        published_after (datetime.datetime | Unset):
        published_before (datetime.datetime | Unset):
        updated_after (datetime.datetime | Unset):
        updated_before (datetime.datetime | Unset):
        q (str | Unset):
        view (ListPostsView | Unset):  Default: ListPostsView.FULL.
        count (ListPostsCount | Unset):  Default: ListPostsCount.NONE.
        if_none_match (str | Unset):

    Raises:
        errors.ProblemError: If the service returns an error.
        errors.NotModified: If the service responds with 304.
        errors.UnexpectedStatus: If the response did not come from the service.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        PostPage | PostSummaryPage
    """

    return cast(
        PostPage | PostSummaryPage,
        (
            await asyncio_detailed(
                client=client,
                limit=limit,
                cursor=cursor,
                sort=sort,
                published=published,
                slug=slug,
                tag=tag,
                author=author,
                published_after=published_after,
                published_before=published_before,
                updated_after=updated_after,
                updated_before=updated_before,
                q=q,
                view=view,
                count=count,
                if_none_match=if_none_match,
            )
        ).parsed,
    )
