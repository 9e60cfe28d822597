"""The ledger: what Meta has from us, in a file of its own; what must survive and is large.

The journal decides: what an operation came to is told by its batch's record there, and folding answered batches is
repeated after a crash. So data is written here first and pointed at from the journal second. Unlike the warehouse,
this file is used by several workers at once: they take turns.
"""

from collections.abc import Callable, Container, Hashable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from threading import RLock
from types import MappingProxyType
from typing import Any

from guestlist.store.engine import Materialise, Rows, Table, Warehouse, quoted

MEMORY_LIMIT = "400MB"
_DELETED, _MANY = 1 / 3, 122_880
_COMMA = ", ',', "
_COMPILED: dict[Hashable, list[tuple[str, str]]] = {}


class Ledger(Warehouse):
    """One DuckDB file. `schemas` names its lasting relations; the destination that fills them says what they hold."""

    _tuning = MappingProxyType(
        {
            # Nearly all of it is digests: to halve them takes four times as long as to write them.
            "force_compression": "uncompressed",
            # Each fold would otherwise end with rewriting what the one before it wrote, and each slice of rows likewise.
            "checkpoint_threshold": "256MB",
            # Nor is it rewritten because some of its lines were deleted: `tidy` does that once there are many.
            "max_vacuum_tasks": 0,
            # Nothing here goes by the order in which lines were written.
            "preserve_insertion_order": False,
        }
    )

    def __init__(
        self,
        path: Path,
        schemas: Mapping[str, Mapping[str, str]],
        *,
        memory_limit: str = MEMORY_LIMIT,
        threads: int | None = None,
    ) -> None:
        self.lock = RLock()
        super().__init__(path, memory_limit=memory_limit, threads=threads)
        with self.transaction():
            for name, schema in schemas.items():
                self.create(name, schema)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All changes inside happen, or none; other workers wait until it ends."""
        with self.lock, super().transaction():
            yield

    def tidy(self) -> list[str]:
        """Write the large relations anew of whose lines a third or more are deleted ones; gives their names.

        Left to the engine each closing would pay for a part of that, however few lines had been deleted.
        """
        asked = "SELECT table_name FROM duckdb_tables() WHERE NOT temporary AND NOT internal ORDER BY table_name"
        written = []
        for (name,) in self._connection.execute(asked).fetchall():
            with self.transaction():
                if self._deleted(name) > _DELETED:
                    self.replace(name, self.table(name))
                    written.append(name)
        return written

    def _deleted(self, name: str) -> float:
        """The share of deleted lines among those that the engine keeps: lines are numbered before any is deleted."""
        counted = f"SELECT count(*), coalesce(max(rowid) + 1, 0) FROM {quoted(name)}"  # noqa: S608 a checked name
        there, numbered = self._connection.execute(counted).fetchall()[0]
        return 1 - there / numbered if numbered > _MANY else 0.0

    def read(self, rows: Table) -> Any:
        """The lines of an expression, all in memory: for small answers."""
        with self.lock:
            return super().read(rows)

    def materialise(self, name: str, rows: Rows) -> Table:
        """Write an intermediate result under a name that ends with this process; give the table that reads it."""
        with self.lock:
            return super().materialise(name, rows)

    def view(self, name: str, rows: Table) -> Table:
        """The expression under a name that ends with this process: what is built upon it need not know what it is."""
        with self.lock:
            self._changed(f'CREATE OR REPLACE TEMP VIEW "{name}" AS {self._sql(rows)}')
            return self.temporary(name)

    def replayed(self, key: Hashable, steps: Callable[[Materialise], Table], last: str) -> Table:
        """Run a chain of materialised steps that ends with `last`; compiled once, after that only its SQL is run again.

        Everything the steps depend on but the lines of the relations must be in `key`: also the relations' names. The
        compiler takes a second or two for a plan, which is more than the plan itself takes for a small audience.
        """
        with self.lock:
            known = _COMPILED.get(key)
            if known is None:
                return self._recorded(key, steps, last)
            for name, sql in known:
                self._changed(f'CREATE OR REPLACE TEMP TABLE "{name}" AS {sql}')
            return self.temporary(last)

    def _recorded(self, key: Hashable, steps: Callable[[Materialise], Table], last: str) -> Table:
        done: list[tuple[str, str]] = []

        def materialise(name: str, rows: Table) -> Table:
            sql = self._sql(rows)
            self._changed(f'CREATE OR REPLACE TEMP TABLE "{name}" AS {sql}')
            done.append((name, sql))
            return self.temporary(name)

        table = materialise(last, steps(materialise))
        _COMPILED[key] = done
        return table

    def picked(
        self,
        name: str,
        columns: Mapping[str, int | None],
        *,
        by: str,
        among: str,
        where: Mapping[str, object],
        kept: Mapping[str, object],
        quoted: Container[str],
        between: tuple[int, int] | None,
    ) -> list[tuple[str, str]]:
        """Of a relation's lines those that `among` names: `by` as text, then the columns as the text of one JSON array.

        Written by the engine: as values, one by one, they would cost four times as much. Columns that are not in
        `quoted` may hold nothing that JSON has to escape, as digests do not.

        `where` says which lines of `among` count, `kept` which of the relation. A column with a bit is blank where
        the line's mask `sent` lacks it. `between` says from which to which place in the relation to look, if known.
        Reads on a connection of its own, what is committed: nobody who writes meanwhile is waited for.
        """
        cells = {
            column: f"CASE WHEN asked.sent & {bit} <> 0 THEN kept.\"{column}\" ELSE '' END"
            if bit
            else f'kept."{column}"'
            for column, bit in columns.items()
        }
        asked = " AND ".join(f'"{column}" = ?' for column in where)
        ours = "".join(f' AND kept."{column}" = ?' for column in kept)
        place = " AND kept.rowid BETWEEN ? AND ?" if between else ""
        query = (
            f'SELECT kept."{by}"::VARCHAR, {_json_array(cells, quoted)} FROM "{name}" AS kept'  # noqa: S608
            f' JOIN (SELECT "{by}", sent FROM "{among}" WHERE {asked}) AS asked ON kept."{by}" = asked."{by}"{ours}{place}'
        )
        asking = [*where.values(), *kept.values(), *(between or ())]
        with closing(self._connection.cursor()) as reader:
            answer: list[tuple[str, str]] = reader.execute(query, asking).fetchall()
        return answer

    def add_unknown(self, name: str, rows: Rows, on: Sequence[str], *, keys: Table) -> int:
        """Add the lines whose values in `on` are not there yet. `keys` has these of all `rows`, each once.

        What is there is looked up by the keys first: that is small, while the relation and the rows may be large.
        """
        with self.transaction():
            self.materialise("keys_there", self.table(name).select(*on).semi_join(keys, list(on)))
            same = ", ".join(f'"{column}"' for column in on)
            with self._source(rows) as source:
                new = f"SELECT new.* FROM ({source}) AS new ANTI JOIN temp.main.keys_there USING ({same})"  # noqa: S608
                return self._insert(name, new)

    def replace_lines(self, name: str, keys: Rows, rows: Rows, on: Sequence[str]) -> None:
        """Take away the lines whose values in `on` are among `keys`, and add `rows`; both, or none."""
        with self.transaction():
            self.delete_keys(name, keys, on)
            self.append(name, rows)

    def follow_survivors(self, name: str, alias: Rows) -> None:
        """In relation `name`, put the survivor's id in place of each merged one; `alias` is (profile_id, survivor).

        What then is there twice is kept once.
        """
        with self.transaction():
            told = self.materialise("merged_profiles", alias)
            told = told.filter(told.profile_id != told.survivor)
            lines = self.table(name)
            changed = lines.join(told, "profile_id")
            columns = [column for column in lines.columns if column != "profile_id"]
            changed = changed.select(*columns, profile_id=changed.survivor).distinct()
            changed = self.materialise("changed_profiles", changed.select(*lines.columns))
            if self.delete_keys(name, told, ["profile_id"]):
                self.append(name, changed.anti_join(self.table(name), list(lines.columns)))


def _json_array(cells: Mapping[str, str], quoted: Container[str]) -> str:
    """An expression for a line's cells as JSON. The engine's own `json_array` takes half as long again."""
    literals_side_by_side = "', '"
    texts = (f"to_json({cell})" if column in quoted else f"""'"', {cell}, '"'""" for column, cell in cells.items())
    return f"concat('[', {_COMMA.join(texts)}, ']')".replace(literals_side_by_side, "")
