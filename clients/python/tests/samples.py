"""JSON of the service, for prepared responses: the examples of the OpenAPI document."""

import json
from pathlib import Path
from typing import Any

DOCUMENT: dict[str, Any] = json.loads((Path(__file__).parents[3] / "openapi/openapi.json").read_text(encoding="utf-8"))


def example(schema: str) -> dict[str, Any]:
    """Returns the example of a schema."""
    value: dict[str, Any] = DOCUMENT["components"]["schemas"][schema]["example"]
    return value


POST = {**example("Post"), "id": 1, "slug": "a"}
PAGE: dict[str, Any] = {"items": [POST], "next_cursor": None, "prev_cursor": None}
EMPTY_PAGE: dict[str, Any] = {"items": [], "next_cursor": None}
API_KEY = example("CreatedApiKey")
WEBHOOK = example("Webhook")
CREATED_WEBHOOK = example("CreatedWebhook")
ROTATED_SECRET = {"secret": CREATED_WEBHOOK["secret"], "previous_valid_until": None}
WEBHOOK_TEST = example("WebhookTestResult")
