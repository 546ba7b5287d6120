"""Adapts the OpenAPI document to openapi-python-client, and prints it.

    python adapt_document.py ../../openapi/openapi.json >adapted.json

The generated code then has the types that the hand-written client needs. The requests and responses stay the same.
"""

import json
import sys
from pathlib import Path
from typing import Any


def adapt(document: dict[str, Any]) -> None:
    schemas: dict[str, Any] = document["components"]["schemas"]
    drop_operations(document["paths"], tag="operations")
    # The client follows changes with requests for pages.
    document["paths"].pop("/api/changes/stream", None)
    schemas.pop("Health", None)
    split_list_items(schemas, [document["paths"][path]["get"] for path in ("/api/posts", "/api/changes")])
    for schema in schemas.values():
        for name, property in schema.get("properties", {}).items():
            schema["properties"][name] = free_form(property)
    describe_parameters(document)
    name_error_codes(schemas)


def drop_operations(paths: dict[str, Any], tag: str) -> None:
    """Removes the operations of the service itself, such as health checks, which are not part of the client."""
    for path, operations in list(paths.items()):
        paths[path] = {method: value for method, value in operations.items() if tag not in value.get("tags", [])}


def split_list_items(schemas: dict[str, Any], operations: list[dict[str, Any]]) -> None:
    """Replaces PostListItem, in which `content` and `excerpt` are optional.

    The client knows the view of the list that it requests. It therefore parses each item as a Post or as a PostSummary,
    and its methods declare the parameter `view`.
    """
    item = schemas.pop("PostListItem")
    del item["properties"]["content"]
    item["description"] = "A post without its content, as lists return it with `view=summary`."
    item["required"].append("excerpt")
    schemas["PostSummary"] = item
    schemas["PostPage"]["properties"]["items"]["items"] = {}
    schemas["ChangeItem"]["properties"]["post"] = {"description": "The post.", "type": ["object", "null"]}
    for operation in operations:
        operation["parameters"] = [each for each in operation["parameters"] if each.get("name") != "view"]


def free_form(schema: dict[str, Any]) -> dict[str, Any]:
    """Returns a schema for any value instead of an object without declared properties.

    The generator would declare a class for the object. The templates declare any value as a dictionary.
    """
    types = schema.get("type", [])
    if "object" not in types or "properties" in schema:
        return schema
    any_value: dict[str, Any] = {"description": schema["description"]}
    return {**any_value, "anyOf": [{}, {"type": "null"}]} if "null" in types else any_value


def describe_parameters(document: dict[str, Any]) -> None:
    """Copies the description of each parameter to its schema, where the templates find it."""
    operations = [each for path in document["paths"].values() for each in path.values()]
    lists: list[Any] = [*(each.get("parameters", []) for each in operations)]
    for parameter in [*sum(lists, []), *document["components"].get("parameters", {}).values()]:
        if "schema" in parameter and "description" in parameter:
            parameter["schema"].setdefault("description", parameter["description"])


def name_error_codes(schemas: dict[str, Any]) -> None:
    """Declares the known error codes as an enum of their own. `Problem.code` also accepts other codes."""
    code = schemas["Problem"]["properties"]["code"]
    schemas["ErrorCode"] = {"type": "string", "enum": code["x-extensible-enum"]}


if __name__ == "__main__":
    document = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    adapt(document)
    json.dump(document, sys.stdout)
