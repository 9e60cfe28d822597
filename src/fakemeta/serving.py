"""Running the application on a loopback port."""

import socket
from collections.abc import Callable

import uvicorn

from fakemeta.connection import CuttableProtocol
from fakemeta.server import create_app
from fakemeta.world import World

_HOST = "127.0.0.1"
_LONGEST_HEADERS = 8 * 1024 * 1024  # uvicorn's 64 KiB would hide Meta's own answer to over-long URLs


class Server(uvicorn.Server):
    """uvicorn, calling back once it accepts connections."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()


def bind(port: int) -> socket.socket:
    """A listening-to-be socket on loopback; port 0 takes a free one."""
    # asyncio switches Nagle's algorithm off only where the protocol is named; with it each answer takes 40 ms more.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((_HOST, port))
    return listener


def url_of(listener: socket.socket) -> str:
    """The base for `/v25.0/…`: without a version, since the client chooses it."""
    return f"http://{_HOST}:{listener.getsockname()[1]}"


def server_for(world: World, ready: Callable[[], None]) -> Server:
    """No access log: uvicorn's would print query strings, and with them tokens and rows."""
    config = uvicorn.Config(
        create_app(world),
        http=CuttableProtocol,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="critical",
        date_header=False,
        server_header=False,
        h11_max_incomplete_event_size=_LONGEST_HEADERS,
        timeout_graceful_shutdown=1,
    )
    return Server(config, ready)
