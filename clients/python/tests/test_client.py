"""What users of the package do with it, on the real service."""

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


def write(client: AuthenticatedClient, **fields: object) -> Post:
    return create_post.sync(client=client, body=CreatePost.from_dict({"title": "A post", **fields}))


def published_slugs(client: Client) -> list[str]:
    page = list_posts.sync(client=client)
    assert isinstance(page, PostPage)
    return [post.slug for post in page.items]


def test_a_draft_is_written_published_and_listed(editor: AuthenticatedClient, anyone: Client) -> None:
    draft = write(editor, title="Hello from Python", content="Snakes.")
    assert (draft.slug, draft.published, draft.published_at, draft.version) == ("hello-from-python", False, None, 1)
    assert draft.slug not in published_slugs(anyone)

    post = publish_post.sync(draft.id, client=editor)
    assert post.published and post.version == 2
    assert isinstance(post.published_at, datetime.datetime) and post.published_at.tzinfo is not None
    assert draft.slug in published_slugs(anyone)
    assert get_post_by_slug.sync(draft.slug, client=anyone) == post

    delete_post.sync(post.id, client=editor)
    assert draft.slug not in published_slugs(anyone)


def test_a_wrong_field_is_a_typed_problem(editor: AuthenticatedClient) -> None:
    with pytest.raises(ProblemError) as caught:
        write(editor, title=" ", slug="Not a slug")
    error = caught.value
    assert (error.status, error.code) == (422, "validation_failed")
    assert isinstance(error.problem.errors, list)
    assert {(mistake.pointer, mistake.code) for mistake in error.problem.errors} == {
        ("/title", "empty"),
        ("/slug", "format"),
    }
    assert error.problem.request_id and error.problem.request_id in str(error)


def test_what_may_not_be_is_told_by_its_code(editor: AuthenticatedClient, anyone: Client) -> None:
    post = write(editor, slug="taken")
    with pytest.raises(ProblemError, match="slug_taken"):
        write(editor, slug="taken")
    with pytest.raises(ProblemError, match="not_found"):
        get_post.sync(post.id, client=anyone)
    with pytest.raises(ProblemError, match="key_required"):
        publish_post.sync(post.id, client=anyone)


def test_a_change_of_an_old_version_is_refused(editor: AuthenticatedClient) -> None:
    created = create_post.sync_detailed(client=editor, body=CreatePost(title="Old"))
    assert created.parsed is not None
    tag = created.headers["ETag"]
    update_post.sync(created.parsed.id, client=editor, body=UpdatePost(title="New"), if_match=tag)
    with pytest.raises(ProblemError, match="precondition_failed"):
        update_post.sync(created.parsed.id, client=editor, body=UpdatePost(title="Newer"), if_match=tag)


def test_a_change_leaves_what_it_does_not_name_and_clears_what_is_none(editor: AuthenticatedClient) -> None:
    post = write(editor, title="Before", content="Text.")
    assert update_post.sync(post.id, client=editor, body=UpdatePost(title="After")).content == "Text."
    assert update_post.sync(post.id, client=editor, body=UpdatePost(content=None)).content is None


def test_what_has_not_changed_is_told_so(editor: AuthenticatedClient, anyone: Client) -> None:
    write(editor, slug="unchanged", published=True)
    tag = get_post_by_slug.sync_detailed("unchanged", client=anyone).headers["ETag"]
    with pytest.raises(NotModified):
        get_post_by_slug.sync("unchanged", client=anyone, if_none_match=tag)


def test_a_post_is_published_at_a_time(editor: AuthenticatedClient) -> None:
    at = datetime.datetime(2099, 1, 1, tzinfo=datetime.UTC)
    post = publish_post.sync(write(editor).id, client=editor, body=Publish(at=at))
    assert (post.published, post.scheduled_for) == (False, at)


def test_put_and_batch_write_posts_by_slug(editor: AuthenticatedClient) -> None:
    first = put_post.sync("about", client=editor, body=PutPost(title="About", published=True))
    second = put_post.sync("about", client=editor, body=PutPost(title="About us", published=True))
    assert (second.id, second.version) == (first.id, 2)
    posts = [CreatePost(title="One", slug="batch-1"), CreatePost(title="Two", slug="batch-2")]
    answer = create_posts.sync(client=editor, body=Batch(posts=posts))
    assert [item.result for item in answer.items] == [BatchItemResult.CREATED] * 2


def test_a_request_that_is_sent_twice_is_carried_out_once(editor: AuthenticatedClient) -> None:
    name = str(uuid.uuid4())
    first, second = (
        create_post.sync(client=editor, body=CreatePost(title="Once"), idempotency_key=name) for _ in range(2)
    )
    assert first == second


def test_pages_lead_to_one_another(editor: AuthenticatedClient, anyone: Client) -> None:
    slugs = [f"page-{number}" for number in range(5)]
    for slug in slugs:
        write(editor, slug=slug, published=True)
    found: list[str] = []
    page = list_posts.sync(client=anyone, slug=slugs, sort=ListPostsSort.ID, limit=2)
    while isinstance(page, PostPage):
        found += [post.slug for post in page.items]
        if page.next_cursor is None:
            break
        page = list_posts.sync(client=anyone, slug=slugs, sort=ListPostsSort.ID, limit=2, cursor=page.next_cursor)
    assert found == slugs


def test_summaries_and_totals_have_types_of_their_own(editor: AuthenticatedClient, anyone: Client) -> None:
    write(editor, slug="summed-up", content="# Heading\n\nText.", published=True)
    page = list_posts.sync(client=anyone, slug=["summed-up"], view=ListPostsView.SUMMARY, count=ListPostsCount.EXACT)
    assert isinstance(page, PostSummaryPage)
    assert (page.items[0].excerpt, page.total) == ("Heading Text.", 1)


def test_calls_can_be_awaited(service: str, editor: AuthenticatedClient) -> None:
    async def titles() -> list[str]:
        async with Client(base_url=service) as client:
            page = await list_posts.asyncio(client=client, slug=["awaited"])
            assert isinstance(page, PostPage)
            with pytest.raises(ProblemError, match="not_found"):
                await get_post.asyncio(9_007_199_254_740_991, client=client)
            return [post.title for post in page.items]

    write(editor, title="Awaited", published=True)
    assert asyncio.run(titles()) == ["Awaited"]


def test_the_other_routes_answer_too(anyone: Client) -> None:
    assert live.sync(client=anyone).status == "ok"
    assert get_openapi.sync(client=anyone) == json.loads((ROOT / "openapi/openapi.json").read_text())
    assert "slug_taken" in get_problem.sync("slug_taken", client=anyone)
    assert get_docs_file.sync("swagger-ui.css", client=anyone)


@pytest.mark.parametrize("content_type", ["text/html", "application/problem+json"])
def test_an_answer_that_is_not_the_service_s_is_told_apart(content_type: str) -> None:
    def proxy(_: httpx.Request) -> httpx.Response:
        return httpx.Response(502, headers={"Content-Type": content_type}, text="<h1>Bad gateway</h1>")

    client = Client(base_url="http://proxy.invalid", httpx_args={"transport": httpx.MockTransport(proxy)})
    with pytest.raises(UnexpectedStatus, match="Bad gateway"):
        list_posts.sync(client=client)


def test_the_readme_says_what_works(service: str, capsys: pytest.CaptureFixture[str]) -> None:
    readme = (ROOT / "clients/python/README.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    (printed,) = re.findall(r"```text\n(.*?)```", readme, re.DOTALL)
    code = code.replace("http://127.0.0.1:8080", service)
    exec(code.replace("posts_mfrggzdfmztwq2lknnwg23tpobyxe43u", "a-key-of-the-python-tests"), {})
    assert capsys.readouterr().out == printed


def test_the_package_has_the_version_of_the_document() -> None:
    document = json.loads((ROOT / "openapi/openapi.json").read_text())
    package = tomllib.loads((ROOT / "clients/python/pyproject.toml").read_text())
    assert package["project"]["version"] == document["info"]["version"] == version("posts-api-client")
