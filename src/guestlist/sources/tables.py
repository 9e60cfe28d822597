"""A file as a table of text columns, for lists of identifiers and for queries: all of its lines, or none."""

from collections.abc import Iterator

import pyarrow as pa

from guestlist.errors import GuestlistError
from guestlist.sources.files import DataFile, Kind
from guestlist.sources.records import LINE
from guestlist.sources.tabular import columns_of_json
from guestlist.store import Table, Warehouse

_SAFE = "What was known before is as it was."


def read_whole(warehouse: Warehouse, file: DataFile, *, into: str) -> Table:
    """The file's lines under the temporary name `into`. A single line that cannot be read refuses the file.

    Of a list of people to leave out a lost line is a person wrongly kept.
    """
    staged = warehouse.materialise("file_lines", _lines(file))
    if file.kind is Kind.JSON_LINES:
        staged = columns_of_json(staged, file.columns)
        bad = warehouse.read(staged.aggregate(n=staged.count(where=staged.bad))).to_pylist()[0]["n"]
        if bad:
            raise unreadable(file, bad)
    table = warehouse.materialise(into, staged.select(*file.columns))
    warehouse.drop("file_lines")
    if not warehouse.read(table.limit(1)).num_rows:
        raise GuestlistError(
            "file_empty",
            f"{file.path.name} has no line.",
            nothing_lost=_SAFE,
            next_step="If that is right, take it out of where it is named; else get the file again.",
        )
    return table


def _lines(file: DataFile) -> pa.RecordBatchReader:
    names = ["json"] if file.kind is Kind.JSON_LINES else list(file.columns)
    schema = pa.schema([(LINE, pa.int64()), *((name, pa.string()) for name in names)])

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in file.batches():
            if batch.rejections:
                raise unreadable(file, len(batch.rejections))
            yield batch.rows.cast(schema)

    return pa.RecordBatchReader.from_batches(schema, batches())


def unreadable(file: DataFile, lines: int) -> GuestlistError:
    """So many lines of a file cannot be read."""
    return GuestlistError(
        "file_lines",
        f"{file.path.name} has lines that cannot be read ({lines:,} so far).",
        nothing_lost=_SAFE,
        next_step="Correct the file: every line needs as many cells as the header, and text in UTF-8.",
    )
