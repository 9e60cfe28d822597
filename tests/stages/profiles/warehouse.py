"""A real warehouse in memory, and messages written briefly."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import ibis
import pyarrow as pa

from guestlist.profiles.identity import Identity, resolve
from guestlist.profiles.relations import IDENTIFIER_USE
from guestlist.profiles.rules import IdentityRules

START = datetime(2026, 1, 1, tzinfo=UTC)

Use = tuple[str, str]
Message = tuple[str, int, tuple[Use, ...]]
"""Message id, second since START, its identifiers."""


class Warehouse:
    """Materialises into temporary tables, as the store does."""

    def __init__(self) -> None:
        self.connection: Any = ibis.duckdb.connect()

    def materialise(self, name: str, expr: Any, /) -> Any:
        """Write once under a new name."""
        return self.connection.create_table(name, expr, temp=True)

    def uses(self, messages: Iterable[Message]) -> Any:
        """Relation identifier_use."""
        rows = [
            {
                "source": "s",
                "message_id": key,
                "type": kind,
                "value": value,
                "country": None,
                "at": START + timedelta(seconds=second),
                "ordinal": n,
            }
            for key, second, uses in messages
            for n, (kind, value) in enumerate(uses)
        ]
        columns = {name: [row[name] for row in rows] for name in IDENTIFIER_USE}
        data = pa.table(columns, schema=ibis.schema(IDENTIFIER_USE).to_pyarrow())
        return self.connection.create_table("identifier_use", data, temp=True)


def message(key: str, second: int, *uses: str) -> Message:
    """`u:1` is user_id 1; e, p, a, i, c stand for email, phone, anonymous_id, ios.idfa and custom."""
    return key, second, tuple((_TYPES[use[0]], use[2:]) for use in uses)


_TYPES = {"u": "user_id", "e": "email", "p": "phone", "a": "anonymous_id", "i": "ios.idfa", "c": "custom"}
_SHORT = {kind: short for short, kind in _TYPES.items()}


def resolved(messages: Sequence[Message], rules: IdentityRules | None = None) -> "Resolved":
    """Resolve in a warehouse of its own."""
    warehouse = Warehouse()
    return Resolved(
        resolve(warehouse.uses(messages), rules or IdentityRules(salt="s"), warehouse.materialise), warehouse
    )


class Resolved:
    """What came out, as Python values."""

    def __init__(self, identity: Identity, warehouse: Warehouse) -> None:
        self._rows: Callable[[Any], list[dict[str, Any]]] = lambda table: warehouse.connection.to_pyarrow(
            table
        ).to_pylist()
        self.identifiers = self._rows(identity.identifier)
        self.alias = {row["profile_id"]: row["survivor"] for row in self._rows(identity.alias)}
        self.messages = {row["message_id"]: row["profile_id"] for row in self._rows(identity.message_profile)}
        self.decisions = self._rows(identity.identity_decision)

    @property
    def people(self) -> list[str]:
        """Each profile as its identifiers, `a:1 e:x`."""
        profiles: dict[str, list[str]] = {}
        for row in self.identifiers:
            profiles.setdefault(row["profile_id"], []).append(f"{_SHORT[row['type']]}:{row['value']}")
        return sorted(" ".join(sorted(uses)) for uses in profiles.values())

    def decided(self, decision: str) -> list[str]:
        """Decisions of one kind, as `e:x reason`."""
        return sorted(
            f"{_SHORT[row['type']]}:{row['value']} {row['reason']}"
            for row in self.decisions
            if row["decision"] == decision
        )
