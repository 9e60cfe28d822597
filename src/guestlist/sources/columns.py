"""How the columns of a file are told in an error: its first line may be no header but somebody's data."""

import re

from guestlist.sources.files import NOT_A_NAME, DataFile, Kind
from guestlist.sources.headers import EVENTS, PEOPLE
from guestlist.sources.masking import masked

# Headers that are also names, places or codes: `Mobile` is a city, `CT` a state, `Date` a family name.
_ALSO_DATA = frozenset({"mobile", "ct", "st", "fi", "fn", "ln", "gen", "date"})
_COLUMNS_OF_VALUES = 2
_LONGEST_NAME = 60
_MOST = 100


def plain(header: str) -> str:
    """A header as `headers` knows it."""
    return re.sub(r"[\W_]+", "", header).lower()


def surely_named(file: DataFile) -> bool:
    """Whether what stands above the lines can only be names of columns: a known header, or words above values."""
    if file.kind is not Kind.CSV or not file.has_header:
        return True
    if any(plain(name) in (PEOPLE.keys() | EVENTS.keys()) - _ALSO_DATA for name in file.columns):
        return True
    values = [[line[name] for line in file.sample if line[name]] for name in file.columns]
    of_values = [cells for cells in values if cells and all(NOT_A_NAME.fullmatch(cell.strip()) for cell in cells)]
    # One such column is no proof: its first line may say "unknown".
    return len(of_values) >= _COLUMNS_OF_VALUES


def told_columns(file: DataFile) -> str:
    """A sentence or two about the columns of a file, for an error: no value of a line is in it."""
    more = f" and {len(file.columns) - _MOST:,} more" if len(file.columns) > _MOST else ""
    if surely_named(file):
        names = ", ".join(name[:_LONGEST_NAME] for name in file.columns[:_MOST])
        return f"Its columns are: {names}{more}."
    shapes = ", ".join(f"{place} {masked(name)}" for place, name in enumerate(file.columns[:_MOST], 1))
    return (
        "Its first line is taken for a header, but may be data, so it is masked here (x a letter, 9 a digit): "
        f"{shapes}{more}. If it is data, write a line with the names of the columns above it."
    )
