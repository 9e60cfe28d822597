"""Lines of events that came in before as other messages: read anew under other options they would all count twice.

Of each file of events a digest of its lines is kept. A later file holds them again if its first lines, or its last,
are those: so an export that has grown is known, too.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

import ibis

from guestlist.errors import GuestlistError
from guestlist.sources.files import DataFile, Kind
from guestlist.sources.mapping import Chosen
from guestlist.sources.records import LINE
from guestlist.sources.tabular import said_of
from guestlist.store import Table, Warehouse
from guestlist.store.in_memory import in_memory

LINES_KNOWN = "lines_known"
"""The code of the error that says that lines would count once more."""
LANDED_FILE = {"source": "string", "header": "string", "meaning": "string", "lines": "int64", "digest": "int64"}
"""`header`, the names of columns, and `meaning`, what ids of messages are made of, as digests.

`digest`: of all lines, whatever their order.
"""
_COMPARED = 40


@dataclass(frozen=True, kw_only=True, slots=True)
class Repeats:
    """`salt`: keeps a digest from telling anything about a line. `allowed`: lines may count once more."""

    salt: str = ""
    allowed: bool = False


NO_REPEATS = Repeats()


def note_file(warehouse: Warehouse, lines: Table, file: DataFile, chosen: Chosen, repeats: Repeats) -> str | None:
    """Remember what comes in. The source, if any, whose events it was before: without `allowed` it is refused."""
    if chosen.mapping.reading != "events":
        return None  # people say the same twice, and messages have ids of their own
    own = _Own.of(file, chosen)
    said = lines.json if file.kind is Kind.JSON_LINES else said_of(lines, list(chosen.mapping.columns))
    marked = lines.select(LINE, mark=(ibis.literal(repeats.salt) + said).hash())
    found = warehouse.read(marked.aggregate(lines=marked[LINE].max(), digest=marked.mark.bit_xor())).to_pylist()[0]
    if found["lines"] is None:
        return None
    before = _before(warehouse, marked, found["lines"], own)
    if before and not repeats.allowed:
        raise _known(file, before["source"], before["lines"])
    one = {"source": own.source, "header": own.header, "meaning": own.meaning, **found}
    warehouse.merge("landed_file", in_memory([one], schema=LANDED_FILE), list(LANDED_FILE))
    return before["source"] if before else None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Own:
    source: str
    header: str
    meaning: str

    @classmethod
    def of(cls, file: DataFile, chosen: Chosen) -> "_Own":
        mapping = chosen.mapping
        # A line of JSON is compared as it stands.
        columns = [] if file.kind is Kind.JSON_LINES else sorted(mapping.columns)
        meaning = [mapping.event or "", *mapping.at("message_id")]
        return cls(source=chosen.source, header=_digest(columns), meaning=_digest(meaning))


def _digest(texts: list[str]) -> str:
    return hashlib.sha256("\x1f".join(texts).encode()).hexdigest()[:16]


def _before(warehouse: Warehouse, marked: Table, lines: int, own: _Own) -> dict[str, Any] | None:
    """The largest file whose lines are among these as other messages, unless they are so as these messages, too."""
    kept = warehouse.table("landed_file")
    alike = kept.filter(kept.header == own.header, kept.lines <= lines)
    before = warehouse.read(alike.order_by(ibis.desc("lines")).limit(_COMPARED)).to_pylist()
    if not before:
        return None
    parts: dict[str, Any] = {}
    for place, one in enumerate(before):
        parts[f"first_{place}"] = marked.mark.bit_xor(where=marked[LINE] <= one["lines"])
        parts[f"last_{place}"] = marked.mark.bit_xor(where=marked[LINE] > lines - one["lines"])
    told = warehouse.read(marked.aggregate(**parts)).to_pylist()[0]
    there = [
        one for place, one in enumerate(before) if one["digest"] in {told[f"first_{place}"], told[f"last_{place}"]}
    ]
    same = max((one["lines"] for one in there if _is_own(one, own)), default=0)
    return next((one for one in there if not _is_own(one, own) and one["lines"] > same), None)


def _is_own(one: dict[str, Any], own: _Own) -> bool:
    return (one["source"], one["meaning"]) == (own.source, own.meaning)


def _known(file: DataFile, source: str, lines: int) -> GuestlistError:
    said = "The one line" if lines == 1 else f"{lines:,} lines"
    return GuestlistError(
        "lines_known",
        f"{said} of {file.path.name} came in before as events of the source {source}, with other options. "
        "They would count once more.",
        nothing_lost="Nothing was imported; the space is as it was.",
        next_step="Import the file with the options of the first time. If it is meant to count once more, add --yes "
        "(by the API: repeats). Nothing undoes that.",
    )
