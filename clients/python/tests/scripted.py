"""A server that sends prepared responses in order and records the requests."""

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass
class Response:
    """A prepared response. With `hangs_up`, the connection closes before the response, or behind a part of the body."""

    status: int = 200
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict[str, str])
    hangs_up: bool = False


@dataclass
class Received:
    method: str
    path: str
    headers: dict[str, str]
    body: str


def problem(status: int, code: str, headers: dict[str, str] | None = None, **more: object) -> Response:
    """A problem response as the service sends it."""
    body: dict[str, object] = {
        "type": f"/problems/{code}",
        "title": f"Title of {code}",
        "status": status,
        "detail": f"details of {code}",
        "code": code,
        "request_id": "r-1",
        **more,
    }
    return Response(status, json.dumps(body), {"Content-Type": "application/problem+json", **(headers or {})})


def success(body: object, headers: dict[str, str] | None = None, status: int = 200) -> Response:
    return Response(status, json.dumps(body), {"Content-Type": "application/json", **(headers or {})})


HANG_UP = Response(status=0, hangs_up=True)
"""Closes the connection without a response."""


class ScriptedServer:
    """The server. It repeats the last response for all further requests."""

    def __init__(self) -> None:
        self.responses: list[Response] = []
        self.requests: list[Received] = []
        self._lock = threading.Lock()

    def next(self, request: Received) -> Response:
        with self._lock:
            self.requests.append(request)
            return self.responses[min(len(self.requests), len(self.responses)) - 1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        scripted = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                self.raw_requestline = self.rfile.readline()
                if not self.raw_requestline or not self.parse_request():
                    self.close_connection = True
                    return
                body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
                headers = {name.lower(): value for name, value in self.headers.items()}
                self.respond(scripted.next(Received(self.command, self.path, headers, body)))

            def respond(self, response: Response) -> None:
                self.close_connection = response.hangs_up
                if response.status == 0:
                    return
                self.send_response(response.status)
                body = response.body.encode()
                for name, value in response.headers.items():
                    self.send_header(name, value)
                if response.status not in (204, 304):
                    self.send_header("Content-Length", str(len(body) + response.hangs_up))
                self.end_headers()
                self.wfile.write(body)
                self.wfile.flush()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
