"""The running process: its keepers, its web server, and how it ends.

A standby beside the process that it waits for cannot have the same port: it begins to listen when it takes over.
"""

import errno
import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread
from types import FrameType
from typing import Any

import uvicorn

from guestlist.clock import stopwatch
from guestlist.errors import GuestlistError
from guestlist.service.keeper import Keeper, Stand
from guestlist.service.logs import Log, ServerLog

STOP_WITHIN = 90.0
"""Seconds that a request in flight may take to end; a second signal does not wait for it."""
_LOOK = 0.2
_MOST_CONNECTIONS = 2_000
_PORT_IS_LET_GO = 15.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Server(uvicorn.Server):
    """uvicorn, told by us when to end instead of by signals, and saying when it accepts connections."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()


@dataclass(frozen=True, kw_only=True)
class Place:
    host: str
    port: int


class Service:
    """Serves an application while its keepers keep their spaces; ends when told to, or when one of them fails."""

    def __init__(self, keepers: Sequence[Keeper], application: Any, place: Place, log: Log) -> None:
        self._keepers = keepers
        self._application = application
        self._place = place
        self._log = log
        self._stopping = Event()
        self._server: Server | None = None

    def run(self, ready: Callable[[str | None], None]) -> None:
        """Until it is told to stop. `ready` is called with its address; with None while the port is still another's."""
        with self._signals():
            listener = self._listen()
            for keeper in self._keepers:
                keeper.start()
            try:
                self._serve(listener, ready)
            finally:
                self._end()
        for keeper in self._keepers:
            if keeper.error is not None:
                raise keeper.error

    # --- serving ------------------------------------------------------------------------------------------------------

    def _serve(self, listener: socket.socket | None, ready: Callable[[str | None], None]) -> None:
        for keeper in self._keepers:
            keeper.settled.wait()
        if listener is None:
            listener = self._listen_later(ready)
        if listener is None or self._over():
            return
        with listener:
            url = _url(self._place.host, listener)
            config = uvicorn.Config(
                self._application,
                ws="none",
                access_log=False,
                log_config=None,
                log_level="warning",
                server_header=False,
                timeout_graceful_shutdown=10,
                limit_concurrency=_MOST_CONNECTIONS,
            )
            quiet = logging.getLogger("uvicorn")
            quiet.handlers, quiet.propagate = [ServerLog(self._log)], False
            self._server = Server(config, lambda: ready(url))
            Thread(target=self._watch, name="watching keepers", daemon=True).start()
            self._server.run(sockets=[listener])

    def _over(self) -> bool:
        return self._stopping.is_set() or any(keeper.stand is Stand.ENDED for keeper in self._keepers)

    def _listen_later(self, ready: Callable[[str | None], None]) -> socket.socket | None:
        """The port belongs to another process: ours once we hold a space."""
        if all(keeper.stand is Stand.STANDBY for keeper in self._keepers):
            ready(None)
        while not self._over() and all(keeper.stand is Stand.STANDBY for keeper in self._keepers):
            self._stopping.wait(_LOOK)
        waited = stopwatch()
        while not self._over():
            listener = self._listen()
            if listener is not None:
                return listener
            if waited() > _PORT_IS_LET_GO:
                raise _port_in_use(self._place)
            self._stopping.wait(_LOOK)
        return None

    def _listen(self) -> socket.socket | None:
        """The socket; None where another process has the port."""
        family = socket.AF_INET6 if ":" in self._place.host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self._place.host, self._place.port))
            listener.listen(2048)
        except OSError as error:
            listener.close()
            if error.errno == errno.EADDRINUSE:
                return None
            raise _no_address(self._place) from error
        return listener

    # --- ending -------------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Begin no request; those in flight end."""
        self._stopping.set()
        for keeper in self._keepers:
            keeper.stop()
        if self._server is not None:
            self._server.should_exit = True

    def _end(self) -> None:
        self.stop()
        waited = stopwatch()
        for keeper in self._keepers:
            if not keeper.join(max(STOP_WITHIN - waited(), 0.1)):
                self._log.event("stopped_hard", space=keeper.space.folder.name)
                _at_once(signal.SIGTERM)
        self._log.event("stopped", seconds=round(waited(), 3))

    @contextmanager
    def _signals(self) -> Iterator[None]:
        before = {number: signal.signal(number, self._told) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _told(self, number: int, _: FrameType | None) -> None:
        if self._stopping.is_set():
            _at_once(number)
        self._log.event("stopping", signal=signal.Signals(number).name)
        self.stop()

    def _watch(self) -> None:
        """Stop when a keeper ended without being told to."""
        while not self._over():
            self._stopping.wait(_LOOK)
        self.stop()


def _at_once(number: int) -> None:
    """Nothing is lost by that: it is what a crash is, and planned again from what is recorded."""
    os._exit(128 + number)


def _url(host: str, listener: socket.socket) -> str:
    port = listener.getsockname()[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _port_in_use(place: Place) -> GuestlistError:
    return GuestlistError(
        "port_in_use",
        f"Another process listens on port {place.port} of {place.host}.",
        nothing_lost="Nothing was changed.",
        next_step="Stop it, or choose another port: guestlist serve --port 8001",
    )


def _no_address(place: Place) -> GuestlistError:
    return GuestlistError(
        "no_such_address",
        f"This machine cannot listen on {place.host}, port {place.port}.",
        nothing_lost="Nothing was changed.",
        next_step="Give an address of this machine: guestlist serve --host 127.0.0.1 --port 8000",
    )
