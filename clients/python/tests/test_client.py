"""Tests the package against the service."""

import asyncio
import datetime
import json
import re
import tomllib
import uuid
from importlib.metadata import version
from pathlib import Path

import httpx
import pytest

from posts_api_client import AuthenticatedClient, Client, NotModified, ProblemError, UnexpectedStatus
from posts_api_client.api.operations import get_docs_file, get_openapi, get_problem, live
from posts_api_client.api.posts import (
    create_post,
    create_posts,
    delete_post,
    get_post,
    get_post_by_slug,
    list_posts,
    publish_post,
    put_post,
    update_post,
)
from posts_api_client.models import (
    Batch,
    BatchItemResult,
    CreatePost,
    ListPostsCount,
    ListPostsSort,
    ListPostsView,
    Post,
    PostPage,
    PostSummaryPage,
    Publish,
    PutPost,
    UpdatePost,
)

ROOT = Path(__file__).parents[3]


def create(client: AuthenticatedClient, **fields: object) -> Post:
    return create_post.sync(client=client, body=CreatePost.from_dict({"title": "A post", **fields}))


def published_slugs(client: Client) -> list[str]:
    page = list_posts.sync(client=client)
    assert isinstance(page, PostPage)
    return [post.slug for post in page.items]


def test_create_publish_list_and_delete(editor: AuthenticatedClient, anonymous: Client) -> None:
    draft = create(editor, title="Hello from Python", content="Snakes.")
    assert (draft.slug, draft.published, draft.published_at, draft.version) == ("hello-from-python", False, None, 1)
    assert draft.slug not in published_slugs(anonymous)

    post = publish_post.sync(draft.id, client=editor)
    assert post.published and post.version == 2
    assert isinstance(post.published_at, datetime.datetime) and post.published_at.tzinfo is not None
    assert draft.slug in published_slugs(anonymous)
    assert get_post_by_slug.sync(draft.slug, client=anonymous) == post

    delete_post.sync(post.id, client=editor)
    assert draft.slug not in published_slugs(anonymous)


def test_validation_errors_are_typed(editor: AuthenticatedClient) -> None:
    with pytest.raises(ProblemError) as raised:
        create(editor, title=" ", slug="Not a slug")
    error = raised.value
    assert (error.status, error.code) == (422, "validation_failed")
    assert isinstance(error.problem.errors, list)
    assert {(field.pointer, field.code) for field in error.problem.errors} == {
        ("/title", "empty"),
        ("/slug", "format"),
    }
    assert error.problem.request_id and error.problem.request_id in str(error)


def test_errors_have_a_code(editor: AuthenticatedClient, anonymous: Client) -> None:
    post = create(editor, slug="taken")
    with pytest.raises(ProblemError, match="slug_taken"):
        create(editor, slug="taken")
    with pytest.raises(ProblemError, match="not_found"):
        get_post.sync(post.id, client=anonymous)
    with pytest.raises(ProblemError, match="key_required"):
        publish_post.sync(post.id, client=anonymous)


def test_stale_if_match_raises_precondition_failed(editor: AuthenticatedClient) -> None:
    created = create_post.sync_detailed(client=editor, body=CreatePost(title="Old"))
    assert created.parsed is not None
    etag = created.headers["ETag"]
    update_post.sync(created.parsed.id, client=editor, body=UpdatePost(title="New"), if_match=etag)
    with pytest.raises(ProblemError, match="precondition_failed"):
        update_post.sync(created.parsed.id, client=editor, body=UpdatePost(title="Newer"), if_match=etag)


def test_update_keeps_omitted_fields_and_clears_none(editor: AuthenticatedClient) -> None:
    post = create(editor, title="Before", content="Text.")
    assert update_post.sync(post.id, client=editor, body=UpdatePost(title="After")).content == "Text."
    assert update_post.sync(post.id, client=editor, body=UpdatePost(content=None)).content is None


def test_unchanged_post_raises_not_modified(editor: AuthenticatedClient, anonymous: Client) -> None:
    create(editor, slug="unchanged", published=True)
    etag = get_post_by_slug.sync_detailed("unchanged", client=anonymous).headers["ETag"]
    with pytest.raises(NotModified):
        get_post_by_slug.sync("unchanged", client=anonymous, if_none_match=etag)


def test_lists_and_metadata_are_typed(editor: AuthenticatedClient) -> None:
    fields = {
        "description": "Said in one line.",
        "tags": ["Rust", "C++"],
        "authors": ["Ada Lovelace"],
        "image": "/a.png",
        "image_alt": "",
        "metadata": {"series": {"part": 2}, "featured": True},
    }
    post = create(editor, **fields)
    assert {name: post.to_dict()[name] for name in fields} == fields
    assert post.tags == ["Rust", "C++"]
    assert post.metadata["series"] == {"part": 2}
    patch = UpdatePost.from_dict({"metadata": {"series": None, "rating": 4.5}, "tags": None})
    patched = update_post.sync(post.id, client=editor, body=patch)
    assert (patched.metadata.to_dict(), patched.tags) == ({"featured": True, "rating": 4.5}, [])


def test_publish_at_schedules_the_post(editor: AuthenticatedClient) -> None:
    at = datetime.datetime(2099, 1, 1, tzinfo=datetime.UTC)
    post = publish_post.sync(create(editor).id, client=editor, body=Publish(at=at))
    assert (post.published, post.scheduled_for) == (False, at)


def test_put_and_batch(editor: AuthenticatedClient) -> None:
    first = put_post.sync("about", client=editor, body=PutPost(title="About", published=True))
    second = put_post.sync("about", client=editor, body=PutPost(title="About us", published=True))
    assert (second.id, second.version) == (first.id, 2)
    posts = [CreatePost(title="One", slug="batch-1"), CreatePost(title="Two", slug="batch-2")]
    batch = create_posts.sync(client=editor, body=Batch(posts=posts))
    assert [item.result for item in batch.items] == [BatchItemResult.CREATED] * 2


def test_idempotency_key_executes_a_request_once(editor: AuthenticatedClient) -> None:
    key = str(uuid.uuid4())
    first, second = (
        create_post.sync(client=editor, body=CreatePost(title="Once"), idempotency_key=key) for _ in range(2)
    )
    assert first == second


def test_next_cursor_iterates_over_pages(editor: AuthenticatedClient, anonymous: Client) -> None:
    slugs = [f"page-{number}" for number in range(5)]
    for slug in slugs:
        create(editor, slug=slug, published=True)
    found: list[str] = []
    page = list_posts.sync(client=anonymous, slug=slugs, sort=ListPostsSort.ID, limit=2)
    while isinstance(page, PostPage):
        found += [post.slug for post in page.items]
        if page.next_cursor is None:
            break
        page = list_posts.sync(client=anonymous, slug=slugs, sort=ListPostsSort.ID, limit=2, cursor=page.next_cursor)
    assert found == slugs


def test_summary_view_and_total_are_typed(editor: AuthenticatedClient, anonymous: Client) -> None:
    create(editor, slug="summary", content="# Heading\n\nText.", published=True)
    page = list_posts.sync(client=anonymous, slug=["summary"], view=ListPostsView.SUMMARY, count=ListPostsCount.EXACT)
    assert isinstance(page, PostSummaryPage)
    assert (page.items[0].excerpt, page.total) == ("Text.", 1)


def test_asyncio_calls(service: str, editor: AuthenticatedClient) -> None:
    async def titles() -> list[str]:
        async with Client(base_url=service) as client:
            page = await list_posts.asyncio(client=client, slug=["async"])
            assert isinstance(page, PostPage)
            with pytest.raises(ProblemError, match="not_found"):
                await get_post.asyncio(9_007_199_254_740_991, client=client)
            return [post.title for post in page.items]

    create(editor, title="Async", published=True)
    assert asyncio.run(titles()) == ["Async"]


def test_operations_outside_the_posts_api(anonymous: Client) -> None:
    assert live.sync(client=anonymous).status == "ok"
    assert get_openapi.sync(client=anonymous) == json.loads((ROOT / "openapi/openapi.json").read_text())
    assert "slug_taken" in get_problem.sync("slug_taken", client=anonymous)
    assert get_docs_file.sync("swagger-ui.css", client=anonymous)


@pytest.mark.parametrize("content_type", ["text/html", "application/problem+json"])
def test_proxy_error_raises_unexpected_status(content_type: str) -> None:
    def proxy(_: httpx.Request) -> httpx.Response:
        return httpx.Response(502, headers={"Content-Type": content_type}, text="<h1>Bad gateway</h1>")

    client = Client(base_url="http://proxy.invalid", httpx_args={"transport": httpx.MockTransport(proxy)})
    with pytest.raises(UnexpectedStatus, match="Bad gateway"):
        list_posts.sync(client=client)


def test_readme_example_prints_what_it_shows(service: str, capsys: pytest.CaptureFixture[str]) -> None:
    readme = (ROOT / "clients/python/README.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    (expected,) = re.findall(r"```text\n(.*?)```", readme, re.DOTALL)
    code = code.replace("http://127.0.0.1:8080", service)
    exec(code.replace("posts_mfrggzdfmztwq2lknnwg23tpobyxe43u", "a-key-of-the-python-tests"), {})
    assert capsys.readouterr().out == expected


def test_package_version_matches_the_document() -> None:
    document = json.loads((ROOT / "openapi/openapi.json").read_text())
    package = tomllib.loads((ROOT / "clients/python/pyproject.toml").read_text())
    assert package["project"]["version"] == document["info"]["version"] == version("posts-api-client")
