"""A real warehouse, and messages written briefly."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa

from guestlist.profiles.identity import resolve
from guestlist.profiles.relations import IDENTIFIER_USE
from guestlist.profiles.rules import IdentityRules
from guestlist.sources.messages import MESSAGE
from guestlist.store import Warehouse

START = datetime(2026, 1, 1, tzinfo=UTC)

Use = tuple[str, str]
Message = tuple[str, int, tuple[Use, ...]]
"""Message id, second since START, its identifiers."""
Row = dict[str, Any]

_TYPES = {"u": "user_id", "e": "email", "p": "phone", "a": "anonymous_id", "i": "ios.idfa", "c": "custom"}
_SHORT = {kind: short for short, kind in _TYPES.items()}


def message(key: str, second: int, *uses: str) -> Message:
    """`u:1` is user_id 1; e, p, a, i, c stand for email, phone, anonymous_id, ios.idfa and custom."""
    return key, second, tuple((_TYPES[use[0]], use[2:]) for use in uses)


@contextmanager
def opened() -> Iterator[Warehouse]:
    """A warehouse of its own."""
    with tempfile.TemporaryDirectory() as folder, Warehouse(Path(folder) / "warehouse.duckdb") as warehouse:
        warehouse.create("message", MESSAGE)
        warehouse.create("identifier_use", IDENTIFIER_USE)
        yield warehouse


def land(warehouse: Warehouse, messages: Iterable[Message], **more: Any) -> None:
    """Messages into the relations, as an import does it: what is there already is not taken twice."""
    there = {row["message_id"] for row in rows(warehouse, "message")}
    fresh = [told for told in {told[0]: told for told in messages}.values() if told[0] not in there]
    last = max((row["ordinal"] for row in rows(warehouse, "message")), default=0)
    said: list[Row] = []
    uses: list[Row] = []
    for place, (key, second, carried) in enumerate(fresh, last + 1):
        at = START + timedelta(seconds=second)
        common = {"source": "s", "message_id": key, "at": at, "ordinal": place}
        kind = {"type": "track", "event": "Seen", "properties": "{}"}
        if sum(map(ord, key)) % 3 == 0:
            kind = {"type": "identify", "traits": f'{{"last": "{key}", "k{second % 2}": {{"n": {second}}}}}'}
        said.append({**dict.fromkeys(MESSAGE), **common, **kind, "received_at": at, "context": "{}", **more})
        uses += [{**common, "type": kind, "value": value, "country": None} for kind, value in carried]
    warehouse.append("message", arrow(said, MESSAGE))
    warehouse.append("identifier_use", arrow(uses, IDENTIFIER_USE))


def arrow(lines: list[Row], schema: Any) -> pa.Table:
    """Lines of a relation."""
    columns = {name: [line[name] for line in lines] for name in schema}
    return pa.table(columns, schema=ibis.schema(dict(schema)).to_pyarrow())


def rows(warehouse: Warehouse, name: str) -> list[Row]:
    """All lines of a relation."""
    found: list[Row] = warehouse.read(warehouse.table(name)).to_pylist()
    return found


def resolved(messages: Sequence[Message], rules: IdentityRules | None = None) -> "Resolved":
    """Resolve in a warehouse of its own."""
    with opened() as warehouse:
        land(warehouse, messages)
        resolve(warehouse, rules or IdentityRules(salt="s"))
        return Resolved(warehouse)


class Resolved:
    """What came out, as Python values."""

    def __init__(self, warehouse: Warehouse) -> None:
        names = {row["ordinal"]: row["message_id"] for row in rows(warehouse, "message")}
        self.identifiers = rows(warehouse, "identifier")
        self.alias = {row["profile_id"]: row["survivor"] for row in rows(warehouse, "alias")}
        self.messages = {names[row["ordinal"]]: row["profile_id"] for row in rows(warehouse, "message_profile")}
        self.decisions = [
            {**row, "message_id": names.get(row["ordinal"])} for row in rows(warehouse, "identity_decision")
        ]

    @property
    def people(self) -> list[str]:
        """Each profile as its identifiers, `a:1 e:x`."""
        profiles: dict[str, list[str]] = {}
        for row in self.identifiers:
            profiles.setdefault(row["profile_id"], []).append(f"{short(row['type'])}:{row['value']}")
        return sorted(" ".join(sorted(uses)) for uses in profiles.values())

    def decided(self, decision: str, *more: str) -> list[str]:
        """Decisions of one kind, as `e:x reason`, and other columns."""
        return sorted(
            " ".join([f"{short(row['type'])}:{row['value']}", row["reason"], *(str(row[name]) for name in more)])
            for row in self.decisions
            if row["decision"] == decision
        )


def short(kind: str) -> str:
    """The letter of a type."""
    return _SHORT.get(kind, kind)
