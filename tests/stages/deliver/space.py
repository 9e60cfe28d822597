"""Everything that one sync needs, against the simulator: to be run, killed, and run again."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.stages.deliver.shop import SETTINGS, Customer, do_not_send, fill, members, open_warehouse

from fakemeta.harness import Running
from guestlist.clock import SetClock
from guestlist.destinations.meta.account import Upkeep, Wish
from guestlist.destinations.meta.client import Connection, MetaClient
from guestlist.destinations.meta.deliver import Delivery, Report, Sender
from guestlist.destinations.meta.drawing import Drawer, Preview, Terms, relations
from guestlist.destinations.meta.prepare import Wanted, prepare, want
from guestlist.destinations.meta.relations import Relations
from guestlist.destinations.meta.schemas import RELATIONS
from guestlist.store.journal import Journal
from guestlist.store.journal_tables import Sync
from guestlist.store.ledger import Ledger
from guestlist.store.vault import Secret

KEY = "buyers@main"


class Killed(BaseException):
    """The process ends here."""


@dataclass
class Space:
    """One space with one sync. `customers` are all members unless `inside` says which."""

    folder: Path
    meta: Running
    customers: dict[str, Customer] = field(default_factory=dict)
    inside: set[str] | None = None
    listed: list[tuple[str, str]] = field(default_factory=list)
    terms: Terms = field(default_factory=lambda: Terms(sync=KEY, destination="main", keys=SETTINGS.keys))
    rows_per_request: int = 10_000
    newer: int = 0
    leave_late: set[str] = field(default_factory=set)
    slept: float = 0.0

    def __post_init__(self) -> None:
        self.clock = SetClock(datetime.fromtimestamp(int(self.meta.now()), UTC))
        self.client = MetaClient(
            Connection(
                ad_account=self.meta.ad_account,
                token=Secret(self.meta.access_token),
                app_secret=Secret(self.meta.app_secret),
                graph_url=self.meta.graph_url,
            )
        )
        self.open()

    def open(self) -> None:
        self.warehouse = open_warehouse(self.folder)
        self.ledger = Ledger(self.folder / "ledger.duckdb", RELATIONS, threads=2)
        self.journal = Journal.open(self.folder / "journal.sqlite")
        self.journal.take_over("test", now=self.now)
        if self.journal.sync(KEY) is None:
            self.journal.save_sync(Sync(key=KEY, audience="buyers", destination="main"))

    def close(self) -> None:
        self.warehouse.close()
        self.ledger.close()
        self.journal.close()

    def restart(self) -> None:
        self.close()
        self.open()

    @property
    def now(self) -> int:
        return int(self.clock.now().timestamp() * 1_000_000)

    def pass_time(self, seconds: float) -> None:
        self.clock.instant += timedelta(seconds=seconds)
        self.meta.advance(seconds)

    def sleep(self, seconds: float) -> None:
        self.slept += seconds
        self.pass_time(seconds)

    def have(self, customers: Iterable[Customer]) -> None:
        self.customers = {customer.id: customer for customer in customers}

    # what Delivery asks for

    def wanted(self) -> Wanted:
        fill(self.warehouse, self.customers.values())
        listed = do_not_send(self.warehouse, *self.listed)
        who = members(self.customers if self.inside is None else self.inside)
        prepare(self.warehouse, self.ledger, destination="main", settings=SETTINGS, members=who, do_not_send=listed)
        return want(self.warehouse, self.ledger, sync=KEY, destination="main", members=who, do_not_send=listed)

    def is_newer(self) -> bool:
        self.newer -= 1
        return self.newer == 0

    # commands

    def audience(self) -> str:
        sync = self.journal.sync(KEY)
        assert sync is not None
        keeper = Upkeep(journal=self.journal, client=self.client, clock=self.clock, sleep=self.sleep)
        made = keeper.ensure(sync, Wish(name="Buyers"))
        assert made.remote_id is not None
        return made.remote_id

    def run(self, *, client: Sender | None = None, **terms: Any) -> Report:
        delivery = Delivery(
            ledger=self.ledger,
            journal=self.journal,
            client=client or self.client,
            clock=self.clock,
            source=_Source(self),
            terms=replace(self.terms, **terms),
            audience=self.audience(),
            account=self.meta.ad_account,
            rows_per_request=self.rows_per_request,
            sleep=self.sleep,
            rng=random.Random(1),
        )
        return delivery.run()

    def preview(self) -> Preview:
        drawer = Drawer(ledger=self.ledger, journal=self.journal, terms=self.terms)
        return drawer.preview(self.wanted(), now=self.now)

    def at_meta(self) -> set[int]:
        return self.meta.members(self.audience())


@dataclass
class _Source:
    space: Space

    def wanted(self) -> Wanted:
        return self.space.wanted()

    def newer(self) -> bool:
        return self.space.is_newer()

    def gate(self) -> Relations | None:
        if not self.space.leave_late:
            return None
        self.space.inside = set(self.space.customers) - self.space.leave_late
        wanted = self.space.wanted()
        return relations(self.space.ledger, wanted, self.space.terms, now=self.space.now)
