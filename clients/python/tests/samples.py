"""JSON of the service, for prepared responses."""

from typing import Any

TIME = "2026-01-31T12:00:00.000000Z"

POST: dict[str, Any] = {
    "id": 1,
    "slug": "a",
    "title": "A",
    "description": None,
    "content": None,
    "tags": [],
    "authors": [],
    "image": None,
    "image_alt": None,
    "metadata": {},
    "published": False,
    "published_at": None,
    "scheduled_for": None,
    "created_at": TIME,
    "updated_at": TIME,
    "version": 1,
}
PAGE: dict[str, Any] = {"items": [POST], "next_cursor": None, "prev_cursor": None}
EMPTY_PAGE: dict[str, Any] = {"items": [], "next_cursor": None}
API_KEY: dict[str, Any] = {
    "id": 1,
    "name": "ci",
    "role": "editor",
    "created_at": TIME,
    "created_by": None,
    "expires_at": None,
    "last_used_on": None,
    "key": "secret",
}
