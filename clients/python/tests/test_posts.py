"""Tests posts against the service."""

import datetime
import uuid
from collections.abc import Callable
from typing import Unpack

import pytest
from conftest import Connect
from samples import PAGE, POST
from scripted import ScriptedServer, problem, success

from posts_api_client import CreatePost, ListPostsQuery, Post, PostsApiError, PostsClient, PostSummary


def unused(prefix: str = "post") -> str:
    """Returns a slug that no other test uses."""
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def test_create_publish_unpublish_and_delete(editor: PostsClient, reader: PostsClient) -> None:
    slug = unused()
    draft = editor.posts.create(title="Hello from Python", content="Snakes.", slug=slug)
    assert (draft.title, draft.content, draft.published, draft.version) == ("Hello from Python", "Snakes.", False, 1)
    assert draft.created_at.tzinfo is not None
    assert reader.posts.find(draft.id) is None

    post = editor.posts.publish(draft.id)
    assert post.published and isinstance(post.published_at, datetime.datetime)
    assert reader.posts.get(post.id) == reader.posts.get_by_slug(slug) == reader.posts.find(post.id) == post

    assert not editor.posts.unpublish(post.id).published
    assert reader.posts.find_by_slug(slug) is None
    editor.posts.delete(post.id)
    assert editor.posts.find(post.id) is None


def test_fields_are_plain_values(editor: PostsClient) -> None:
    metadata = {"series": {"part": 2}, "featured": True, "links": [1, None, "a"]}
    post = editor.posts.create(
        title="Fields",
        description="In one line.",
        tags=["Rust", "C++"],
        authors=["Ada Lovelace"],
        image="/a.png",
        image_alt="",
        metadata=metadata,
        published=True,
    )
    assert (post.description, post.tags, post.authors) == ("In one line.", ["Rust", "C++"], ["Ada Lovelace"])
    assert (post.image, post.image_alt, post.published) == ("/a.png", "", True)
    assert type(post.metadata) is dict and post.metadata == metadata
    assert post.to_dict()["metadata"] == metadata
    assert Post.from_dict(post.to_dict()) == post


def test_update_distinguishes_none_and_omitted(editor: PostsClient) -> None:
    post = editor.posts.create(title="Before", content="Text.", tags=["a"], metadata={"a": 1, "b": 2})
    renamed = editor.posts.update(post.id, title="After")
    assert (renamed.title, renamed.content, renamed.tags) == ("After", "Text.", ["a"])
    cleared = editor.posts.update(post.id, content=None, tags=None, metadata={"a": None})
    assert (cleared.title, cleared.content, cleared.tags, cleared.metadata) == ("After", None, [], {"b": 2})


def test_put_creates_then_replaces(editor: PostsClient) -> None:
    slug = unused("about")
    first = editor.posts.put_by_slug(slug, title="About", tags=["a"], published=True)
    second = editor.posts.put_by_slug(slug, title="About us")
    assert (second.id, second.version, second.tags, second.published) == (first.id, 2, [], False)
    with pytest.raises(PostsApiError) as raised:
        editor.posts.put_by_slug(slug, title="Again", if_none_match="*")
    assert raised.value.code == "precondition_failed"
    with pytest.raises(PostsApiError) as raised:
        editor.posts.put_by_slug(slug, title="Again", if_match=first)
    assert raised.value.code == "precondition_failed"
    assert editor.posts.put_by_slug(slug, title="Again", if_match=second).version == 3


def test_create_many_with_conflicts(editor: PostsClient) -> None:
    slug, other = unused(), unused()
    posts: list[CreatePost] = [{"title": "One", "slug": slug}, {"title": "Two", "slug": other, "metadata": {"a": 1}}]
    items = editor.posts.create_many(posts)
    assert [item.result for item in items] == ["created", "created"]
    assert [item.post.slug for item in items] == [slug, other]
    with pytest.raises(PostsApiError) as raised:
        editor.posts.create_many(posts)
    assert (raised.value.code, [error.pointer for error in raised.value.errors]) == (
        "slug_taken",
        ["/posts/0/slug", "/posts/1/slug"],
    )
    assert [item.result for item in editor.posts.create_many(iter(posts), on_conflict="skip")] == ["skipped", "skipped"]
    replaced = editor.posts.create_many([{"title": "New", "slug": slug}], on_conflict="replace")
    assert (replaced[0].result, replaced[0].post.title) == ("replaced", "New")


def test_publish_at_schedules_the_post(editor: PostsClient) -> None:
    at = datetime.datetime(2099, 1, 1, tzinfo=datetime.UTC)
    post = editor.posts.create(title="Later")
    scheduled = editor.posts.publish(post.id, at=at)
    assert (scheduled.published, scheduled.scheduled_for) == (False, at)
    zone = datetime.timezone(datetime.timedelta(hours=2))
    assert editor.posts.publish(post.id, at=at.astimezone(zone)).scheduled_for == at
    assert editor.posts.publish(post.id, at="2099-06-01T00:00:00+02:00").scheduled_for is not None
    assert editor.posts.unpublish(post.id).scheduled_for is None


def test_time_without_a_zone_is_rejected(editor: PostsClient) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        editor.posts.publish(1, at=datetime.datetime(2099, 1, 1))  # noqa: DTZ001
    with pytest.raises(ValueError, match="no time zone"):
        editor.posts.list(published_after=datetime.datetime(2020, 1, 1))  # noqa: DTZ001


def test_if_match_rejects_a_stale_post(editor: PostsClient) -> None:
    post = editor.posts.create(title="Old")
    renamed = editor.posts.update(post.id, title="New", if_match=post)
    for change in (
        lambda: editor.posts.update(post.id, title="Newer", if_match=post),
        lambda: editor.posts.publish(post.id, if_match=post),
        lambda: editor.posts.unpublish(post.id, if_match=post),
        lambda: editor.posts.delete(post.id, if_match=post),
    ):
        with pytest.raises(PostsApiError) as raised:
            change()
        assert (raised.value.status, raised.value.code) == (412, "precondition_failed")
    published = editor.posts.publish(post.id, if_match=renamed)
    editor.posts.delete(post.id, if_match=published.etag)


def test_post_without_an_etag_works_as_a_condition(editor: PostsClient) -> None:
    slug = unused()
    created = editor.posts.create(title="Listed", slug=slug, published=True)
    (item,) = editor.posts.list(slug=slug).items
    (summary,) = editor.posts.list(slug=slug, view="summary").items
    (batched,) = [each.post for each in editor.posts.create_many([{"title": "Batched", "slug": unused()}])]
    assert (item.etag, batched.etag) == (None, None)
    assert item == created, "the ETag does not take part in comparisons"
    for version in (item, summary, batched):
        assert editor.posts.get(version.id, if_none_match=version) is None
        assert editor.posts.get_by_slug(version.slug, if_none_match=version) is None
    assert editor.posts.publish(batched.id, if_match=batched).published
    changed = editor.posts.update(created.id, title="Changed", if_match=summary)

    assert editor.posts.get(created.id, if_none_match=item) == changed
    changes: dict[str, Callable[[], object]] = {
        "PATCH": lambda: editor.posts.update(created.id, title="New", if_match=item),
        "PUT": lambda: editor.posts.put_by_slug(slug, title="New", if_match=summary),
        "POST": lambda: editor.posts.publish(created.id, if_match=summary),
        "DELETE": lambda: editor.posts.delete(created.id, if_match=item),
    }
    for method, change in changes.items():
        with pytest.raises(PostsApiError, match=f"^{method} /api/posts/.* has version 2 now, not 1") as raised:
            change()
        assert (raised.value.status, raised.value.code) == (412, "precondition_failed")
    assert editor.posts.get(created.id) == changed
    (item,) = editor.posts.list(slug=slug).items
    editor.posts.delete(created.id, if_match=item)
    with pytest.raises(PostsApiError, match="not_found"):
        editor.posts.delete(created.id, if_match=item)


def test_change_between_the_read_of_the_etag_and_the_update_is_detected(
    connect: Connect, scripted: ScriptedServer
) -> None:
    scripted.responses = [
        success(PAGE),
        success(POST, {"ETag": '"read"'}),
        problem(412, "precondition_failed"),
    ]
    client = connect(scripted.url, "a-key")
    (item,) = client.posts.list().items
    with pytest.raises(PostsApiError, match="details of precondition_failed"):
        client.posts.update(item.id, title="Lost", if_match=item)
    assert [(each.method, each.headers.get("if-match")) for each in scripted.requests] == [
        ("GET", None),
        ("GET", None),
        ("PATCH", '"read"'),
    ]


def test_response_without_an_etag_cannot_be_a_condition(connect: Connect, scripted: ScriptedServer) -> None:
    scripted.responses = [success(POST)]
    client = connect(scripted.url, "a-key")
    with pytest.raises(ValueError, match="has no ETag"):
        client.posts.update(1, title="New", if_match=client.posts.get(1))


def test_conditional_reads_return_none_if_unchanged(editor: PostsClient) -> None:
    slug = unused()
    editor.posts.create(title="Unchanged", slug=slug, tags=[slug], published=True)
    post = editor.posts.get_by_slug(slug)
    assert post.etag
    assert editor.posts.get_by_slug(slug, if_none_match=post) is None
    assert editor.posts.get(post.id, if_none_match=post.etag) is None
    page = editor.posts.list(slug=slug)
    summaries = editor.posts.list(slug=slug, view="summary")
    tags = editor.tags.list(q=slug)
    authors = editor.authors.list()
    redirects = editor.redirects.list()
    assert editor.posts.list(slug=slug, if_none_match=page) is None
    assert editor.posts.list(slug=slug, view="summary", if_none_match=summaries) is None
    assert editor.tags.list(q=slug, if_none_match=tags) is None
    assert editor.authors.list(if_none_match=authors) is None
    assert editor.redirects.list(if_none_match=redirects) is None

    changed = editor.posts.update(post.id, title="Changed", if_match=post)
    assert editor.posts.get(post.id, if_none_match=post) == changed
    assert editor.posts.list(slug=slug, if_none_match=page) is not None


def test_old_slug_returns_the_renamed_post(editor: PostsClient, reader: PostsClient) -> None:
    old, new = unused("old"), unused("new")
    post = editor.posts.create(title="Renamed", slug=old, published=True)
    editor.posts.update(post.id, slug=new)
    moved = reader.posts.get_by_slug(old)
    assert (moved.id, moved.slug) == (post.id, new)
    assert moved.etag and reader.posts.get_by_slug(old, if_none_match=moved) is None
    found = reader.posts.find_by_slug(old)
    assert found and found.slug == new
    assert (old, new, post.id) in [(each.from_, each.to, each.id) for each in reader.redirects.all(limit=1)]


def test_all_and_pages_iterate_over_the_list(editor: PostsClient, reader: PostsClient) -> None:
    tag = unused("tag")
    slugs = [unused() for _ in range(5)]
    for slug in slugs:
        editor.posts.create(title=slug, slug=slug, content="# Heading\n\nText.", tags=[tag], published=True)
    assert [post.slug for post in reader.posts.all(tag=tag, sort="id", limit=2)] == slugs
    assert [post.slug for post in reader.posts.all(tag=tag)] == slugs[::-1]
    pages = list(reader.posts.pages(tag=[tag], sort="id", limit=2))
    assert [[post.slug for post in page.items] for page in pages] == [slugs[:2], slugs[2:4], slugs[4:]]
    assert pages[0].prev_cursor is None and pages[1].prev_cursor is not None
    assert [post.slug for post in reader.posts.all(tag=tag, sort="id", limit=2, cursor=str(pages[0].next_cursor))] == (
        slugs[2:]
    )
    summaries = list(reader.posts.all(view="summary", tag=tag, limit=2))
    assert {type(summary) for summary in summaries} == {PostSummary}
    assert {summary.excerpt for summary in summaries} == {"Text."}
    assert not hasattr(summaries[0], "content")
    assert next(iter(reader.posts.all(tag=tag, sort="id"))).content == "# Heading\n\nText."


def test_filters_and_totals(editor: PostsClient, reader: PostsClient) -> None:
    tag, start = unused("tag"), datetime.datetime.now(datetime.UTC)
    draft, public = editor.posts.create_many([{"title": "A", "tags": [tag]}, {"title": "B & c", "tags": [tag]}])
    editor.posts.publish(public.post.id)

    def ids(**query: Unpack[ListPostsQuery]) -> list[int]:
        query["tag"] = tag
        return [post.id for post in editor.posts.list(**query).items]

    assert ids() == ids(published=True) == ids(published_after=start) == [public.post.id]
    assert ids(published=False) == [draft.post.id]
    assert ids(published="any", slug=[draft.post.slug, public.post.slug], sort="title") == [
        draft.post.id,
        public.post.id,
    ]
    assert ids(published_before=start.isoformat()) == []
    assert ids(q='"B & c"') == [public.post.id]
    page = reader.posts.list(tag=tag, count="exact", limit=1)
    assert (page.total, page.total_is_estimate, page.next_cursor) == (1, False, None)
    assert (reader.posts.list(tag=tag).total, reader.posts.list(tag=tag).total_is_estimate) == (None, None)


def test_search_is_ranked_by_default(editor: PostsClient, reader: PostsClient) -> None:
    word = "w" + uuid.uuid4().hex
    title = editor.posts.create(title=f"About {word}", published=True)
    content = editor.posts.create(title="Other", content=f"Mentions {word}.", published=True)
    assert [post.id for post in reader.posts.all(q=word)] == [title.id, content.id]


def test_tags_and_authors_count_posts(editor: PostsClient, reader: PostsClient) -> None:
    name = unused("label")
    for title in ("A", "B"):
        editor.posts.create(title=title, tags=[f"{name} 1"], authors=[f"{name} {title}"], published=True)
    assert [(tag.name, tag.posts) for tag in reader.tags.all(q=name)] == [(f"{name} 1", 2)]
    assert [author.name for author in reader.authors.all(q=name, limit=1)] == [f"{name} A", f"{name} B"]
    assert [author.name for author in reader.authors.list(q=name, sort="-posts").items] == [f"{name} A", f"{name} B"]


def test_api_keys(editor: PostsClient, service: str) -> None:
    expires_at = datetime.datetime(2099, 1, 1, tzinfo=datetime.UTC)
    created = editor.keys.create(name="ci", role="editor", expires_at=expires_at)
    assert (created.role, created.expires_at, created.last_used_on) == ("editor", expires_at, None)
    with PostsClient(service, created.key) as client:
        client.posts.delete(client.posts.create(title="By the new key").id)
        with pytest.raises(PostsApiError) as raised:
            client.keys.list()
        assert raised.value.code == "forbidden"
        assert created.id in [key.id for key in editor.keys.list()]
        editor.keys.revoke(created.id)
        with pytest.raises(PostsApiError) as raised:
            client.posts.create(title="Too late")
        assert (raised.value.status, raised.value.code) == (401, "key_invalid")


def test_idempotency_key_executes_a_create_once(editor: PostsClient) -> None:
    key = str(uuid.uuid4())
    first, second = (editor.posts.create(title="Once", idempotency_key=key) for _ in range(2))
    assert (first.id, first.etag) == (second.id, second.etag)
    batches = [editor.posts.create_many([{"title": "Once"}], idempotency_key=str(uuid.uuid4())) for _ in range(2)]
    assert batches[0][0].post.id != batches[1][0].post.id


@pytest.mark.parametrize("slug", ["", ".", "..", "a/b", "%2e", "a?b", "Ä", "a b", "x" * 300])
def test_invalid_slugs_are_not_found(reader: PostsClient, slug: str) -> None:
    assert reader.posts.find_by_slug(slug) is None
    with pytest.raises(PostsApiError) as raised:
        reader.posts.get_by_slug(slug)
    assert (raised.value.status, raised.value.code) == (404, "not_found")


@pytest.mark.parametrize("slug", ["", ".", "..", "a/b", "a?b", "Ä"])
def test_put_rejects_invalid_slugs(editor: PostsClient, slug: str) -> None:
    with pytest.raises(PostsApiError) as raised:
        editor.posts.put_by_slug(slug, title="A")
    assert (raised.value.status, raised.value.code) == (400, "invalid_parameter")
