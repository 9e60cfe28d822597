"""A deadline for whole requests. The waits of an HTTP client are for one piece each: who sends a byte now and then could
hold a request open for ever."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Lock, Timer
from typing import Any

_BOTH_WAYS = 2
"""`socket.SHUT_RDWR`, whatever system it is."""


class Line:
    """The one connection of a client, which is broken off by another thread when a request takes too long."""

    def __init__(self) -> None:
        self._changing = Lock()
        self._stream: Any = None
        self._handle: Any = None
        self._over = False

    def trace(self, event: str, facts: Mapping[str, Any]) -> None:
        """Told of each step by httpcore: https://www.encode.io/httpcore/extensions/#trace"""
        if event == "connection.connect_tcp.complete":
            with self._changing:
                self._close()
                self._stream = facts["return_value"]
                # A handle of its own: while TLS is agreed upon, the socket belongs to a stream that nobody knows yet.
                self._handle = self._stream.get_extra_info("socket").dup()
                if self._over:
                    self._break()
        elif event == "connection.start_tls.complete":
            self._stream = facts["return_value"]

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """One request. What is not over by then ends with an error of the client: TimeoutError is raised in its place."""
        under_way = [True]
        timer = Timer(seconds, self._end, [under_way])
        timer.daemon = True
        self._over = False
        timer.start()
        try:
            yield
        except Exception as error:
            if self._over:
                raise TimeoutError from error
            raise
        finally:
            timer.cancel()
            with self._changing:
                under_way.clear()
                if self._stream is not None and self._stream.get_extra_info("socket").fileno() < 0:
                    self._close()  # else the other side would not learn that the connection is closed

    def close(self) -> None:
        with self._changing:
            self._close()

    def _end(self, under_way: list[bool]) -> None:
        with self._changing:
            if under_way:
                self._over = True
                self._break()

    def _break(self) -> None:
        if self._handle is not None:
            with suppress(OSError):
                self._handle.shutdown(_BOTH_WAYS)

    def _close(self) -> None:
        if self._handle is not None:
            self._handle.close()
        self._handle = self._stream = None
