"""The asynchronous client. `./generate` derives the synchronous client from this file."""

import builtins
import copy
import datetime
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any, Literal, Self, TypeVar, Unpack, overload

import anyio
import httpx

from ._call import DEFAULT_TIMEOUT, USER_AGENT, Call, NotModified, Options, Retry
from ._errors import PostsApiError
from ._follow import ChangeBatch, Follower
from ._generated import api
from ._generated.api import ListChangesQuery, ListPostsQuery, ListRedirectsQuery, ListTagsQuery
from ._generated.models import (
    ApiKey,
    ApiKeyRole,
    BatchItem,
    BatchOnConflict,
    CreateApiKey,
    CreatedApiKey,
    CreatedWebhook,
    CreatePost,
    CreateWebhook,
    Label,
    LabelPage,
    Post,
    PostSummary,
    Publish,
    PutPost,
    Redirect,
    ReplayWebhook,
    RotatedSecret,
    UpdatePost,
    UpdateWebhook,
    Webhook,
    WebhookAttempt,
    WebhookTestResult,
)
from ._generated.types import Request
from ._pages import (
    ChangePage,
    Page,
    PostVersion,
    WebhookVersion,
    changes_request,
    checked_etag,
    checked_slug,
    etag_of,
    is_same_version,
    known_etag,
    labels_request,
    posts_request,
    redirects_request,
)

T = TypeVar("T")
Full = Literal["full"]
Summary = Literal["summary"]
Time = datetime.datetime | str


class AsyncPostsClient:
    """A client for posts-api. All methods raise a PostsApiError if the request fails.

    `base_url` is the URL of the service without `/api`, such as `https://posts.example.org`. `api_key` is needed for
    writes and drafts.

    `timeout` limits each wait for the network, in seconds; by default, it is the timeout of `http_client`, or 30. The
    client retries transient failures up to `retries` times, and waits at most `max_retry_delay` seconds before a retry.
    `headers` are added to each request.

    `http_client` sends the requests, for example through a proxy. The caller closes it. By default, the client creates
    one, and closes it.
    """

    posts: "AsyncPosts"
    tags: "AsyncLabels"
    """The tags of the published posts."""
    authors: "AsyncLabels"
    """The authors of the published posts."""
    redirects: "AsyncRedirects"
    """The old slugs of the published posts."""
    changes: "AsyncChanges"
    """The changes of the published posts."""
    keys: "AsyncKeys"
    webhooks: "AsyncWebhooks"

    def __init__(
        self,
        base_url: str,
        api_key: str | None = None,
        *,
        timeout: float | httpx.Timeout | None = None,
        retries: int = 3,
        max_retry_delay: float = 30.0,
        headers: Mapping[str, str] | None = None,
        http_client: httpx.AsyncClient | None = None,
    ) -> None:
        self._options = Options(base_url, api_key, timeout, retries, max_retry_delay, httpx.Headers(headers))
        self._owns_http_client = http_client is None
        self._http_client = http_client or httpx.AsyncClient(
            timeout=DEFAULT_TIMEOUT, headers={"User-Agent": USER_AGENT}
        )
        self._add_resources()

    def _add_resources(self) -> None:
        transport = AsyncTransport(self._http_client, self._options)
        self.posts = AsyncPosts(transport)
        self.tags = AsyncLabels(transport, api.list_tags)
        self.authors = AsyncLabels(transport, api.list_authors)
        self.redirects = AsyncRedirects(transport)
        self.changes = AsyncChanges(transport)
        self.keys = AsyncKeys(transport)
        self.webhooks = AsyncWebhooks(transport)

    def with_options(
        self,
        *,
        timeout: float | httpx.Timeout | None = None,
        retries: int | None = None,
        max_retry_delay: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Self:
        """Returns a client with other options, for example for a single call.

        It uses the connections of this client, so it needs not be closed. `headers` are added to those of this client.
        """
        client = copy.copy(self)
        client._options = self._options.with_changes(timeout, retries, max_retry_delay, headers)
        client._owns_http_client = False
        client._add_resources()
        return client

    async def aclose(self) -> None:
        """Closes the connections."""
        if self._owns_http_client:
            await self._http_client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._options.base_url!r})"


class AsyncTransport:
    """Sends requests and retries them."""

    def __init__(self, http_client: httpx.AsyncClient, options: Options) -> None:
        self._http_client = http_client
        self._options = options

    async def send(self, request: Request[T], is_idempotent: bool | None = None) -> T:
        """Returns the result of the request. See Call for `is_idempotent`."""
        call = Call(request, self._options, is_idempotent)
        while True:
            http_request = call.build(self._http_client)
            try:
                response = await self._http_client.send(http_request, follow_redirects=call.follows_redirects)
            except httpx.RequestError as error:
                outcome: T | Retry = call.fail(error)
            else:
                outcome = call.receive(response)
            if not isinstance(outcome, Retry):
                return outcome
            await anyio.sleep(outcome.delay)

    async def read(self, request: Request[T]) -> T | None:
        """Returns the result of the request, or None after a 304 response."""
        try:
            return await self.send(request)
        except NotModified:
            return None


class AsyncPosts:
    """Operations on posts."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    @overload
    async def list(
        self, *, view: Full = "full", if_none_match: None = None, **query: Unpack[ListPostsQuery]
    ) -> Page[Post]: ...
    @overload
    async def list(
        self, *, view: Summary, if_none_match: None = None, **query: Unpack[ListPostsQuery]
    ) -> Page[PostSummary]: ...
    @overload
    async def list(
        self, *, view: Full = "full", if_none_match: str | Page[Post], **query: Unpack[ListPostsQuery]
    ) -> Page[Post] | None: ...
    @overload
    async def list(
        self, *, view: Summary, if_none_match: str | Page[PostSummary], **query: Unpack[ListPostsQuery]
    ) -> Page[PostSummary] | None: ...
    async def list(
        self,
        *,
        view: Full | Summary = "full",
        if_none_match: str | Page[Any] | None = None,
        **query: Unpack[ListPostsQuery],
    ) -> Page[Any] | None:
        """Lists one page of posts, or of summaries with `view="summary"`, which have an `excerpt` but no `content`.

        `query` are the parameters in ListPostsQuery, which filter and sort the list. A page has `limit` posts (default
        20, at most 100) and ends early at 8 MiB of content. By default, the list contains the published posts.

        Returns None if `if_none_match` is given and the page has not changed.
        """
        request = api.list_posts(query, if_none_match=etag_of(if_none_match))
        return await self._transport.read(posts_request(request, PostSummary if view == "summary" else Post))

    @overload
    def pages(self, *, view: Full = "full", **query: Unpack[ListPostsQuery]) -> AsyncIterator[Page[Post]]: ...
    @overload
    def pages(self, *, view: Summary, **query: Unpack[ListPostsQuery]) -> AsyncIterator[Page[PostSummary]]: ...
    async def pages(
        self, *, view: Full | Summary = "full", **query: Unpack[ListPostsQuery]
    ) -> AsyncIterator[Page[Any]]:
        """Iterates over the pages of a list, starting at `cursor` if given. `limit` is the page size, by default 100.

        Each page is requested when the iterator reaches it.
        """
        if query.get("limit") is None:
            query["limit"] = 100
        while True:
            page: Page[Any] = await self.list(view=view, **query)
            yield page
            if page.next_cursor is None:
                return
            query["cursor"] = page.next_cursor

    @overload
    def all(self, *, view: Full = "full", **query: Unpack[ListPostsQuery]) -> AsyncIterator[Post]: ...
    @overload
    def all(self, *, view: Summary, **query: Unpack[ListPostsQuery]) -> AsyncIterator[PostSummary]: ...
    async def all(self, *, view: Full | Summary = "full", **query: Unpack[ListPostsQuery]) -> AsyncIterator[Any]:
        """Iterates over all posts of a list, starting at `cursor` if given.

        `limit` is the page size, by default 100. Each page is requested when the iterator reaches it.
        """
        async for page in self.pages(view=view, **query):
            for item in page.items:
                yield item

    @overload
    async def get(self, id: int, *, if_none_match: None = None) -> Post: ...
    @overload
    async def get(self, id: int, *, if_none_match: PostVersion) -> Post | None: ...
    async def get(self, id: int, *, if_none_match: PostVersion | None = None) -> Post | None:
        """Gets a post. A draft requires an API key.

        Returns None if `if_none_match` is given and the post has not changed.
        """
        return await self._read(api.get_post(id, if_none_match=known_etag(if_none_match)), if_none_match)

    @overload
    async def get_by_slug(self, slug: str, *, if_none_match: None = None) -> Post: ...
    @overload
    async def get_by_slug(self, slug: str, *, if_none_match: PostVersion) -> Post | None: ...
    async def get_by_slug(self, slug: str, *, if_none_match: PostVersion | None = None) -> Post | None:
        """Gets a post by its slug. An old slug returns the post with its present slug. A draft requires an API key.

        Returns None if `if_none_match` is given and the post has not changed.
        """
        request = api.get_post_by_slug(checked_slug(slug), if_none_match=known_etag(if_none_match))
        return await self._read(request, if_none_match)

    async def find(self, id: int) -> Post | None:
        """Gets a post, or None if it does not exist, or if it is a draft and the client has no API key."""
        try:
            return await self.get(id)
        except PostsApiError as error:
            if error.code == "not_found":
                return None
            raise

    async def find_by_slug(self, slug: str) -> Post | None:
        """Gets a post by its slug, or None if it does not exist, or if it is a draft and the client has no API key."""
        try:
            return await self.get_by_slug(slug)
        except PostsApiError as error:
            if error.code == "not_found":
                return None
            raise

    async def create(self, *, idempotency_key: str | None = None, **post: Unpack[CreatePost]) -> Post:
        """Creates a post, which is a draft unless `published` is true. Requires a key with the role `editor`.

        `post` are the fields in CreatePost, of which only `title` is required. Within 24 hours, the service executes
        the request with an `idempotency_key` only once, and repeats its response. By default, each call has a random
        key, which its retries repeat.
        """
        request = api.create_post(post, idempotency_key=idempotency_key or secrets.token_hex(16))
        return await self._transport.send(request)

    async def create_many(
        self,
        posts: Iterable[CreatePost],
        *,
        on_conflict: BatchOnConflict = "error",
        idempotency_key: str | None = None,
    ) -> builtins.list[BatchItem]:
        """Creates 1 to 500 posts in one transaction. Requires a key with the role `editor`.

        `on_conflict` sets what happens if a slug is taken: `error` fails the whole batch, `skip` keeps the existing
        post, and `replace` replaces it. See `create` for `idempotency_key`.

        Returns one item per post, in the same order, with its `result` and the stored `post`.
        """
        request = api.batch_create_posts(
            {"posts": builtins.list(posts), "on_conflict": on_conflict},
            idempotency_key=idempotency_key or secrets.token_hex(16),
        )
        return (await self._transport.send(request)).items

    async def put_by_slug(
        self,
        slug: str,
        *,
        if_match: PostVersion | None = None,
        if_none_match: Literal["*"] | None = None,
        **post: Unpack[PutPost],
    ) -> Post:
        """Creates the post with this slug, or replaces it. Requires a key with the role `editor`.

        `post` are the fields in PutPost. Omitted fields get the values of a new post, so a published post becomes a
        draft unless `published` is true. With `if_match`, the call only replaces this version. With
        `if_none_match="*"`, it never replaces a post.
        """
        request = api.put_post_by_slug(checked_slug(slug, "PUT"), post, if_none_match=if_none_match)
        return await self._change(request, if_match, is_idempotent=if_match is None and if_none_match is None)

    async def update(self, id: int, *, if_match: PostVersion | None = None, **changes: Unpack[UpdatePost]) -> Post:
        """Updates a post. Omitted fields keep their values, and None clears a field. Requires the role `editor`.

        `changes` are the fields in UpdatePost. `metadata` is a JSON Merge Patch: omitted members keep their values, and
        members that are None are removed. With `if_match`, the call fails with `precondition_failed` (412) if the post
        is no longer this version. For a post of a list or a batch, the client first reads the `ETag`.
        """
        return await self._change(api.update_post(id, changes), if_match)

    async def delete(self, id: int, *, if_match: PostVersion | None = None) -> None:
        """Deletes a post. Requires a key with the role `editor`."""
        await self._change(api.delete_post(id), if_match)

    async def publish(self, id: int, *, at: Time | None = None, if_match: PostVersion | None = None) -> Post:
        """Publishes a post now, or schedules it with `at`. Requires a key with the role `editor`.

        If the post is scheduled, `scheduled_for` contains the time.
        """
        body: Publish | None = None if at is None else {"at": at}
        return await self._change(api.publish_post(id, body), if_match, is_idempotent=if_match is None)

    async def unpublish(self, id: int, *, if_match: PostVersion | None = None) -> Post:
        """Makes a post a draft, or cancels its scheduled publication. Requires a key with the role `editor`."""
        return await self._change(api.unpublish_post(id), if_match, is_idempotent=if_match is None)

    async def _read(self, request: Request[Post], if_none_match: PostVersion | None) -> Post | None:
        """Reads a post. If the `ETag` of `if_none_match` is unknown, compares the versions instead."""
        post = await self._transport.read(request)
        return None if post is None or is_same_version(post, if_none_match) else post

    async def _change(self, request: Request[T], if_match: PostVersion | None, is_idempotent: bool | None = None) -> T:
        """Sends a change. If the `ETag` of `if_match` is unknown, reads it with another request."""
        etag = known_etag(if_match)
        if etag is None and if_match is not None and not isinstance(if_match, str):
            etag = checked_etag(request, if_match, await self.get(if_match.id))
        if etag is not None:
            request.headers["If-Match"] = etag
        return await self._transport.send(request, is_idempotent)


class AsyncLabels:
    """The tags or the authors of the published posts, each with its number of posts."""

    def __init__(self, transport: AsyncTransport, operation: Callable[..., Request[LabelPage]]) -> None:
        self._transport = transport
        self._operation = operation

    @overload
    async def list(self, *, if_none_match: None = None, **query: Unpack[ListTagsQuery]) -> Page[Label]: ...
    @overload
    async def list(self, *, if_none_match: str | Page[Label], **query: Unpack[ListTagsQuery]) -> Page[Label] | None: ...
    async def list(
        self, *, if_none_match: str | Page[Label] | None = None, **query: Unpack[ListTagsQuery]
    ) -> Page[Label] | None:
        """Lists one page. Returns None if `if_none_match` is given and the page has not changed."""
        request = self._operation(query, if_none_match=etag_of(if_none_match))
        return await self._transport.read(labels_request(request))

    async def all(self, **query: Unpack[ListTagsQuery]) -> AsyncIterator[Label]:
        """Iterates over all items, starting at `cursor` if given. `limit` is the page size, by default 100."""
        if query.get("limit") is None:
            query["limit"] = 100
        while True:
            page = await self.list(**query)
            for item in page.items:
                yield item
            if page.next_cursor is None:
                return
            query["cursor"] = page.next_cursor


class AsyncRedirects:
    """The old slugs of the published posts. A static site creates its redirects from them."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    @overload
    async def list(self, *, if_none_match: None = None, **query: Unpack[ListRedirectsQuery]) -> Page[Redirect]: ...
    @overload
    async def list(
        self, *, if_none_match: str | Page[Redirect], **query: Unpack[ListRedirectsQuery]
    ) -> Page[Redirect] | None: ...
    async def list(
        self, *, if_none_match: str | Page[Redirect] | None = None, **query: Unpack[ListRedirectsQuery]
    ) -> Page[Redirect] | None:
        """Lists one page. Returns None if `if_none_match` is given and the page has not changed."""
        request = api.list_redirects(query, if_none_match=etag_of(if_none_match))
        return await self._transport.read(redirects_request(request))

    async def all(self, **query: Unpack[ListRedirectsQuery]) -> AsyncIterator[Redirect]:
        """Iterates over all redirects, starting at `cursor` if given. `limit` is the page size, by default 100."""
        if query.get("limit") is None:
            query["limit"] = 100
        while True:
            page = await self.list(**query)
            for item in page.items:
                yield item
            if page.next_cursor is None:
                return
            query["cursor"] = page.next_cursor


class AsyncChanges:
    """The feed of the changes of the published posts."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    @overload
    async def list(
        self, *, view: Full = "full", if_none_match: None = None, **query: Unpack[ListChangesQuery]
    ) -> ChangePage[Post]: ...
    @overload
    async def list(
        self, *, view: Summary, if_none_match: None = None, **query: Unpack[ListChangesQuery]
    ) -> ChangePage[PostSummary]: ...
    @overload
    async def list(
        self, *, view: Full = "full", if_none_match: str | ChangePage[Post], **query: Unpack[ListChangesQuery]
    ) -> ChangePage[Post] | None: ...
    @overload
    async def list(
        self, *, view: Summary, if_none_match: str | ChangePage[PostSummary], **query: Unpack[ListChangesQuery]
    ) -> ChangePage[PostSummary] | None: ...
    async def list(
        self,
        *,
        view: Full | Summary = "full",
        if_none_match: str | ChangePage[Any] | None = None,
        **query: Unpack[ListChangesQuery],
    ) -> ChangePage[Any] | None:
        """Lists one page of the changes since `cursor`. Without a cursor, the feed begins with all published posts.

        `query` are the parameters in ListChangesQuery. The cursor `now` is the end of the feed. If the feed no longer
        contains the position of the cursor, the call fails with `cursor_expired` (410): start over without one.

        Returns None if `if_none_match` is given and the page has not changed.
        """
        request = api.list_changes(query, if_none_match=etag_of(if_none_match))
        return await self._transport.read(changes_request(request, PostSummary if view == "summary" else Post))

    @overload
    def pages(self, *, view: Full = "full", **query: Unpack[ListChangesQuery]) -> AsyncIterator[ChangePage[Post]]: ...
    @overload
    def pages(self, *, view: Summary, **query: Unpack[ListChangesQuery]) -> AsyncIterator[ChangePage[PostSummary]]: ...
    async def pages(
        self, *, view: Full | Summary = "full", **query: Unpack[ListChangesQuery]
    ) -> AsyncIterator[ChangePage[Any]]:
        """Iterates over the pages from `cursor` to the present end of the feed.

        Store the `cursor` of each page after you have applied its changes, and pass the last one to the next call.
        """
        has_more = True
        while has_more:
            page: ChangePage[Any] = await self.list(view=view, **query)
            yield page
            query["cursor"], has_more = page.cursor, page.has_more

    @overload
    def follow(
        self, cursor: str | None = None, *, view: Full = "full", limit: int | None = None, interval: float = 5.0
    ) -> AsyncIterator[ChangeBatch[Post]]: ...
    @overload
    def follow(
        self, cursor: str | None = None, *, view: Summary, limit: int | None = None, interval: float = 5.0
    ) -> AsyncIterator[ChangeBatch[PostSummary]]: ...
    async def follow(
        self,
        cursor: str | None = None,
        *,
        view: Full | Summary = "full",
        limit: int | None = None,
        interval: float = 5.0,
    ) -> AsyncIterator[ChangeBatch[Any]]:
        """Follows the feed from `cursor`: yields the changes since then, and waits for further changes, without end.

        Without a cursor, it yields all published posts first. For each batch, apply the items. If `published` is not
        None, remove the other posts. Then store `cursor`. In this order, your copy survives a crash at any point.

        At the end of the feed, it sends a request every `interval` seconds. After a temporary error, such as a lost
        connection, 429, or 503, it repeats the request with a backoff of up to a minute, until it succeeds. The logger
        `posts_api_client` logs these errors at level WARNING. Other errors are raised, such as `invalid_cursor` (400)
        for a damaged cursor.

        If the cursor has expired (410), it reads all published posts again, as without a cursor. Do not compare the
        versions of these posts with those of your copy: a restored backup contains older versions.
        """
        follower: Follower[Any] = Follower(cursor, interval)
        while True:
            try:
                query: ListChangesQuery = {"cursor": follower.cursor, "limit": limit}
                page: ChangePage[Any] | None = await self.list(view=view, if_none_match=follower.etag, **query)
                step = follower.receive(page)
            except PostsApiError as error:
                step = follower.fail(error)
            if step.batch is not None:
                yield step.batch
            await anyio.sleep(step.wait)


class AsyncKeys:
    """Operations on API keys. All of them require a key with the role `admin`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def list(self) -> builtins.list[ApiKey]:
        """Lists the API keys that are not revoked, without their secret `key`."""
        return (await self._transport.send(api.list_keys())).items

    async def create(self, *, name: str, role: ApiKeyRole, expires_at: Time | None = None) -> CreatedApiKey:
        """Creates an API key. Store its `key`: the service cannot return it again."""
        key: CreateApiKey = {"name": name, "role": role, "expires_at": expires_at}
        return await self._transport.send(api.create_key(key))

    async def revoke(self, id: int) -> None:
        """Revokes an API key. The service rejects the key from the next request on."""
        await self._transport.send(api.revoke_key(id))


class AsyncWebhooks:
    """Operations on webhooks. All of them require a key with the role `admin`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def list(self) -> builtins.list[Webhook]:
        """Lists the webhooks, oldest first, without their secrets and the values of their headers."""
        return (await self._transport.send(api.list_webhooks())).items

    async def get(self, id: int) -> Webhook:
        """Gets a webhook."""
        return await self._transport.send(api.get_webhook(id))

    async def create(self, *, idempotency_key: str | None = None, **webhook: Unpack[CreateWebhook]) -> CreatedWebhook:
        """Creates a webhook, which announces the changes of published posts from now on.

        `webhook` are the fields in CreateWebhook, of which only `url` is required. Store the `secret` of the result,
        for `verify_webhook`: the service cannot return it again.
        """
        request = api.create_webhook(webhook, idempotency_key=idempotency_key or secrets.token_hex(16))
        return await self._transport.send(request)

    async def update(
        self, id: int, *, if_match: WebhookVersion | None = None, **changes: Unpack[UpdateWebhook]
    ) -> Webhook:
        """Updates a webhook. Omitted fields keep their values, and None restores the default."""
        return await self._change(api.update_webhook(id, changes), id, if_match)

    async def delete(self, id: int, *, if_match: WebhookVersion | None = None) -> None:
        """Deletes a webhook. A request in progress may still arrive."""
        await self._change(api.delete_webhook(id), id, if_match)

    async def rotate(
        self, id: int, *, expire_previous: bool = False, if_match: WebhookVersion | None = None
    ) -> RotatedSecret:
        """Replaces the secret of a webhook.

        For 24 hours, the new and the previous secret sign each request. With `expire_previous`, the previous one
        expires at once.
        """
        request = api.rotate_webhook_secret(id, {"expire_previous": expire_previous})
        return await self._change(request, id, if_match)

    async def replay(
        self,
        id: int,
        *,
        cursor: str | None = None,
        since: Time | None = None,
        if_match: WebhookVersion | None = None,
    ) -> Webhook:
        """Moves a webhook to a position of the change feed, and delivers the changes after it, including those that
        were delivered before.

        The position is either `cursor`, a cursor of the feed or the `webhook-id` of a request, or `since`, a time in
        the past. The cursor `now` skips the changes that have not been delivered.
        """
        start: ReplayWebhook = {}
        if cursor is not None:
            start["cursor"] = cursor
        if since is not None:
            start["since"] = since
        return await self._change(api.replay_webhook(id, start), id, if_match)

    async def test(self, id: int) -> WebhookTestResult:
        """Sends a signed test request to a webhook, and returns the result after up to 15 seconds.

        A failed request is also a result, not an error.
        """
        return await self._transport.send(api.test_webhook(id))

    async def attempts(self, id: int) -> builtins.list[WebhookAttempt]:
        """Lists the latest requests to a webhook, newest first: at most 200, of at most 7 days."""
        return (await self._transport.send(api.list_webhook_attempts(id))).items

    async def _change(self, request: Request[T], id: int, if_match: WebhookVersion | None) -> T:
        """Sends a change. If the `ETag` of `if_match` is unknown, reads it with another request."""
        etag = known_etag(if_match)
        if etag is None and if_match is not None and not isinstance(if_match, str):
            etag = checked_etag(request, if_match, await self.get(id))
        if etag is not None:
            request.headers["If-Match"] = etag
        return await self._transport.send(request)
