"""Sources in a running service: what is due is loaded, once, and what a person asked for outlives a restart."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import pytest

from guestlist.clock import SetClock, microseconds
from guestlist.records import Records, open_records
from guestlist.service.loads import Loads
from guestlist.service.logs import Log
from guestlist.space import Space, open_space
from guestlist.store import Warehouse
from guestlist.store.journal_pulls import Pull
from guestlist.syncing import Syncing

from .conftest import Shop
from .postgres import Postgres


@dataclass
class Service:
    """A space as its keeper has it, and the loads of that keeper."""

    space: Space
    records: Records
    warehouse: Warehouse
    clock: SetClock
    loads: Loads = field(default_factory=Loads)
    said: list[dict[str, Any]] = field(default_factory=list)

    @property
    def now(self) -> int:
        return microseconds(self.clock.instant)

    def look(self) -> None:
        log = Log(lambda line: self.said.append(json.loads(line)), self.clock, as_json=True)
        self.loads.look(cast(Syncing, self), log)

    def go_on(self) -> list[str]:
        """Look until nothing is under way; gives how loads ended since last time."""
        self.look()
        while under_way := list(self.loads._under_way.values()):
            assert all(one.over.wait(30) for one in under_way)
            self.look()
        ends, self.said = [one["state"] for one in self.said], []
        return ends

    def restart(self) -> None:
        """Its process was killed: what was under way is not known any more."""
        for one in self.loads._under_way.values():
            assert one.over.wait(30)
        self.loads = Loads()

    def ask(self, *, accept: bool = False) -> None:
        self.clock.instant += timedelta(seconds=1)
        self.records.journal.ask_load("crm", accept=accept, now=self.now)

    def pull(self) -> Pull:
        return self.records.journal.pulls()["crm"]


def opened(shop: Shop) -> Iterator[Service]:
    space = open_space(shop.folder)
    with open_records(space) as records, space.open_warehouse() as warehouse:
        yield Service(space, records, warehouse, shop.clock)


@pytest.fixture
def service(shop: Shop) -> Iterator[Service]:
    """It loads a file of four lines every hour."""
    shop.source(files="people.csv", key="id", every="1h")
    write(shop, 4)
    yield from opened(shop)


def write(shop: Shop, lines: int) -> None:
    rows = (f"{number},p{number}@example.org,free\n" for number in range(1, lines + 1))
    (shop.folder / "people.csv").write_text("id,email,plan\n" + "".join(rows))


def test_a_source_is_loaded_when_it_is_due_and_not_before(service: Service) -> None:
    ends = []
    for minutes in (0, 30, 29, 1, 1, 59):
        service.clock.instant += timedelta(minutes=minutes)
        ends.append(service.go_on())
    assert ends == [["loaded"], [], [], ["unchanged"], [], ["unchanged"]]


def test_times_that_were_missed_while_nobody_ran_are_made_up_for_once(shop: Shop, service: Service) -> None:
    service.go_on()
    write(shop, 5)
    service.clock.instant += timedelta(hours=10, minutes=20)
    service.restart()
    assert [service.go_on(), service.go_on()] == [["loaded"], []]
    assert service.pull().lines == 5


@pytest.mark.parametrize("killed", [0, 1, 3])
def test_that_so_few_lines_are_right_is_remembered_until_they_are_loaded(
    shop: Shop, service: Service, killed: int
) -> None:
    service.go_on()
    write(shop, 1)
    service.ask(accept=True)
    for _ in range(killed):
        service.look()
        service.restart()
    assert service.go_on() == ["loaded"]
    assert (service.pull().lines, service.pull().asked_at) == (1, None)
    (shop.folder / "people.csv").write_text("id,email,plan\n")
    service.ask()
    assert service.go_on() == ["empty"]  # it was said of that one load


def test_what_is_asked_anew_while_a_load_goes_on_is_done_after_it(shop: Shop, service: Service) -> None:
    service.go_on()
    service.ask()
    service.look()
    service.ask()
    assert service.go_on() == ["unchanged", "unchanged"]


def test_a_load_that_fails_is_not_asked_for_any_more(shop: Shop, service: Service) -> None:
    service.go_on()
    (shop.folder / "people.csv").unlink()
    service.ask()
    assert service.go_on() == ["failed"]
    assert service.go_on() == []


def test_that_so_few_lines_are_right_holds_where_all_are_read_once_more(shop: Shop, server: Postgres) -> None:
    server.say(
        "DROP TABLE IF EXISTS people",
        "CREATE TABLE people (id text, email text, plan text, changed timestamptz)",
        "INSERT INTO people SELECT i, 'p' || i || '@example.org', 'free', now() FROM generate_series(1, 4) i",
    )
    shop.source(postgres="sealed", table="people", key="id", changed="changed", every="1h")
    shop.seal(server.dsn)
    for service in opened(shop):
        assert service.go_on() == ["loaded"]
        server.say("DELETE FROM people", "INSERT INTO people VALUES ('9', 'p9@example.org', 'free', '2020-01-01')")
        service.ask(accept=True)
        assert service.go_on() == ["loaded"]
        assert service.pull().lines == 1


def test_a_server_that_restarts_in_the_middle_of_a_load_is_told_of_and_asked_again(
    shop: Shop, server: Postgres
) -> None:
    server.say(
        "DROP TABLE IF EXISTS people",
        "DROP TABLE IF EXISTS orders",
        "CREATE TABLE people (id text, email text, plan text)",
        "INSERT INTO people SELECT i, 'p' || i || '@example.org', 'free' FROM generate_series(1, 4) i",
    )
    shop.source(postgres="sealed", query="SELECT people.* FROM people, gate", key="id", every="1h")
    server.say("DROP VIEW IF EXISTS gate", "CREATE VIEW gate AS SELECT 1")
    shop.seal(server.dsn)
    for service in opened(shop):
        assert service.go_on() == ["loaded"]
        server.say(
            "INSERT INTO people VALUES ('5', 'p5@example.org', 'free')",
            "CREATE OR REPLACE VIEW gate AS SELECT 1 FROM pg_sleep(300)",
        )
        service.ask()
        service.look()
        wait_until(lambda: ("PgSleep",) in server.ask("SELECT wait_event FROM pg_stat_activity WHERE wait_event > ''"))
        server.restart()
        assert service.go_on() == ["failed"]
        told = service.pull()
        assert (told.code, told.lines, told.good_at is not None) == ("source_unreachable", 4, True)
        assert told.happened == "The Postgres server did not answer as it should: the connection broke off."
        server.say("CREATE OR REPLACE VIEW gate AS SELECT 1")
        service.clock.instant += timedelta(minutes=1)  # by itself, long before the hour is over
        assert service.go_on() == ["loaded"]
        assert (service.pull().lines, service.pull().code) == (5, None)


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)
