"""A small space for the tests of delivery: people in a real warehouse, a ledger, a journal, and Meta's simulator."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa

from guestlist.destinations.meta.match_keys import MatchKeySettings
from guestlist.destinations.meta.refusals import DoNotSend
from guestlist.profiles.do_not_send import identifier_token, listed_profiles, token_column
from guestlist.profiles.relations import IDENTIFIER
from guestlist.store import Warehouse

PEPPER = "pepper"
SETTINGS = MatchKeySettings(this_year=2026, country="DE")
TRAIT = {
    "profile_id": "string",
    "key": "string",
    "value": "string",
    "number": "float64",
    "at": "timestamp('UTC')",
    "source": "string",
}
_AT = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Customer:
    """One profile, as resolved."""

    id: str
    emails: Sequence[str] = ()
    phones: Sequence[str] = ()
    user_id: str | None = None
    traits: Mapping[str, str] = field(default_factory=dict)

    def identifiers(self) -> list[tuple[str, str, int]]:
        listed = [("email", value, n) for n, value in enumerate(self.emails)]
        listed += [("phone", value, n) for n, value in enumerate(self.phones)]
        return listed + ([("user_id", self.user_id, 0)] if self.user_id else [])


def fill(warehouse: Warehouse, customers: Iterable[Customer]) -> None:
    """Relations `trait` and `identifier` of exactly these people."""
    customers = list(customers)
    traits = [(c.id, key, value, None, _AT, "s") for c in customers for key, value in c.traits.items()]
    identifiers = [(kind, value, c.id, _AT, _AT, n) for c in customers for kind, value, n in c.identifiers()]
    warehouse.replace("trait", _table(traits, TRAIT))
    warehouse.replace("identifier", _table(identifiers, IDENTIFIER))


def members(ids: Iterable[str]) -> Any:
    return ibis.memtable(pa.table({"profile_id": pa.array(sorted(ids), pa.string())}))


def do_not_send(warehouse: Warehouse, *entries: tuple[str, str]) -> DoNotSend:
    """The list with these (type, value in normal form)."""
    tokens = sorted(identifier_token(PEPPER, kind, value).hex() for kind, value in entries)
    listed = ibis.memtable(pa.table({"token": pa.array(tokens, pa.string())}))
    return DoNotSend(
        tokens=listed,
        people=listed_profiles(warehouse.table("identifier"), listed, PEPPER),
        token_of=lambda key, sent: token_column(PEPPER, key, sent),
        digest=hashlib.sha256("".join(tokens).encode()).hexdigest(),
    )


def digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


def _table(rows: Sequence[tuple[Any, ...]], schema: Mapping[str, str]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    arrow = ibis.schema(dict(schema)).to_pyarrow()
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, arrow, strict=True)], names=arrow.names)


def open_warehouse(folder: Path) -> Warehouse:
    return Warehouse(folder / "warehouse.duckdb", threads=2, memory_limit="500MB")
