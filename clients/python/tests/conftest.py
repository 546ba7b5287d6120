"""Fixtures: the service on a temporary SQLite database, and clients of it."""

import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal
from blocking import Blocking
from scripted import ScriptedServer

from posts_api_client import AsyncPostsClient, PostsClient

KEY = "an-admin-key-of-the-python-tests"

Connect = Callable[..., PostsClient]


@pytest.fixture(scope="session")
def service() -> Iterator[str]:
    """The base URL of a service that runs until the end of the session."""
    with tempfile.TemporaryDirectory(prefix="posts-api-python") as directory, run_service(directory) as url:
        yield url


class run_service:
    """Runs the service in a directory, as a context manager. Its value is the base URL.

    `settings` are further environment variables.
    """

    def __init__(self, directory: str, **settings: str) -> None:
        self._directory = directory
        self._settings = settings
        self._port = "0"

    def __enter__(self) -> str:
        log = Path(self._directory, "log")
        # `env` and `cwd` keep settings of the shell and of an `.env` file out.
        settings = {"DATABASE_URL": "sqlite://posts.db", "PORT": self._port, "ADMIN_API_KEY": KEY, "RATE_LIMIT": "off"}
        settings.update(self._settings)
        with log.open("wb") as sink:
            program = os.environ["POSTS_API_BIN"]
            self._process = subprocess.Popen([program], cwd=self._directory, env=settings, stderr=sink)
        url = wait_for_address(self._process, log)
        self._port = url.rpartition(":")[2]
        return url

    def kill(self) -> None:
        """Ends the service without a shutdown. Enter the context again to start it on the same port."""
        self._process.kill()
        self._process.wait(timeout=30)

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(timeout=30)


def wait_for_address(process: subprocess.Popen[bytes], log: Path) -> str:
    """Returns the base URL that the service logs when it starts. Waits at most 30 seconds."""
    for _ in range(300):
        if found := re.search(r"listening on (http://[\d.:]+)", log.read_text()):
            return found[1]
        try:
            process.wait(timeout=0.1)
            break
        except subprocess.TimeoutExpired:
            pass
    raise RuntimeError(f"posts-api did not start:\n{log.read_text()}")


@pytest.fixture(params=["sync", "asyncio", "trio"])
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """A function that creates a client, which is closed at the end. All kinds of clients have blocking methods here."""
    if request.param == "sync":
        clients: list[PostsClient] = []

        def create(*args: Any, **options: Any) -> PostsClient:
            clients.append(PostsClient(*args, **options))
            return clients[-1]

        yield create
        for client in clients:
            client.close()
        return
    with start_blocking_portal(request.param) as portal:
        async_clients: list[AsyncPostsClient] = []

        def create_async(*args: Any, **options: Any) -> Any:
            async_clients.append(AsyncPostsClient(*args, **options))
            return Blocking(portal, async_clients[-1])

        yield create_async
        for async_client in async_clients:
            portal.call(async_client.aclose)


@pytest.fixture
def editor(service: str, connect: Connect) -> PostsClient:
    return connect(service, KEY)


@pytest.fixture
def reader(service: str, connect: Connect) -> PostsClient:
    return connect(service)


@pytest.fixture
def scripted() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server
