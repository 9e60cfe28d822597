"""The connections of a space to its destinations, each made once, and the clock that goes with them.

A destination that is parked is not called; what is called, and refused in a way that parks it, parks it from then on.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Literal

from guestlist.clock import Clock, RemoteClock, WallClock, microseconds
from guestlist.connected import parking
from guestlist.destinations.meta.client import MetaClient, date_at, on_this_machine
from guestlist.destinations.meta.connect import Credentials, connection, kept_credentials
from guestlist.destinations.meta.pace import Usage
from guestlist.destinations.meta.verdicts import Rule
from guestlist.destinations.settings import read_destination
from guestlist.records import Records
from guestlist.space import Space
from guestlist.store.journal_tokens import Parked

Asking = Literal["now", "in time", "never"]
"""When Meta is asked whether what parked a destination is over: at once, when it is time to, or not at all."""


class Connections:
    """Clients by destination. Use `open_connections`."""

    def __init__(self, space: Space, records: Records, *, asking: Asking = "now") -> None:
        self._space = space
        self._records = records
        self._asking = asking
        self._asked: set[str] = set()
        self._clock = clock_of(space)
        self._clients: dict[str, tuple[Credentials, MetaClient]] = {}

    def client(self, destination: str) -> MetaClient:
        """The connection to a destination, with the token that it has now; raises why it is parked, if it is."""
        settings = read_destination(self._space.settings, destination)
        client = self._client(destination)
        parked = self._records.journal.parked(destination)
        if parked is not None and not self._over(parked, settings.account, client):
            raise parking.error_of(self._records.journal.parked(destination) or parked)
        return client

    def used(self, destination: str) -> float | None:
        """Percent of its calls that the ad account has used up; None where no answer said anything of that."""
        known = self._clients.get(destination)
        return None if known is None or known[1].usage == Usage() else known[1].usage.percent

    def _over(self, parked: Parked, account: str, client: MetaClient) -> bool:
        now = microseconds(self._clock.now())
        if self._asking == "never" or (self._asking == "in time" and now < parked.ask_at):
            return False
        if self._asking == "now" and parked.destination in self._asked:
            return False
        self._asked.add(parked.destination)
        return parking.look_whether_over(self._records.journal, parked, account, client, now=now)

    def _client(self, destination: str) -> MetaClient:
        credentials = kept_credentials(self._records.vault, destination)
        known = self._clients.get(destination)
        if known is not None and known[0] == credentials:
            return known[1]
        if known is not None:
            known[1].close()
        settings = read_destination(self._space.settings, destination)
        on_refusal = partial(self._note, destination, settings.account)
        made = MetaClient(connection(settings, credentials, destination), on_refusal=on_refusal)
        self._clients[destination] = (credentials, made)
        return made

    def _note(self, destination: str, account: str, rule: Rule) -> None:
        parking.note(self._records.journal, destination, account, rule, now=microseconds(self._clock.now()))

    def close(self) -> None:
        """Close every connection that was made."""
        for _, client in self._clients.values():
            client.close()


@contextmanager
def open_connections(space: Space, records: Records, *, asking: Asking = "now") -> Iterator[Connections]:
    """The connections of a space; none is made before it is asked for."""
    connections = Connections(space, records, asking=asking)
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
            return clock_at(graph_url)
    return WallClock()


def clock_at(graph_url: str) -> Clock:
    """The clock of what is at that address: of a simulated Meta on this machine, or this machine's."""
    return RemoteClock(partial(date_at, graph_url)) if on_this_machine(graph_url) else WallClock()
