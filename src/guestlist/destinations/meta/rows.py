"""From one record's traits and identifiers to its rows: the rule, one record at a time."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import orjson

from guestlist.destinations.meta.manifest import IDENTIFIERS, KEYS, MANY, TRACKING_ENABLED, TRAITS, UNHASHED, WEAK, Key
from guestlist.destinations.meta.match_keys import (
    BLANK,
    Cell,
    MatchKeySettings,
    cell_of,
    read_form,
    sources,
    unreadable,
)
from guestlist.values import email
from guestlist.values.country import country_of_hash
from guestlist.values.reading import NOTHING, Detail, Flag, Reason
from guestlist.values.text import sha256, text_of

Cannot = Literal["has_none", "only_unusable"]
Kind = Literal["email", "phone", "madid", "extern_id", "weak"]

# Between the cells of a digest: no hashed cell and no MADID has it, and EXTERN_ID comes last.
SEPARATOR = "\x1f"
# Hexadecimal digits of 128 bits.
DIGEST_PART = 32
FALSE_WORDS = ("false", "0", "no")


@dataclass(frozen=True, kw_only=True, slots=True)
class Identifier:
    """What points at a person: `email`, `phone`, `ios.idfa`, …"""

    type: str
    value: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Issue:
    """One thing worth knowing about a cell: why it is blank, or a flag of one that is sent."""

    key: Key
    raw: str
    reason: Reason | Flag
    detail: Detail | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """The cells of one row, of every key that had a value; `cannot` says why it could not be added."""

    cells: Mapping[Key, Cell]
    cannot: Cannot | None

    @property
    def can_be_sent(self) -> bool:
        """May this row be an addition."""
        return self.cannot is None

    def sent(self, key: Key) -> str:
        """What is sent for a key, "" for blank."""
        return self.cells.get(key, BLANK).sent


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """The rows of one person and what is worth knowing about their cells."""

    rows: tuple[Row, ...]
    issues: tuple[Issue, ...]


def read_record(
    traits: Mapping[str, Any], settings: MatchKeySettings, identifiers: Sequence[Identifier] = ()
) -> Record:
    """The rows that one person gives: as many as the longest list of e-mails, phones or mobile ids."""
    reader = _Reader(traits=traits, identifiers=identifiers, settings=settings)
    country = reader.country()
    settled = settled_country(country)
    single = reader.singles(country, settled)
    lists = {key: reader.many(key, settled) for key in MANY if key in settings.keys}
    heads = {key: _usable(cells) for key, cells in lists.items()}
    rows = tuple(_row(n, heads, lists, single, settings) for n in range(max(1, *map(len, heads.values()), 1)))
    listed = (*((key, cell) for key, cells in lists.items() for cell in cells), *single.items())
    issues = dict.fromkeys(issue for key, cell in listed for issue in _issues(key, cell))
    return Record(rows=rows, issues=tuple(sorted(issues, key=lambda issue: KEYS.index(issue.key))))


def settled_country(cell: Cell) -> str:
    """The country by which the row's other cells are read, "" when not known; a hashed one is recognised."""
    return country_of_hash().get(cell.sent, "")


def _usable(cells: Sequence[Cell]) -> list[Cell]:
    """Those that are sent, each sent value once: a clear value and its hash are one."""
    usable: dict[str, Cell] = {}
    for cell in cells:
        if cell.sent:
            usable.setdefault(cell.sent, cell)
    return list(usable.values())


def _row(
    n: int,
    heads: Mapping[Key, list[Cell]],
    lists: Mapping[Key, list[Cell]],
    single: Mapping[Key, Cell],
    settings: MatchKeySettings,
) -> Row:
    cells: dict[Key, Cell] = {}
    for key, head in heads.items():
        if head:
            cells[key] = head[n] if n < len(head) else head[0]
        elif lists[key]:
            cells[key] = lists[key][0]
    cells |= single
    strong = [cells[key] for key in settings.strong if key in cells]
    cannot: Cannot | None = None if any(c.sent for c in strong) else "only_unusable" if strong else "has_none"
    return Row(cells={key: cells[key] for key in KEYS if key in cells}, cannot=cannot)


def _issues(key: Key, cell: Cell) -> Iterator[Issue]:
    if cell.reason is not None:
        yield Issue(key=key, raw=cell.raw, reason=cell.reason, detail=cell.detail)
    for flag in cell.flags:
        yield Issue(key=key, raw=cell.raw, reason=flag)


@dataclass(frozen=True, kw_only=True)
class _Reader:
    """Reads the cells of one record."""

    traits: Mapping[str, Any]
    identifiers: Sequence[Identifier]
    settings: MatchKeySettings

    def country(self) -> Cell:
        cell = self._first("COUNTRY", "")
        if cell != BLANK or not self.settings.country:
            return cell
        default = self.settings.country
        return Cell(normal=default, sent=sha256(default), flags=(Flag.FROM_DEFAULT,))

    def singles(self, country: Cell, settled: str) -> dict[Key, Cell]:
        cells: dict[Key, Cell] = {}
        for key in self.settings.keys:
            if key not in MANY:
                cells[key] = country if key == "COUNTRY" else self._first(key, settled)
        initial = cells.get("FI", BLANK)
        if cells.get("FN", BLANK).sent and initial != BLANK:
            # The whole first name says more than its initial.
            cells["FI"] = Cell(raw=initial.raw)
        return {key: cell for key, cell in cells.items() if cell != BLANK}

    def many(self, key: Key, settled: str) -> list[Cell]:
        cells = [cell for raw in self._listed(key) if (cell := self._cell(key, raw, settled)) is not None]
        if key == "MADID" and self._tracking_off():
            return [Cell(raw=cell.raw, reason=Reason.TRACKING_OFF) for cell in cells]
        return cells

    def _listed(self, key: Key) -> Iterator[Any]:
        for identifier in self.identifiers:
            if identifier.type in IDENTIFIERS[key]:
                yield from _pieces(key, identifier.value)
        for trait in self.settings.remap.get(key, TRAITS[key]):
            for value in values_at(self.traits, trait):
                yield from _pieces(key, value)

    def _first(self, key: Key, settled: str) -> Cell:
        """The first usable value of a key, else the first that is not absent, with its reason."""
        refused = BLANK
        for form, value in self._candidates(key):
            cell = self._cell(form, value, settled)
            if cell is None:
                continue
            if cell.sent:
                return cell
            refused = refused if refused != BLANK else cell
        return refused

    def _candidates(self, key: Key) -> Iterator[tuple[str, Any]]:
        for source in sources(key, self.settings):
            found = values_at(self.traits, source.trait)
            if key == "EXTERN_ID" and not found:
                found = [i.value for i in self.identifiers if i.type == source.trait]
            for value in found:
                yield source.form, value

    def _cell(self, form: str, value: Any, settled: str) -> Cell | None:
        raw = text_of(value)
        if raw is None:
            return cell_of(form, orjson.dumps(value, default=str).decode(), unreadable(form))
        reading = read_form(form, raw, settled, self.settings)
        return None if reading == NOTHING else cell_of(form, raw, reading)

    def _tracking_off(self) -> bool:
        found = [value for trait in TRACKING_ENABLED for value in values_at(self.traits, trait)]
        return any(str(value).strip().lower() in FALSE_WORDS for value in found)


def _pieces(key: Key, value: Any) -> Iterator[Any]:
    if key == "EMAIL" and isinstance(value, str):
        yield from email.split(value)
    else:
        yield value


def values_at(traits: Mapping[str, Any], trait: str) -> list[Any]:
    """The values of a trait, whose dots may be part of its name or walk nested objects; a list gives each in it."""
    value = traits[trait] if trait in traits else _walk(traits, trait)
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _walk(traits: Mapping[str, Any], trait: str) -> Any:
    value: Any = traits
    for part in trait.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _digest(row: Row, keys: Sequence[Key]) -> UUID:
    """A 128-bit digest of cells as sent, of hashed ones as much as it can hold: half the bytes to read."""
    cells = (row.sent(key) if key in UNHASHED else row.sent(key)[:DIGEST_PART] for key in keys)
    return UUID(hashlib.md5(SEPARATOR.join(cells).encode(), usedforsecurity=False).hexdigest())


def row_key(row: Row) -> UUID:
    """What names a row: the digest of all its cells as sent."""
    return _digest(row, KEYS)


def has_weak_key(present: Mapping[Key, bool]) -> bool:
    """Do these cells together point at a person: a whole name and a place or year."""
    named = present["LN"] and (present["FN"] or present["FI"])
    return named and (present["ZIP"] or present["CT"] or present["DOBY"])


def keys_of(row: Row) -> dict[Kind, UUID]:
    """The keys by which Meta can know the row, each as 128 bits, as `keymask` compares them."""
    keys: dict[Kind, UUID] = {}
    if row.sent("EMAIL"):
        keys["email"] = UUID(row.sent("EMAIL")[:DIGEST_PART])
    if row.sent("PHONE"):
        keys["phone"] = UUID(row.sent("PHONE")[:DIGEST_PART])
    if row.sent("MADID"):
        keys["madid"] = UUID(row.sent("MADID"))
    if row.sent("EXTERN_ID"):
        keys["extern_id"] = _digest(row, ("EXTERN_ID",))
    if has_weak_key({key: bool(row.sent(key)) for key in WEAK}):
        keys["weak"] = _digest(row, WEAK)
    return keys
