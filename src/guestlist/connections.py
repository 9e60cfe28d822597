"""The connections of a space to its destinations, each made once, and the clock that goes with them."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from guestlist.clock import Clock, RemoteClock, WallClock
from guestlist.destinations.meta.client import MetaClient, date_at, on_this_machine
from guestlist.destinations.meta.connect import connection, kept_credentials
from guestlist.destinations.settings import read_destination
from guestlist.records import Records
from guestlist.space import Space


class Connections:
    """Clients by destination. Use `open_connections`."""

    def __init__(self, space: Space, records: Records) -> None:
        self._space = space
        self._records = records
        self._clients: dict[str, MetaClient] = {}

    def client(self, destination: str) -> MetaClient:
        """The connection to a destination."""
        if destination not in self._clients:
            settings = read_destination(self._space.settings, destination)
            credentials = kept_credentials(self._records.vault, destination)
            self._clients[destination] = MetaClient(connection(settings, credentials))
        return self._clients[destination]

    def close(self) -> None:
        """Close every connection that was made."""
        for client in self._clients.values():
            client.close()


@contextmanager
def open_connections(space: Space, records: Records) -> Iterator[Connections]:
    """The connections of a space; none is made before it is asked for."""
    connections = Connections(space, records)
    try:
        yield connections
    finally:
        connections.close()


def clock_of(space: Space) -> Clock:
    """The clock by which a space lives: this machine's; or that of a simulated Meta on it, which may run fast.

    Goes by what is written alone, so that a mistake in a destination stops nothing but that destination.
    """
    for written in space.settings.destinations.values():
        graph_url = str(written.get("graph_url", ""))
        if on_this_machine(graph_url):
            return RemoteClock(partial(date_at, graph_url))
    return WallClock()
