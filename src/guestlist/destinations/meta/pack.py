"""Planned operations into batches: one direction, one schema, one request each.

The operations are written durably, so that whatever comes of a batch can be folded. The cells stay where they are:
batches are cut in the order in which rows are kept, so that reading one batch looks at a stretch of them only.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import ibis

from guestlist.destinations.meta.keymask import BIT, Column, Table, carried
from guestlist.destinations.meta.manifest import KEYS, ROWS_PER_REQUEST, WEAK, Key
from guestlist.destinations.meta.pace import Direction
from guestlist.destinations.meta.plan import TRIES, Plan
from guestlist.destinations.meta.prepare import KEY_OF_ROW
from guestlist.destinations.meta.relations import OP, OP_PERSON
from guestlist.store.in_memory import in_memory
from guestlist.store.ledger import Ledger

PLANNED_OP = {**OP, "plan": "string", "ordinal": "int32"}
"""Relation `op` as kept: an operation's batch is the plan's id and the batch's ordinal."""
CELL_KIND: dict[Key, str] = {
    "EMAIL": "email",
    "PHONE": "phone",
    "MADID": "madid",
    "EXTERN_ID": "extern_id",
    **dict.fromkeys(WEAK, "weak"),
}
_OP = tuple(PLANNED_OP)


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """One batch. Parcels of one `group` share a schema and may share an upload session."""

    batch: str
    ordinal: int
    direction: Direction
    group: str
    schema: tuple[Key, ...]
    rows: int
    between: tuple[int, int]  # where in relation `row` its rows stand, unless they were moved since


@dataclass(frozen=True, kw_only=True)
class Load:
    """What a batch sends now: the cells of each row, a JSON array as text, and which row it is."""

    row_keys: Sequence[str]
    rows: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class _Group:
    """Rows that go by one schema, of additions those of both groups; `name` is of the kind `add_extern_id`, `remove_1`."""

    name: str
    direction: Direction
    rows: Table
    size: int
    extern_id: bool


@dataclass(frozen=True, kw_only=True)
class Packer:
    """Packs the plans of one sync."""

    ledger: Ledger
    sync: str
    destination: str
    keys: tuple[Key, ...]
    size: int = ROWS_PER_REQUEST

    def pack(self, plan_id: str, planned: Plan, persons: Table) -> list[Parcel]:
        """Write the operations of a plan in place of all earlier ones of the sync, removals first.

        Call it only when every answered batch of the sync is folded: folding needs its operations.
        """
        parcels: list[Parcel] = []
        with self.ledger.transaction():
            self.clear()
            for group in self._groups(planned):
                parcels += self._packed(plan_id, group, first=len(parcels))
            added = self.ledger.table("op").filter(lambda t: (t.sync == self.sync) & (t.direction == "add"))
            added = added.select("sync", "batch", "row_key")
            self.ledger.append("op_person", added.join(persons, ["sync", "row_key"]).select(*OP_PERSON))
        return parcels

    def clear(self) -> None:
        """Forget the operations of the sync."""
        mine = in_memory({"sync": [self.sync]})
        for name in ("op", "op_person", "named"):
            self.ledger.delete_keys(name, mine, ["sync"])

    def _groups(self, planned: Plan) -> Iterator[_Group]:
        removals, additions = planned.removals, planned.additions
        removals = removals.mutate(by_id=(removals.sent & BIT["extern_id"]) != 0)
        counted = removals.group_by("tries", "by_id").aggregate(rows=removals.count())
        there = {(line["tries"], line["by_id"]) for line in self.ledger.read(counted).to_pylist()}
        for tries, by_id in sorted(there):
            rows = removals.filter((removals.tries == tries) & (removals.by_id == by_id))
            yield _Group(
                name=f"remove_{tries}{'_extern_id' if by_id else ''}",
                direction="remove",
                rows=rows,
                size=max(1, self.size >> min(tries, TRIES)),  # halved to find the rows that Meta does not take
                extern_id=by_id,
            )
        # Meta counts a row with a blank EXTERN_ID as invalid, so those without one go without the column.
        for by_id in (False, True):
            yield _Group(
                name="add_extern_id" if by_id else "add",
                direction="add",
                rows=additions,
                size=self.size,
                extern_id=by_id,
            )

    def _packed(self, plan_id: str, group: _Group, *, first: int) -> list[Parcel]:
        placed = self._placed(group)
        lines = self._added(placed) if group.direction == "add" else group.rows.join(placed, "row_key")
        ordinal = (lines.place // group.size + first).cast("int32")
        written = lines.mutate(
            direction=ibis.literal(group.direction),
            plan=ibis.literal(plan_id),
            ordinal=ordinal,
            batch=ibis.literal(f"{plan_id}-") + ordinal.cast("string"),
        )
        self.ledger.append("op", written.select(*_OP))
        cut = placed.group_by(number=placed.place // group.size)
        bounds = self.ledger.read(cut.aggregate(rows=placed.count(), low=placed["at"].min(), high=placed["at"].max()))
        schema = self._schema(group, first) if bounds.num_rows else ()
        return [
            Parcel(
                batch=f"{plan_id}-{first + line['number']}",
                ordinal=first + line["number"],
                direction=group.direction,
                group=group.name,
                schema=schema,
                rows=line["rows"],
                between=(line["low"], line["high"]),
            )
            for line in sorted(bounds.to_pylist(), key=lambda line: line["number"])
        ]

    def _placed(self, group: _Group) -> Table:
        """(row_key, at, place): where each row is kept, and its number in that order."""
        row = self._row()
        if group.direction == "add":
            row = row.filter(row[KEY_OF_ROW["extern_id"]].notnull() == group.extern_id)
        row = row.select("row_key", "at").semi_join(group.rows, "row_key")
        place = ibis.row_number().over(order_by=row["at"])
        return self.ledger.materialise(self._name(group), row.select("row_key", "at", place=place.cast("int64")))

    def _added(self, placed: Table) -> Table:
        """The operations that add these rows, read in the order in which they are kept."""
        row = self._row()
        keys = row.select("row_key", "at", **{kind: row[column] for kind, column in KEY_OF_ROW.items()})
        lines = keys.join(placed.select("at", "place"), "at").mutate(sync=ibis.literal(self.sync))
        return lines.mutate(sent=carried(lines), blanked=ibis.literal(0, "int32"), stays=False)

    def _row(self) -> Table:
        row = self.ledger.table("row")
        return row.mutate(at=row.rowid()).filter(row.destination == self.destination)

    def _schema(self, group: _Group, first: int) -> tuple[Key, ...]:
        """Additions carry the mapped keys; removals what any of the rows needs, also keys no longer mapped."""
        if group.direction == "add":
            return tuple(key for key in self.keys if key != "EXTERN_ID" or group.extern_id)
        op = self.ledger.table("op").filter(lambda t: (t.sync == self.sync) & (t.ordinal >= first))
        row = self.ledger.table("row").filter(lambda t: t.destination == self.destination)
        both = op.select("row_key", mask="sent").join(row.select("row_key", *KEYS), "row_key")
        filled = {key: (_has(both["mask"], key) & (both[key] != "")).any() for key in KEYS}
        needed = self.ledger.read(both.aggregate(**filled)).to_pylist()[0]
        return tuple(key for key in KEYS if needed[key])

    def _name(self, group: _Group) -> str:
        named = hashlib.md5(self.sync.encode(), usedforsecurity=False).hexdigest()[:12]
        return f"placed_{named}_{group.name}"

    def load(self, parcel: Parcel, *, gated: bool = False) -> Load:
        """The rows of a batch as they are to be sent; `gated` where the last gate may have changed them."""
        rows = self._operations(parcel) if gated else parcel.rows
        lines = self._cells(parcel, parcel.between)
        if len(lines) != rows:
            # The engine moves what it keeps when much of it was deleted.
            lines = self._cells(parcel, None)
        return Load(row_keys=[key for key, _ in lines], rows=[cells for _, cells in lines])

    def _cells(self, parcel: Parcel, between: tuple[int, int] | None) -> list[tuple[str, str]]:
        removed = parcel.direction == "remove"
        return self.ledger.picked(
            "row",
            {key: BIT[CELL_KIND[key]] if removed else None for key in parcel.schema},
            by="row_key",
            among="op",
            where={"ordinal": parcel.ordinal, "batch": parcel.batch},
            kept={"destination": self.destination},
            quoted={"EXTERN_ID"},  # the only cell that is neither a digest nor of letters, digits and hyphens
            between=between,
        )

    def _operations(self, parcel: Parcel) -> int:
        op = self.ledger.table("op").filter(lambda t: (t.ordinal == parcel.ordinal) & (t.batch == parcel.batch))
        return int(self.ledger.read(op.aggregate(rows=op.count())).to_pylist()[0]["rows"])

    def passed(self, parcel: Parcel, op: Table, op_person: Table) -> int:
        """Write what the last gate let through, in place of the batch's operations. Gives how many rows are left."""
        mine = in_memory({"batch": [parcel.batch]})
        with self.ledger.transaction():
            kept = self.ledger.materialise("passed_op", op.select(*_OP))
            persons = self.ledger.materialise("passed_person", op_person.select(*OP_PERSON))
            self.ledger.replace_lines("op", mine, kept, ["batch"])
            self.ledger.replace_lines("op_person", mine, persons, ["batch"])
            return self.ledger.count("passed_op")


def _has(mask: Column, key: Key) -> Column:
    """Whether the key of this cell is among those removed."""
    return (mask & BIT[CELL_KIND[key]]) != 0
