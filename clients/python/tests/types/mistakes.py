"""Mistakes that mypy and Pyright must find. Each line ignores its error, and an unnecessary comment is an error."""

import datetime

from posts_api_client import AsyncPostsClient, PostsClient, verify_webhook

PostsClient()  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]


def mistakes(client: PostsClient) -> None:
    client.posts.create(content="No title")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    client.posts.create(title="A", contnet="Typo")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    client.posts.create(title=None)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    client.posts.create(title="A", tags="News")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    client.posts.create("A")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    client.posts.update(1, slug=None)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    client.posts.update(1, color="red")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    client.posts.list(sort="created_at")  # type: ignore[call-overload] # pyright: ignore[reportArgumentType]
    client.posts.list(page=2)  # type: ignore[call-overload] # pyright: ignore[reportCallIssue]
    client.posts.list(view="short")  # type: ignore[call-overload] # pyright: ignore[reportCallIssue, reportArgumentType]
    client.posts.list().items[0].excerpt  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    summary = client.posts.list(view="summary").items[0]
    summary.content  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    client.posts.update(1, if_match=client.posts.list())  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    client.posts.get(1).content.upper()  # type: ignore[union-attr] # pyright: ignore[reportOptionalMemberAccess]
    client.posts.find(1).title  # type: ignore[union-attr] # pyright: ignore[reportOptionalMemberAccess]
    client.posts.create_many([{"slug": "a"}])  # type: ignore[typeddict-item] # pyright: ignore[reportArgumentType]
    client.posts.create_many([], on_conflict="merge")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    client.posts.publish(1, at=datetime.date(2099, 1, 1))  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    client.changes.follow(view="short")  # type: ignore[call-overload] # pyright: ignore[reportCallIssue, reportArgumentType]
    verify_webhook({"type": "posts.changed"}, {}, "whsec_AAAA")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    client.keys.create(name="ci", role="owner")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


async def asynchronous_mistakes(client: AsyncPostsClient) -> None:
    (await client.posts.get(1)).titel  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    client.posts.get(1).title  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    for _ in client.posts.all():  # type: ignore[attr-defined] # pyright: ignore[reportGeneralTypeIssues, reportUnknownVariableType]
        pass
