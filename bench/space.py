"""A space of generated customers, and a Meta that takes everything at once: what is left is our own work."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import httpx
import orjson

from bench import data
from guestlist.clock import Clock
from guestlist.connected import connections
from guestlist.destinations.meta.client import Connection, MetaClient
from guestlist.destinations.meta.schemas import RELATIONS
from guestlist.records import open_records
from guestlist.space import Space, make_space, open_space
from guestlist.store.ledger import Ledger
from guestlist.store.vault import Secret
from guestlist.syncing import LEDGER_FILE, Syncing

NOW = datetime.fromisoformat(data.NOW)
SYNC = "customers@main"
_DESTINATION = "destinations: {main: {account: act_1, mapping: {extern_id: customer_number}}}\n"
_AUDIENCE = """\
key: customers
name: Customers
who:
  all:
    - { event: Signed Up }
    - { trait: status, equals: active }
    - { not: { event: Account Closed, within: 30 days } }
sync: { to: main }
"""


class Stopped(Clock):
    """A clock that shows the same instant, a second later at each look."""

    def __init__(self) -> None:
        self._at = NOW

    def now(self) -> datetime:
        self._at = datetime.fromtimestamp(self._at.timestamp() + 1, self._at.tzinfo)
        return self._at


class Connections(connections.Connections):
    """One client for all, whose transport takes every row and says so, without a network."""

    def __init__(self, clock: Clock) -> None:  # and without the space where credentials are kept
        self.requests = self.rows = self.bytes = 0
        self._clock = clock
        at = Connection(ad_account="act_1", token=Secret("nobody"))
        self._one = MetaClient(at, transport=httpx.MockTransport(self._answer))

    def client(self, _destination: str) -> MetaClient:
        """The same for every destination."""
        return self._one

    def used(self, _destination: str) -> float | None:
        """No answer says anything of calls."""
        return None

    def clock(self) -> Clock:
        return self._clock

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith("/users"):
            return httpx.Response(200, json={"id": "1", "data": []})
        rows = request.content.count(b"],[") + 1
        self.requests, self.rows, self.bytes = self.requests + 1, self.rows + rows, self.bytes + len(request.content)
        answer = {"audience_id": "1", "session_id": "1", "num_received": rows, "num_invalid_entries": 0}
        return httpx.Response(200, content=orjson.dumps({**answer, "invalid_entry_samples": {}}))


@contextmanager
def space(profiles: int, events: int) -> Iterator[Space]:
    """A space of its own, with so many people, that ends with the block."""
    source = data.warehouse(profiles, events)
    with tempfile.TemporaryDirectory(dir=data.FOLDER) as folder:
        made = make_space(Path(folder), country="DE", time_zone="Europe/Berlin")
        with made.settings_file.open("a") as settings:
            settings.write(_DESTINATION)
        (made.audiences / "customers.yaml").write_text(_AUDIENCE)
        shutil.copyfile(source, made.private / "warehouse.duckdb")
        yield open_space(made.folder)


@contextmanager
def syncing(at: Space, connected: Connections) -> Iterator[Syncing]:
    """The space opened as `guestlist sync` opens it, but for the network."""
    with (
        open_records(at) as records,
        at.open_warehouse() as warehouse,
        Ledger(at.private / LEDGER_FILE, RELATIONS) as ledger,
    ):
        opened = Syncing(
            space=at,
            records=records,
            warehouse=warehouse,
            ledger=ledger,
            clock=connected.clock(),
            connections=connected,
        )
        records.journal.take_over("bench", now=opened.now)
        yield opened
