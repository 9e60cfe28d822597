"""Plan a delta of two snapshots of rows: seconds, rows per second, peak memory.

python bench/plan.py [rows] [change %] [share of ledger rows with an old removal %]
"""

import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ibis
import psutil

from guestlist.destinations.meta.plan import plan
from guestlist.destinations.meta.relations import Relations
from guestlist.destinations.meta.settle import HOUR, Settings

NOW = 20_000 * 24 * HOUR


class Peak:
    """The largest resident memory seen while the thread runs."""

    def __init__(self) -> None:
        self.bytes = 0
        self._done = threading.Event()

    def _watch(self) -> None:
        process = psutil.Process()
        while not self._done.wait(0.02):
            self.bytes = max(self.bytes, process.memory_info().rss)

    @contextmanager
    def watched(self) -> Iterator[None]:
        thread = threading.Thread(target=self._watch)
        thread.start()
        try:
            yield
        finally:
            self._done.set()
            thread.join()


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


def fill(con: ibis.BaseBackend, rows: int, change: float, removed: float) -> Relations:
    """A ledger of so many rows, and a wanted set half of the change left or entered, half changed e-mail."""
    part = int(rows * change / 4)
    moved = f"CASE WHEN n >= {rows} - {2 * part} AND n < {rows} THEN 'new' ELSE 'old' END"
    con.raw_sql(f"""
        CREATE TABLE wanted AS SELECT 'buyers@main' AS sync, {_keys("n", moved)} FROM range({part}, {rows + part}) r(n);
        CREATE TABLE wanted_person AS SELECT 'buyers@main' AS sync, {_keys("n", moved)}, 'p' || n AS profile_id
            FROM range({part}, {rows + part}) r(n);
        ALTER TABLE wanted_person DROP email; ALTER TABLE wanted_person DROP phone;
        ALTER TABLE wanted_person DROP madid;
        ALTER TABLE wanted_person DROP extern_id; ALTER TABLE wanted_person DROP weak;
        ALTER TABLE wanted_person DROP name;
        CREATE TABLE ledger_all AS SELECT 'buyers@main' AS sync, 'p' || n AS profile_id, {_keys("n", "'old'")}, n
            FROM range({rows}) r(n);
        CREATE TABLE ledger_person AS SELECT sync, row_key, profile_id FROM ledger_all;
        CREATE TABLE ledger AS SELECT sync, row_key, email, phone, madid, extern_id, weak, name, 'in' AS known,
            ((email IS NOT NULL)::int + 2 * (phone IS NOT NULL)::int + 4 * (madid IS NOT NULL)::int
             + 16 * (weak IS NOT NULL)::int)::int AS live,
            {NOW - 100 * HOUR} + n // 10000 AS add_sent_at, false AS add_lost,
            CASE WHEN hash(n) % 1000 < {removed * 10} THEN {NOW - 200 * HOUR} + n // 10000 END AS remove_sent_at,
            false AS remove_lost, 1::int AS remove_sent, 0::int AS remove_blanked,
            NULL::bigint AS removed_email, NULL::bigint AS removed_phone, NULL::bigint AS removed_madid,
            NULL::bigint AS removed_extern_id, NULL::bigint AS removed_weak,
            0::int AS tries, false AS stays, {NOW - 100 * HOUR} + n // 10000 AS folded_at, NULL::varchar AS reason
            FROM ledger_all;
        DROP TABLE ledger_all;
        CREATE TABLE syncs AS SELECT 'buyers@main' AS sync, {NOW} AS now, 'all' AS removes, 'all' AS adds,
            NULL::bigint AS reassert_before;
        CREATE TABLE listed_key (sync VARCHAR, kind VARCHAR, key UUID);
        CREATE TABLE listed_person (sync VARCHAR, profile_id VARCHAR);
        CHECKPOINT;""")
    return Relations(**{name: con.table(name) for name in Relations.__dataclass_fields__})


def main(size: float = 1e6, change: float = 5.0, removed: float = 5.0) -> None:
    """Fill, plan twice (the first run compiles), print."""
    rows = int(size)
    with tempfile.TemporaryDirectory() as folder:
        con = ibis.duckdb.connect(Path(folder) / "plan.duckdb", threads=2, memory_limit="1GB")
        given = fill(con, rows, change / 100, removed)
        for turn in ("first", "second"):
            steps: list[str] = []
            peak, start, cpu = Peak(), time.perf_counter(), time.process_time()

            def materialise(name: str, expr: ibis.Table, steps: list[str] = steps) -> ibis.Table:
                began = time.perf_counter()
                table = con.create_table(f"plan_{name}", expr, temp=True, overwrite=True)
                steps.append(f"{name} {time.perf_counter() - began:.2f}")
                return table

            with peak.watched():
                result = plan(given, Settings(), materialise=materialise)
                additions = materialise("additions", result.additions)
            seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
            sizes = [int(table.count().execute()) for table in (result.removals, additions)]
            print(
                f"{turn}: {rows:,} x {rows:,} rows, {change:g} % changed, {removed:g} % with an old removal: "
                f"{seconds:.2f} s ({cpu:.2f} s of processor), {2 * rows / seconds:,.0f} rows/s, "
                f"peak {peak.bytes >> 20} MiB; "
                f"{sizes[0]:,} removals, {sizes[1]:,} additions"
            )
            print("   seconds by step:", ", ".join(steps))


if __name__ == "__main__":
    main(*(float(argument) for argument in sys.argv[1:]))
