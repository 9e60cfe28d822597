"""Plan the difference of two sets of rows, with 5 % changed and 5 % of the ledger once removed."""

import tempfile
from pathlib import Path
from typing import Any

from bench import data
from bench.figures import Figure, Target, clocked
from guestlist.destinations.meta.plan import Plan, plan
from guestlist.destinations.meta.relations import Relations
from guestlist.destinations.meta.settle import HOUR, Settings
from guestlist.store.ledger import Ledger

_NOW = 20_000 * 24 * HOUR
_CHANGE, _REMOVED = 0.05, 0.05


def _keys(n: str, version: str) -> str:
    """Real-shaped: every row an e-mail, 70 % a phone, 20 % a MADID, 60 % weak cells with some names shared by many."""
    return f"""
        md5('row' || {n} || '/' || {version})::uuid AS row_key,
        md5('email' || {n} || '/' || {version})::uuid AS email,
        CASE WHEN {n} % 10 < 7 THEN md5('phone' || {n})::uuid END AS phone,
        CASE WHEN {n} % 5 = 0 THEN md5('madid' || {n})::uuid END AS madid,
        NULL::uuid AS extern_id,
        CASE WHEN {n} % 10 < 6 THEN md5('weak' || {n})::uuid END AS weak,
        CASE WHEN {n} % 10 < 6 THEN md5('name' || (hash({n}) % 300000))::uuid END AS name"""


def _fill(rows: int) -> str:
    """A ledger of so many rows, and a wanted set: half of the change left or entered, half has another e-mail."""
    part = int(rows * _CHANGE / 4)
    moved = f"CASE WHEN n >= {rows} - {2 * part} AND n < {rows} THEN 'new' ELSE 'old' END"
    return f"""
        CREATE TABLE wanted AS SELECT 'buyers@main' AS sync, {_keys("n", moved)} FROM range({part}, {rows + part}) r(n);
        CREATE TABLE wanted_person AS SELECT sync, row_key, 'p' || n AS profile_id FROM
            (SELECT 'buyers@main' AS sync, n, {_keys("n", moved)} FROM range({part}, {rows + part}) r(n));
        CREATE TABLE ledger_person AS SELECT sync, row_key, 'p' || n AS profile_id FROM
            (SELECT 'buyers@main' AS sync, n, {_keys("n", "'old'")} FROM range({rows}) r(n));
        CREATE TABLE ledger AS SELECT sync, row_key, email, phone, madid, extern_id, weak, name, 'in' AS known,
            ((email IS NOT NULL)::int + 2 * (phone IS NOT NULL)::int + 4 * (madid IS NOT NULL)::int
             + 16 * (weak IS NOT NULL)::int)::int AS live,
            {_NOW - 100 * HOUR} + n // 10000 AS add_sent_at, false AS add_lost,
            CASE WHEN hash(n) % 1000 < {_REMOVED * 1000} THEN {_NOW - 200 * HOUR} + n // 10000 END AS remove_sent_at,
            false AS remove_lost, 1::int AS remove_sent, 0::int AS remove_blanked,
            NULL::bigint AS removed_email, NULL::bigint AS removed_phone, NULL::bigint AS removed_madid,
            NULL::bigint AS removed_extern_id, NULL::bigint AS removed_weak,
            0::int AS tries, false AS stays, {_NOW - 100 * HOUR} + n // 10000 AS folded_at, NULL::varchar AS reason
            FROM (SELECT 'buyers@main' AS sync, n, {_keys("n", "'old'")} FROM range({rows}) r(n));
        CREATE TABLE syncs AS SELECT 'buyers@main' AS sync, {_NOW} AS now, 'all' AS removes, 'all' AS adds,
            NULL::bigint AS reassert_before;
        CREATE TABLE listed_key (sync VARCHAR, kind VARCHAR, key UUID);
        CREATE TABLE listed_person (sync VARCHAR, profile_id VARCHAR);
        CHECKPOINT"""


def measure(profiles: int, _events: int) -> list[Figure]:
    """Planned twice, as a process that goes on does it: the second time it is not compiled any more."""
    data.FOLDER.mkdir(exist_ok=True)
    figures = []
    with tempfile.TemporaryDirectory(dir=data.FOLDER) as folder, Ledger(Path(folder) / "plan.duckdb", {}) as ledger:
        for statement in _fill(profiles).split(";\n"):
            ledger._connection.execute(statement)  # noqa: SLF001 the store takes no text from others; test data may
        given = Relations(**{name: ledger.table(name) for name in Relations.__dataclass_fields__})
        for what in ("first of a process", "after that"):
            with clocked() as clock:
                planned = _planned(ledger, given)
            removals, additions = ledger.count("removals"), ledger.count("planned_additions")
            note = f"{removals:,} removals, {additions:,} additions"
            target = Target(of="seconds", value=2.0)
            figures.append(clock.figure("plan", what, 2 * profiles, target=target, note=note))
            del planned
    return figures


def _planned(ledger: Ledger, given: Relations) -> Plan:
    def steps(step: Any) -> Any:
        return plan(given, Settings(), materialise=step).additions

    with ledger.transaction():
        additions = ledger.replayed("bench", steps, "planned_additions")
        return Plan(removals=ledger.temporary("removals"), additions=additions)
