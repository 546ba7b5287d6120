"""Fixtures: the service on a temporary SQLite database, and clients of it."""

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from posts_api_client import AuthenticatedClient, Client

KEY = "a-key-of-the-python-tests"


@pytest.fixture(scope="session")
def service() -> Iterator[str]:
    """The base URL of a service that runs until the end of the session."""
    with tempfile.TemporaryDirectory(prefix="posts-api-python") as directory:
        log = Path(directory, "log")
        # `env` and `cwd` keep settings of the shell and of an `.env` file out.
        settings = {"DATABASE_URL": "sqlite://posts.db", "PORT": "0", "ADMIN_API_KEY": KEY, "RATE_LIMIT": "off"}
        with log.open("wb") as sink:
            process = subprocess.Popen([os.environ["POSTS_API_BIN"]], cwd=directory, env=settings, stderr=sink)
        try:
            yield wait_for_address(process, log)
        finally:
            process.terminate()
            process.wait(timeout=30)


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


@pytest.fixture
def editor(service: str) -> Iterator[AuthenticatedClient]:
    with AuthenticatedClient(base_url=service, token=KEY) as client:
        yield client


@pytest.fixture
def anonymous(service: str) -> Iterator[Client]:
    with Client(base_url=service) as client:
        yield client
