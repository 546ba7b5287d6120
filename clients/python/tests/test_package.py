"""Tests the package that users install."""

import inspect
import os
import tomllib
import zipfile
from importlib.metadata import metadata, version
from pathlib import Path

from samples import DOCUMENT

import posts_api_client
from posts_api_client import _async, _sync

ROOT = Path(__file__).parents[3]


def test_version_is_that_of_the_document() -> None:
    project = tomllib.loads((ROOT / "clients/python/pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == DOCUMENT["info"]["version"] == version("posts-api-client")


def test_wheel_contains_the_licenses_and_the_type_marker() -> None:
    (wheel,) = Path(os.environ["WHEELS"]).glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        prefix = f"posts_api_client-{version('posts-api-client')}.dist-info/licenses"
        for name in ("LICENSE-APACHE", "LICENSE-MIT"):
            assert archive.read(f"{prefix}/{name}") == (ROOT / name).read_bytes()
    assert "posts_api_client/py.typed" in names
    assert {name.split("/")[0] for name in names} == {"posts_api_client", prefix.split("/")[0]}
    assert metadata("posts-api-client")["License-Expression"] == "MIT OR Apache-2.0"


def test_public_names_exist_and_hide_the_generated_code() -> None:
    public = {name for name in vars(posts_api_client) if not name.startswith("_")}
    assert public == set(posts_api_client.__all__)


def test_every_operation_has_a_method() -> None:
    operations = {
        operation["operationId"]
        for path, operations in DOCUMENT["paths"].items()
        for operation in operations.values()
        if "operations" not in operation["tags"] and path != "/api/changes/stream"
    }
    source = inspect.getsource(_async)
    assert {name for name in operations if f"api.{name}" not in source} == set()


def test_both_clients_have_the_same_methods() -> None:
    for name in ("PostsClient", "Posts", "Labels", "Redirects", "Changes", "Keys", "Webhooks"):
        synchronous = getattr(_sync, name)
        asynchronous = getattr(_async, f"Async{name}")
        for method, function in inspect.getmembers(synchronous, inspect.isfunction):
            if method.startswith("_") or method == "close":
                continue
            other = getattr(asynchronous, method)
            assert inspect.signature(function).parameters == inspect.signature(other).parameters
            assert inspect.getdoc(function) == inspect.getdoc(other)
        assert inspect.getdoc(synchronous) == inspect.getdoc(asynchronous)


def test_known_error_codes_are_those_of_the_document() -> None:
    code = DOCUMENT["components"]["schemas"]["Problem"]["properties"]["code"]
    service, client = posts_api_client.KnownErrorCode.__args__
    assert set(service.__args__) == set(code["x-extensible-enum"])
    assert set(client.__args__) == {"no_response", "unexpected_response"}
