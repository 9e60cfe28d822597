"""An address that hooks are sent to: a real web server that answers as it is told, or does not."""

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = int | str | tuple[int, dict[str, str]]
"""A status, `reset`, `cut` (taken, but the answer is lost), `slow` (taken, late), or a status with headers."""
SLOW = 1.0


@dataclass(frozen=True, kw_only=True)
class Received:
    """A request that came in whole."""

    path: str
    headers: dict[str, str]
    body: bytes
    answer: Answer
    at: float

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def moves(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.document["data"]["moves"]
        return found

    @property
    def taken(self) -> bool:
        return self.answer in (200, "cut", "slow")


@dataclass
class Receiver:
    """What came; `answers` are used up one by one, then `always` is asked of each request."""

    port: int
    received: list[Received] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    always: Callable[[bytes], Answer] = lambda _: 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks?key=k"

    @property
    def taken(self) -> list[dict[str, Any]]:
        """The moves of all requests that were taken."""
        return [move for one in self.received if one.taken for move in one.moves]

    def of(self, hook: str) -> list[Received]:
        """The requests of this hook."""
        return [one for one in self.received if hook_of(one.body) == hook]

    def told(self, hook: str | None = None) -> list[tuple[str, str]]:
        """(change, user id) in order, as often as it came; by this hook, or by all."""
        requests = self.received if hook is None else self.of(hook)
        moves = [move for one in requests if one.taken for move in one.moves]
        return [(move["change"], move["user_ids"][0]) for move in moves]


def hook_of(body: bytes) -> str:
    """Which hook a signed request is of."""
    name: str = json.loads(body)["data"]["hook"]
    return name


@contextmanager
def receiving() -> Iterator[Receiver]:
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with lock:
                answer = receiver.answers.pop(0) if receiver.answers else receiver.always(body)
                one = Received(
                    path=self.path, headers=dict(self.headers.items()), body=body, answer=answer, at=time.monotonic()
                )
                receiver.received.append(one)
            if answer in ("reset", "cut"):
                linger = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self.close_connection = True
                self.connection.close()
                return
            if answer == "slow":
                time.sleep(SLOW)
            status, headers = answer if isinstance(answer, tuple) else (200 if answer == "slow" else answer, {})
            self.send_response(int(status))
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quietly."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A connection that was cut on purpose."""

    server = Server(("127.0.0.1", 0), Handler)
    receiver = Receiver(port=server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
