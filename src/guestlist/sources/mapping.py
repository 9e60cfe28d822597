"""What the columns of a file mean: proposed from headers and values, or read from `guestlist.yaml`."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from guestlist.errors import GuestlistError, WrongUseError
from guestlist.misread import in_words
from guestlist.sources.bytestream import wrong_type
from guestlist.sources.columns import plain, told_columns
from guestlist.sources.files import DataFile, Kind
from guestlist.sources.headers import EVENTS, IDS, PEOPLE
from guestlist.sources.messages import Call

Reading: TypeAlias = Literal["people", "events", "messages"]

MESSAGES = "messages"
"""The source of all tracking messages in files: their message ids count across files."""

_EMAIL = re.compile(r"\s*[^@\s,;]+@[^@\s,;]+\.[^@\s,;]+\s*")
_DATED = re.compile(r"[-_. ]*(\d{4}[-_.]?\d{2}[-_.]?\d{2}|\d+|export|copy|\(\d+\))$", re.IGNORECASE)
_ONCE = ("event", "time", "message_id")


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """What the command line says about a file; None where it says nothing."""

    reading: Reading | None = None
    event: str | None = None
    time: str | None = None
    id: str | None = None
    message_id: str | None = None


class FileMapping(BaseModel):
    """One entry of `sources` in `guestlist.yaml`."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    reading: Reading = Field(validation_alias="as", serialization_alias="as")
    event: str | None = None
    columns: dict[str, str] = {}

    def entry(self) -> dict[str, Any]:
        """As it stands in `guestlist.yaml`."""
        return self.model_dump(by_alias=True, exclude_none=True)

    def at(self, target: str) -> list[str]:
        """The columns that have this target."""
        return [column for column, given in self.columns.items() if given == target]

    def ids(self) -> dict[str, str]:
        """The columns that point at a person, with the type of identifier."""
        typed = {column: target.removeprefix("id:") for column, target in self.columns.items()}
        return {column: kind for column, kind in typed.items() if self.columns[column].startswith("id:") or kind in IDS}

    def facts(self) -> dict[str, str]:
        """The columns that become traits or properties, with their keys."""
        special = {*self.ids(), *(column for target in ("", *_ONCE) for column in self.at(target))}
        return {column: key for column, key in self.columns.items() if column not in special}


@dataclass(frozen=True, kw_only=True, slots=True)
class Chosen:
    """The source a file belongs to; `proposed` when `guestlist.yaml` does not have it yet."""

    source: str
    mapping: FileMapping
    proposed: bool


def choose(file: DataFile, wish: Wish, known: Mapping[str, Mapping[str, Any]]) -> Chosen:
    """The mapping of a file: one in `known` that has the same columns and fits the wish, else a proposed one."""
    if wish.reading is None and wish == Wish() and holds_messages(file):
        return Chosen(source=MESSAGES, mapping=FileMapping(reading="messages"), proposed=False)
    _check_columns(file, wish)
    imported = {source: entry for source, entry in known.items() if "load" not in entry}  # others come from elsewhere
    mappings = {source: read_mapping(source, entry) for source, entry in imported.items()}
    alike = {
        source: mapping
        for source, mapping in mappings.items()
        if set(mapping.columns) == set(file.columns) and _fits(mapping, wish)
    }
    for source in alike if file.has_header else _of_numbered(file, wish, alike):
        return Chosen(source=source, mapping=alike[source], proposed=False)
    return Chosen(source=_fresh_name(file.path.name, known), mapping=propose(file, wish), proposed=True)


def _of_numbered(file: DataFile, wish: Wish, alike: Mapping[str, FileMapping]) -> list[str]:
    """Of sources with as many columns, those that a file without a header may belong to.

    Its columns have numbers for names, as those of any such file: it must be called like the source, or its values must
    be taken for what the source takes them for.
    """
    base = _base_name(file.path.name)
    called = [source for source in alike if re.fullmatch(rf"{re.escape(base)}(_\d+)?", source)]
    return called or [source for source, mapping in alike.items() if propose(file, wish).ids() == mapping.ids()]


def holds_messages(file: DataFile) -> bool:
    """Whether most first lines are calls of the tracking spec."""
    if file.kind is not Kind.JSON_LINES:
        return False
    calls = [str(line.get("type")).lower() in set(Call) for line in file.objects]
    return sum(calls) * 2 > len(calls)


def read_mapping(source: str, entry: Mapping[str, Any]) -> FileMapping:
    """One entry of `guestlist.yaml` as values."""
    try:
        return FileMapping.model_validate(entry)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(("sources", source, *map(str, first["loc"])))
        raise GuestlistError(
            "mapping_wrong",
            f"guestlist.yaml cannot be used: {where}: {in_words(first, noun='setting')}.",
            nothing_lost="Nothing was imported.",
            next_step="Correct it, or take the entry out to have it proposed anew.",
        ) from None


def propose(file: DataFile, wish: Wish) -> FileMapping:
    """A mapping from headers and values; what the wish says holds."""
    reading = wish.reading or ("events" if _looks_like_events(file) or wish.event or wish.time else "people")
    table = PEOPLE if reading == "people" else {**PEOPLE, **EVENTS}
    columns = {column: _target(column, table, reading) for column in file.columns}
    columns = {column: _stripe_id(file, column) or target for column, target in _by_value(file, columns).items()}
    for column, target in ((wish.time, "time"), (wish.message_id, "message_id")):
        if column:
            columns = {name: _key(name) if given == target else given for name, given in columns.items()}
            columns[column] = target
    if wish.id:
        named = _id_type(file, wish.id)
        # Of an event the one who was named did it: other ids in the line may be of somebody else.
        gives_way = (lambda given: given == named) if reading == "people" else _is_id
        columns = {name: _key(name) if gives_way(given) else given for name, given in columns.items()}
        columns[wish.id] = named
    if wish.event:
        columns = {name: _key(name) if given == "event" else given for name, given in columns.items()}
    mapping = FileMapping(reading=reading, event=wish.event, columns=_distinct(columns))
    _check_usable(file, mapping)
    return mapping


def _fits(mapping: FileMapping, wish: Wish) -> bool:
    asked = ((wish.time, "time"), (wish.message_id, "message_id"))
    return (
        wish.reading in {None, mapping.reading}
        and wish.event in {None, mapping.event}
        and all(column is None or mapping.at(target) == [column] for column, target in asked)
        and (wish.id is None or _is_named(mapping, wish.id))
    )


def _is_named(mapping: FileMapping, column: str) -> bool:
    return column in mapping.ids() and (mapping.reading == "people" or len(mapping.ids()) == 1)


def _looks_like_events(file: DataFile) -> bool:
    return {"event", "time"} <= {EVENTS.get(plain(column)) for column in file.columns}


def _target(column: str, table: Mapping[str, str], reading: Reading) -> str:
    known = table.get(plain(column))
    if known is None:
        return _key(column)
    # In a table of events a name or a city may be of anything: only ids keep their meaning.
    return known if reading == "people" or _is_id(known) or known in _ONCE else _key(column)


def _by_value(file: DataFile, columns: dict[str, str]) -> dict[str, str]:
    """Columns of e-mail addresses under any header are found, where no header told of one."""
    if any(_is_id(target) for target in columns.values()):
        return columns
    return {name: "email" if _mostly_emails(file, name) else target for name, target in columns.items()}


def _stripe_id(file: DataFile, column: str) -> str | None:
    values = [line[column] for line in file.sample if line.get(column)]
    return "id:stripe_id" if values and all(value.startswith("cus_") for value in values) else None


def _mostly_emails(file: DataFile, column: str) -> bool:
    values = [line[column] for line in file.sample if line.get(column)]
    return len(values) > 0 and sum(map(bool, map(_EMAIL.fullmatch, values))) > 0.8 * len(values)


def _id_type(file: DataFile, column: str) -> str:
    known = PEOPLE.get(plain(column), "")
    if _is_id(known):
        return known
    return "email" if _mostly_emails(file, column) else "user_id"


def _is_id(target: str) -> bool:
    return target in IDS or target.startswith("id:")


def _distinct(columns: dict[str, str]) -> dict[str, str]:
    """Targets that a line has once go to their first column; the rest keep their own names, made different."""
    used: Counter[str] = Counter()
    given = {}
    for column, target in columns.items():
        many = target in {"", "email", "phone", "ios.idfa", "android.idfa"} or target.startswith("id:")
        name = target if many or not used[target] else _key(column)
        if not many and used[name]:
            name = f"{name}_{used[name] + 1}"
        used[name] += 1
        given[column] = name
    return given


def _check_columns(file: DataFile, wish: Wish) -> None:
    for option, column in (("--time", wish.time), ("--id", wish.id), ("--message-id", wish.message_id)):
        if column is not None and column not in file.columns:
            raise WrongUseError(
                "unknown_column",
                f"{file.path.name} has no column '{column}' ({option}).",
                nothing_lost="Nothing was imported.",
                next_step=told_columns(file),
            )


def _check_usable(file: DataFile, mapping: FileMapping) -> None:
    if not file.columns:
        raise wrong_type(file.path, "none of its first lines is a JSON object")
    missing = []
    if not mapping.ids():
        missing.append("who a line is about (--id COLUMN)")
    if mapping.reading == "events" and not mapping.at("time"):
        missing.append("when it was (--time COLUMN)")
    if mapping.reading == "events" and not mapping.event and not mapping.at("event"):
        missing.append("what happened (--event NAME)")
    if missing:
        raise GuestlistError(
            "mapping_incomplete",
            f"The columns of {file.path.name} do not tell {' nor '.join(missing)}.",
            nothing_lost="Nothing was imported.",
            next_step=f"Name it. {told_columns(file)}",
        )


def _fresh_name(file_name: str, known: Mapping[str, Any]) -> str:
    name = base = _base_name(file_name)
    number = 2
    while name in {*known, MESSAGES}:
        name, number = f"{base}_{number}", number + 1
    return name


def _base_name(file_name: str) -> str:
    """What a file is called without its ending, dates and numbers of copies."""
    stem = file_name.split(".", maxsplit=1)[0]
    while (shorter := _DATED.sub("", stem)) and shorter != stem:
        stem = shorter
    return _key(stem)


def _key(header: str) -> str:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", header)
    key = re.sub(r"\W+", "_", words).strip("_").lower() or "column"
    return f"{key}_" if key in {*IDS, *_ONCE} else key
