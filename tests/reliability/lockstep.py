"""The real plan, gate and fold for many simulated worlds at once: each world is one sync of the relations.

Expressions are compiled once; after that only their SQL is replayed on new tables of the same names.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import ibis
import pyarrow as pa

from guestlist.destinations.meta.fold import fold
from guestlist.destinations.meta.gate import gate
from guestlist.destinations.meta.plan import Scope, plan
from guestlist.destinations.meta.relations import (
    LEDGER,
    LISTED_KEY,
    LISTED_PERSON,
    NAMED,
    OP,
    OP_PERSON,
    OUTCOME,
    SYNCS,
    WANTED,
    WANTED_PERSON,
    Batches,
    Materialise,
    Relations,
    Rules,
)
from guestlist.destinations.meta.settle import Settings

TICK = 1_000_000
KINDS = ("email", "phone", "madid", "extern_id", "weak")
TABLES: dict[str, dict[str, str]] = {
    "syncs": SYNCS,
    "wanted": WANTED,
    "wanted_person": WANTED_PERSON,
    "ledger": LEDGER,
    "ledger_person": WANTED_PERSON,
    "listed_key": LISTED_KEY,
    "listed_person": LISTED_PERSON,
    "op": OP,
    "op_person": OP_PERSON,
    "outcome": OUTCOME,
    "named": NAMED,
}
WHOLE = {"sync", "row_key", "profile_id", "key", "batch", "name", *KINDS}
Row = dict[str, Any]


def schema(name: str) -> dict[str, str]:
    """The relation's columns, with whole numbers for what only needs equality."""
    return {column: "int64" if column in WHOLE else kind for column, kind in TABLES[name].items()}


@dataclass(frozen=True, kw_only=True)
class Design:
    """How to plan and fold: the product's way, or with something wrong to see that the models notice."""

    settings: Settings
    rules: Rules = field(default_factory=Rules)
    settle_per_row: bool = False  # one removal time for all keys of a row


class Engine:
    """One DuckDB in memory, with the relations as tables."""

    def __init__(self, *designs: Design) -> None:
        self.con = ibis.duckdb.connect(threads=2)
        self.arrow = {name: ibis.schema(schema(name)).to_pyarrow() for name in TABLES}
        for name in TABLES:
            self.con.create_table(name, schema=ibis.schema(schema(name)))
        given = Relations(**{name: self.con.table(name) for name in Relations.__dataclass_fields__})
        batches = Batches(**{name: self.con.table(name) for name in Batches.__dataclass_fields__})
        self.plan_steps = {design: self._plan_steps(given, design) for design in designs}
        self.fold_steps = {design: self._fold_steps(given, batches, design) for design in designs}
        self.gate_steps: list[str] = []
        step = self._recorder(self.gate_steps)
        passed = gate(batches.op, given, materialise=step)
        step("passed", passed.op)
        step("passed_person", passed.op_person)

    def _plan_steps(self, given: Relations, design: Design) -> list[str]:
        steps: list[str] = []
        step = self._recorder(steps)
        seen = replace(given, ledger=_per_row(given.ledger)) if design.settle_per_row else given
        planned = plan(seen, design.settings, rules=design.rules, materialise=step)
        step("additions", given.wanted.semi_join(planned.additions, ["sync", "row_key"]))
        return steps

    def _fold_steps(self, given: Relations, batches: Batches, design: Design) -> list[str]:
        steps: list[str] = []
        step = self._recorder(steps)
        folded = fold(given.ledger, batches, rules=design.rules, materialise=step)
        step("folded_ledger", folded.ledger)
        step("folded_person", folded.ledger_person)
        return steps

    def _recorder(self, steps: list[str]) -> Materialise:
        def materialise(name: str, expr: ibis.Table) -> ibis.Table:
            steps.append(f"CREATE OR REPLACE TABLE x_{name} AS {self.con.compile(expr)}")
            self.run(steps[-1])
            return self.con.table(f"x_{name}")

        return materialise

    def run(self, sql: str) -> Any:
        return self.con.con.execute(sql)

    def rows(self, sql: str) -> list[Row]:
        reader = self.run(sql)
        names = [column[0] for column in reader.description]
        return [dict(zip(names, values, strict=True)) for values in reader.fetchall()]

    def put(self, name: str, rows: Iterable[Sequence[Any]]) -> None:
        """Replace a relation by lines in the order of its columns."""
        columns = list(zip(*rows, strict=True)) or [()] * len(self.arrow[name])
        incoming = pa.table(
            [pa.array(column, field.type) for column, field in zip(columns, self.arrow[name], strict=True)],
            names=self.arrow[name].names,
        )
        self.con.con.register("incoming", incoming)
        self.run(f"CREATE OR REPLACE TABLE {name} AS FROM incoming")
        self.con.con.unregister("incoming")

    def plan(
        self, design: Design, syncs: dict[int, tuple[int, Scope, int | None]]
    ) -> tuple[dict[int, list[Row]], dict[int, list[Row]]]:
        """Removals and additions by world."""
        self.put("syncs", [(sync, now, *scope.value, before) for sync, (now, scope, before) in syncs.items()])
        for step in self.plan_steps[design]:
            self.run(step)
        return self._by_sync("x_removals"), self._by_sync("x_additions")

    def gate(self) -> tuple[dict[int, list[Row]], dict[int, list[Row]]]:
        """What passes of relation `op`, and the persons behind its additions."""
        for step in self.gate_steps:
            self.run(step)
        return self._by_sync("x_passed"), self._by_sync("x_passed_person")

    def fold(self, design: Design) -> None:
        """Fold relation `outcome` into the ledger."""
        for step in self.fold_steps[design]:
            self.run(step)
        self.run(
            "CREATE OR REPLACE TABLE ledger AS SELECT * FROM ledger ANTI JOIN x_folded_ledger USING (sync, row_key)"
            " UNION ALL BY NAME FROM x_folded_ledger"
        )
        self.run("CREATE OR REPLACE TABLE ledger_person AS FROM ledger_person UNION FROM x_folded_person")

    def merge(self, merged: list[tuple[int, int, int]]) -> None:
        """Resolve ids of profiles: (sync, old, survivor)."""
        for sync, old, survivor in merged:
            self.run(f"UPDATE ledger_person SET profile_id = {survivor} WHERE sync = {sync} AND profile_id = {old}")
        if merged:
            self.run("CREATE OR REPLACE TABLE ledger_person AS SELECT DISTINCT * FROM ledger_person")

    def ledger(self) -> dict[int, list[Row]]:
        return self._by_sync("ledger")

    def persons(self) -> dict[int, dict[int, set[int]]]:
        found: dict[int, dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
        for sync, row_key, profile in self.run("SELECT sync, row_key, profile_id FROM ledger_person").fetchall():
            found[sync][row_key].add(profile)
        return found

    def _by_sync(self, table: str) -> dict[int, list[Row]]:
        found: dict[int, list[Row]] = defaultdict(list)
        for row in self.rows(f"FROM {table} ORDER BY sync, row_key"):
            found[row["sync"]].append(row)
        return found


def _per_row(ledger: ibis.Table) -> ibis.Table:
    last = (ledger.remove_sent_at > ledger.add_sent_at.fill_null(0)) & ~ledger.remove_lost
    return ledger.mutate(
        **{
            f"removed_{kind}": ibis.ifelse(
                last & ((ledger.remove_sent & (1 << n)) != 0), ledger.remove_sent_at, ibis.null("int64")
            )
            for n, kind in enumerate(KINDS)
        }
    )
