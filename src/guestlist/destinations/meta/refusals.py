"""Values that read well and are not sent all the same: listed, blocked, shared by many, or split off from this person.

Rows are made without them. When the list changes, only the rows that it touches are made again: of people who carry a
listed value now, and of those from whose rows one was left out.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import ibis
import orjson
import pyarrow as pa

from guestlist.destinations.meta.columns import Column, Table
from guestlist.destinations.meta.manifest import HASHED, IDENTIFIERS, STRONG, UNHASHED, Key
from guestlist.destinations.meta.match_keys import MatchKeySettings
from guestlist.store.engine import Warehouse
from guestlist.store.in_memory import in_memory, no_lines
from guestlist.store.ledger import Ledger
from guestlist.values.reading import Reason

REFUSED_UNDER = {"destination": "string", "digest": "string"}
"""Which refusals the rows of a destination were made under."""
WITHHELD = {"destination": "string", "profile_id": "string"}
"""People from whose rows a refused value was left out."""
_VALUES = {"key": "string", "sent": "string", "reason": "string"}
_CARRIED = {"profile_id": "string", "key": "string", "sent": "string", "reason": "string"}
_REASONS = {"hub": Reason.SHARED_BY_MANY.value, "blocked_value": Reason.BLOCKED_VALUE.value}


@dataclass(frozen=True, kw_only=True)
class DoNotSend:
    """The list as this stage needs it. `digest` changes whenever an entry is added or taken away."""

    tokens: Table  # (token) in hexadecimal
    people: Table  # (profile_id) in the warehouse: those with a listed identifier
    token_of: Callable[[Column, Column], Column]  # of columns key and sent value
    digest: str
    nobody: bool = False  # the list is empty: no value needs to be looked up in it


def refused_values(identity_decision: Table) -> Table:
    """Blocked and hub values (key, sent, reason), from relation `identity_decision`: they point at nobody."""
    told = identity_decision.filter(identity_decision.reason.isin(list(_REASONS)))
    told = _as_sent(told.select("type", "value", reason=told.reason.cases(*_REASONS.items(), else_="")))
    return told.select("key", "sent", "reason").distinct()


def split_off(warehouse: Warehouse, settings: MatchKeySettings) -> Table:
    """Which values (profile_id, key, sent) were split off from whom: only from them they are kept back."""
    if not warehouse.has("split_off"):
        return no_lines({name: _CARRIED[name] for name in ("profile_id", "key", "sent")})
    split = warehouse.table("split_off")
    found = [_as_sent(split)]
    if settings.extern_id is not None:
        ids = split.filter(split.type == settings.extern_id)
        found.append(ids.mutate(key=ibis.literal("EXTERN_ID"), sent=ids.value))
    return ibis.union(*(part.select("profile_id", "key", "sent") for part in found))


def _as_sent(identifiers: Table) -> Table:
    """Those that Meta matches on, beside the `key` and the `sent` value of each."""
    keys = [(kind, key) for key, kinds in IDENTIFIERS.items() for kind in kinds]
    told = identifiers.filter(identifiers.type.isin([kind for kind, _ in keys]))
    key = told.type.cases(*keys, else_="")
    as_it_is = key.isin(sorted(UNHASHED)) | told.value.re_search(HASHED)
    return told.mutate(key=key, sent=ibis.ifelse(as_it_is, told.value, told.value.hexdigest("sha256")))


@dataclass(frozen=True)
class Refusal:
    """What may not be sent though it reads well: the list, `others` (key, sent, reason), and what was split off.

    `split` (profile_id, key, sent) is kept back from those people only.
    """

    do_not_send: DoNotSend
    others: pa.Table | None
    split: pa.Table

    @property
    def digest(self) -> str:
        """Changes whenever another value is refused of everybody."""
        lines = [] if self.others is None else sorted("=".join(line.values()) for line in self.others.to_pylist())
        facts = orjson.dumps([self.do_not_send.digest, lines])
        return hashlib.md5(facts, usedforsecurity=False).hexdigest()

    def among(self, rows: Table, settings: MatchKeySettings) -> Table:
        """(key, sent, reason) of the values that the rows carry and nobody may."""
        found = [no_lines(_VALUES)]
        if not self.do_not_send.nobody:
            found += [self._listed(rows, key, key) for key in STRONG]
            if settings.extern_id is not None:
                found.append(self._listed(rows, "EXTERN_ID", settings.extern_id))
        if self.others is not None:
            values = ibis.union(*(_values(rows, key) for key in STRONG))
            found.append(values.join(ibis.memtable(self.others), ["key", "sent"]).select("key", "sent", "reason"))
        every = ibis.union(*found)
        return every.group_by("key", "sent").aggregate(reason=every.reason.min())

    def whose(self, rows: Table, among: Table) -> Table:
        """(profile_id, key, sent, reason) of the refused values in these rows; `among` is what `among` gives."""
        found = [no_lines(_CARRIED)]
        for key in STRONG:
            carried = rows.filter(rows[key] != "").select("profile_id", key=ibis.literal(key), sent=rows[key])
            found.append(carried.join(among, ["key", "sent"]).select(*_CARRIED))
            if self.split.num_rows:
                carried = carried.mutate(plain=_plain(carried.sent), reason=ibis.literal(Reason.SPLIT_OFF.value))
                split = ibis.memtable(self.split).rename(plain="sent")
                found.append(carried.semi_join(split, ["profile_id", "key", "plain"]).select(*_CARRIED))
        every = ibis.union(*found)
        return every.group_by("profile_id", "key", "sent").aggregate(reason=every.reason.min())

    def _listed(self, rows: Table, key: Key, listed_as: str) -> Table:
        values = _values(rows, key)
        values = values.mutate(token=self.do_not_send.token_of(ibis.literal(listed_as), values.sent))
        values = values.semi_join(self.do_not_send.tokens, "token")
        return values.select("key", "sent", reason=ibis.literal(Reason.DO_NOT_SEND.value))


def _values(rows: Table, key: Key) -> Table:
    return rows.filter(rows[key] != "").select(key=ibis.literal(key), sent=rows[key]).distinct()


def _plain(sent: Column) -> Column:
    """An id is sent with the blanks around it; as an identifier it has none."""
    return sent.re_replace(r"^\s+|\s+$", "")


def fetched(warehouse: Warehouse, refused: Table | None) -> pa.Table | None:
    """The refused values, for both stores."""
    return None if refused is None else warehouse.read(refused.select("key", "sent", "reason"))


def carriers(rows: Table, refused: Table, what: str) -> Table:
    """(what) of the rows in which a refused value (key, sent) stands."""
    found = [
        rows.semi_join(refused.filter(refused.key == key).rename({key: "sent"}).select(key), key).select(what)
        for key in STRONG
    ]
    return ibis.union(*found).distinct()


def withdraw(ledger: Ledger, destination: str, settings: MatchKeySettings, refusal: Refusal) -> None:
    """Where other values are refused than before, forget which rows the people have whom that touches."""
    said = [{"destination": destination, "digest": refusal.digest}]
    under = ledger.table("refused_under").filter(lambda t: t.destination == destination)
    if ledger.read(under).to_pylist() == said:
        return
    with ledger.transaction():
        rows = ledger.table("row").filter(lambda t: t.destination == destination)
        refused = ledger.materialise("refused_in_rows", refusal.among(rows, settings))
        whose = ledger.table("profile_row").filter(lambda t: t.destination == destination)
        withheld = ledger.table("withheld").filter(lambda t: t.destination == destination)
        touched = ibis.union(
            whose.semi_join(carriers(rows, refused, "row_key"), "row_key").select("profile_id"),
            withheld.select("profile_id"),
        )
        touched = touched.distinct().mutate(destination=ibis.literal(destination))
        ledger.delete_keys("profile_row", ledger.materialise("touched_people", touched), ["destination", "profile_id"])
        ledger.replace_lines("refused_under", under, in_memory(said, schema=REFUSED_UNDER), ["destination"])
