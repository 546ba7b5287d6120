"""Runs the scenario of README.md in the parent directory with OpenAPI Generator's Python client."""

import os
from collections.abc import Callable
from typing import TypeVar

from posts_api_client import (
    ApiClient,
    ApiException,
    Batch,
    Configuration,
    CreatePost,
    Post,
    PostsApi,
    Problem,
    UpdatePost,
)

T = TypeVar("T")

configuration = Configuration(host=os.environ["POSTS_API_URL"], access_token=os.environ["POSTS_API_KEY"])
posts = PostsApi(ApiClient(configuration))


def problem(request: Callable[[], object], status: int) -> Problem:
    """Returns the problem of a request that must fail with this status."""
    try:
        request()
    except ApiException as error:
        assert error.status == status, error
        assert isinstance(error.data, Problem), error
        return error.data
    raise AssertionError("the request succeeded")


def create_with_a_title_only() -> Post:
    draft = posts.create_post(CreatePost(title="A draft"))
    assert draft.slug == "a-draft"
    assert draft.content is None
    assert draft.published is False
    assert draft.tags == []
    return draft


def create_with_all_fields() -> Post:
    full = posts.create_post(
        CreatePost(
            title="Harbor lights",
            slug="harbor-lights",
            description="Boats at night",
            content="The boats come home.",
            tags=["C++ & Rust", "Sea"],
            authors=["Ada Lovelace"],
            image="/harbor.jpg",
            image_alt="A harbor",
            metadata={"rating": 5, "places": ["Porto"]},
            published=True,
        )
    )
    assert full.published is True
    assert full.tags == ["C++ & Rust", "Sea"]
    assert full.metadata == {"rating": 5, "places": ["Porto"]}
    return full


def create_once_per_idempotency_key() -> None:
    note = CreatePost(title="Note", content="A harbor in the rain.", tags=["Rain"], published=True)
    first = posts.create_post(note, idempotency_key="note")
    second = posts.create_post(note, idempotency_key="note")
    assert second.id == first.id


def create_a_batch() -> None:
    items = [CreatePost(title="One", published=True), CreatePost(title="Harbor lights", slug="harbor-lights")]
    batch = posts.batch_create_posts(Batch(posts=items, on_conflict="skip"))
    assert [item.result for item in batch.items] == ["created", "skipped"]


def get_by_id_and_by_slug(full: Post) -> None:
    assert posts.get_post(full.id) == full
    assert posts.get_post_by_slug(full.slug) == full


def list_the_full_view() -> None:
    items = posts.list_posts().items
    assert [post.title for post in items] == ["One", "Note", "Harbor lights"]
    assert items[2].content == "The boats come home."
    assert items[2].excerpt is None


def list_the_summary_view() -> None:
    items = posts.list_posts(view="summary").items
    assert items[2].excerpt == "Boats at night"
    assert items[1].excerpt == "A harbor in the rain."
    assert items[2].content is None


def search_by_relevance() -> None:
    items = posts.list_posts(q="harbor").items
    assert [post.title for post in items] == ["Harbor lights", "Note"]


def filter_by_repeated_slugs_and_tags() -> None:
    by_slug = posts.list_posts(slug=["harbor-lights", "one"]).items
    assert [post.slug for post in by_slug] == ["one", "harbor-lights"]
    by_tag = posts.list_posts(tag=["C++ & Rust", "Rain"]).items
    assert [post.title for post in by_tag] == ["Note", "Harbor lights"]


def follow_cursors() -> None:
    page = posts.list_posts(limit=2, count="exact")
    assert page.total == 3
    titles = [post.title for post in page.items]
    while page.next_cursor is not None:
        page = posts.list_posts(limit=2, cursor=page.next_cursor)
        titles += [post.title for post in page.items]
    assert titles == ["One", "Note", "Harbor lights"]


def update_and_clear_fields(full: Post) -> None:
    patch = UpdatePost(title="Harbor lamps", content=None, metadata={"rating": None})
    updated = posts.update_post(full.id, patch)
    assert updated.title == "Harbor lamps"
    assert updated.content is None
    assert updated.metadata == {"places": ["Porto"]}
    assert updated.description == "Boats at night"
    assert updated.tags == ["C++ & Rust", "Sea"]


def reject_an_outdated_etag(full: Post) -> None:
    patch = UpdatePost(title="Lost")
    assert problem(lambda: posts.update_post(full.id, patch, if_match='"outdated"'), 412).code == "precondition_failed"


def publish_and_unpublish(draft: Post) -> None:
    assert posts.publish_post(draft.id).published is True
    assert posts.unpublish_post(draft.id).published is False


def list_tags() -> None:
    tags = posts.list_tags().items
    assert [(tag.name, tag.posts) for tag in tags] == [("C++ & Rust", 1), ("Rain", 1), ("Sea", 1)]


def read_a_validation_problem() -> None:
    post = CreatePost(title="Twice", tags=["Sea", "SEA"])
    rejected = problem(lambda: posts.create_post(post), 422)
    assert rejected.code == "validation_failed"
    assert [(error.pointer, error.code) for error in rejected.errors or []] == [("/tags/1", "duplicate")]


def read_a_not_found_problem() -> None:
    assert problem(lambda: posts.get_post(999_999), 404).code == "not_found"


def delete(draft: Post) -> None:
    posts.delete_post(draft.id)
    problem(lambda: posts.get_post(draft.id), 404)


def step(name: str, run: Callable[[], T]) -> T:
    """Runs one step of the scenario and prints its name."""
    result = run()
    print(name, flush=True)
    return result


draft = step("create with a title only", create_with_a_title_only)
full = step("create with all fields", create_with_all_fields)
step("create once per idempotency key", create_once_per_idempotency_key)
step("create a batch", create_a_batch)
step("get by id and by slug", lambda: get_by_id_and_by_slug(full))
step("list the full view", list_the_full_view)
step("list the summary view", list_the_summary_view)
step("search by relevance", search_by_relevance)
step("filter by repeated slugs and tags", filter_by_repeated_slugs_and_tags)
step("follow cursors", follow_cursors)
step("update and clear fields", lambda: update_and_clear_fields(full))
step("reject an outdated ETag", lambda: reject_an_outdated_etag(full))
step("publish and unpublish", lambda: publish_and_unpublish(draft))
step("list tags", list_tags)
step("read a validation problem", read_a_validation_problem)
step("read a not-found problem", read_a_not_found_problem)
step("delete", lambda: delete(draft))
