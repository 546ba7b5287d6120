"""Opens event streams, and measures how long after a publish each of them receives the event.

One thread serves all connections with epoll, so that the load generator needs as little CPU time as possible.
"""

import select
import socket
import time

from .process import BenchmarkError
from .servers import KEY

#: The end of an event. Neither the beginning of a stream nor a comment contains it, because only events contain JSON.
EVENT_END = b"}\n\n"
DEADLINE_SECONDS = 60


class Stream:
    """What has arrived on one stream."""

    def __init__(self):
        self.has_begun, self.tail = False, b""

    def receive(self, data):
        """Returns how many events end in these bytes."""
        text = self.tail + data
        if not self.has_begun:
            head, _, body = text.partition(b"\r\n\r\n")
            if not b"HTTP/1.1 200 ".startswith(head[:13]):
                raise BenchmarkError(f"an event stream begins with {text[:300]}")
            self.has_begun = b"\n\n" in body
        # The tail is too short to contain an event that has been counted.
        self.tail = text[1 - len(EVENT_END):] if self.has_begun else text
        return text.count(EVENT_END)


class EventStreams:
    """Open streams, and a connection that publishes posts."""

    def __init__(self, running, count):
        self.running, self.poller, self.sockets, self.streams = running, select.epoll(), {}, {}
        self.writer, self.response = self.connect(), b""
        for _ in range(count):
            connection = self.connect()
            connection.sendall(b"GET /api/changes/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.streams[connection.fileno()] = Stream()
        self.receive_until(lambda _: all(stream.has_begun for stream in self.streams.values()), "all streams to begin")

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.running.port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.poller.register(connection, select.EPOLLIN)
        self.sockets[connection.fileno()] = connection
        return connection

    def receive_until(self, is_done, what):
        """Receives until `is_done(times)`. Returns these times: when each event was complete."""
        times, deadline = [], time.monotonic() + DEADLINE_SECONDS
        while not is_done(times):
            if time.monotonic() > deadline:
                raise BenchmarkError(f"{self.running.server.name}: waited in vain for {what}\n{self.running.log()}")
            for descriptor, _ in self.poller.poll(1):
                data = self.sockets[descriptor].recv(65536)
                now = time.perf_counter()
                if not data:
                    raise BenchmarkError(f"{self.running.server.name} closed a connection\n{self.running.log()}")
                if descriptor in self.streams:
                    times += [now] * self.streams[descriptor].receive(data)
                else:
                    self.response += data
        return times

    def publish(self, id):
        """Publishes a draft. Returns, for each stream, the milliseconds from the request to the end of the event."""
        request = (f"POST /api/posts/{id}/publish HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {KEY}\r\n"
                   "Content-Length: 0\r\n\r\n")
        self.response, started = b"", time.perf_counter()
        self.writer.sendall(request.encode())
        times = self.receive_until(
            lambda times: len(times) >= len(self.streams) and is_complete(self.response),
            f"the event of post {id} in all streams")
        if not self.response.startswith(b"HTTP/1.1 200 ") or len(times) > len(self.streams):
            raise BenchmarkError(f"{self.running.server.name}: {len(times)} events, {self.response[:500]}")
        return [(at - started) * 1000 for at in times]

    def close(self):
        for connection in self.sockets.values():
            connection.close()
        self.poller.close()


def is_complete(response):
    """Whether the bytes of a response with Content-Length are complete."""
    head, end, body = response.partition(b"\r\n\r\n")
    if not end:
        return False
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return len(body) >= int(value)
    return False
