"""A Postgres server for all tests of a file, and a space that loads from it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from guestlist.clock import SetClock
from guestlist.loads.loading import load_now
from guestlist.records import find_people, open_records
from guestlist.space import make_space, open_space
from guestlist.store.journal_pulls import Pull
from guestlist.store.vault import Secret

from .postgres import Postgres, postgres

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PEOPLE = {"external_membership", "trait", "event", "identifier", "known_identifier"}
COLUMNS = {"id": "user_id", "email": "email", "plan": "plan"}


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    with postgres() as handle:
        yield handle


@dataclass
class Shop:
    """A space with sources that are loaded."""

    folder: Path
    clock: SetClock = field(default_factory=lambda: SetClock(NOW))

    def source(self, name: str = "crm", *, reading: str = "people", columns: dict[str, str] | None = None,
               **load: Any) -> None:  # fmt: skip
        event = {"event": load.pop("event")} if "event" in load else {}
        entry = {"as": reading, **event, "columns": columns or COLUMNS, "load": load}
        open_space(self.folder).write_entry("sources", name, entry)

    def seal(self, dsn: str, name: str = "crm") -> None:
        with open_records(open_space(self.folder)) as records:
            records.vault.save(f"source {name} address", Secret(dsn), now=0)

    def load(self, name: str = "crm", *, accept: bool = False) -> Pull:
        """Load now, a minute after last time."""
        self.clock.instant += timedelta(minutes=1)
        space = open_space(self.folder)
        with open_records(space) as records, space.open_warehouse() as warehouse:
            return load_now(space, records, warehouse, name, self.clock, accept=accept)

    def rows(self, relation: str, *columns: str) -> list[tuple[Any, ...]]:
        space = open_space(self.folder)
        with open_records(space) as records, space.open_warehouse() as warehouse:
            if relation in PEOPLE and warehouse.has("message"):
                find_people(space, warehouse, records)
            if not warehouse.has(relation):
                return []
            found = warehouse.read(warehouse.table(relation).select(*columns)).to_pylist()
            return sorted(tuple(row[column] for column in columns) for row in found)

    def plans(self) -> dict[str, str]:
        """The plan of each person, by e-mail."""
        emails = {p: v for p, v in self.rows("known_identifier", "profile_id", "value") if "@" in v}
        return {emails[p]: v for p, key, v in self.rows("trait", "profile_id", "key", "value") if key == "plan"}

    def known_by(self) -> set[str]:
        return {value for (value,) in self.rows("identifier", "value")}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    make_space(tmp_path / "shop", country="DE")
    return Shop(tmp_path / "shop")
