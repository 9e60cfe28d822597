"""People as the commands show them: read from the space, found by what the user types, masked unless revealed."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Self, TextIO

from guestlist.audiences.question import Question, stamp
from guestlist.errors import GuestlistError, WrongUseError
from guestlist.identity_rules import identity_rules
from guestlist.profiles.views import known_identifiers
from guestlist.space import Space
from guestlist.store import Warehouse
from guestlist.telling import masking
from guestlist.telling.answer import Value

IDS = ("user_id", "email", "phone")
NAMES = {"first_name": ("firstname",), "last_name": ("lastname",), "name": ("name", "fullname")}
COLUMNS = ("profile_id", *IDS, *NAMES, "since", "group")
_AT = "timestamp('UTC')"
_RELATIONS = {
    "event": {
        "profile_id": "string",
        "event": "string",
        "at": _AT,
        "source": "string",
        "message_id": "string",
        "properties": "string",
    },
    "trait": {
        "profile_id": "string",
        "key": "string",
        "value": "string",
        "number": "float64",
        "at": _AT,
        "source": "string",
    },
    "membership": {"audience": "string", "profile_id": "string", "entered_at": _AT, "exited_at": _AT},
}
NO_DATA = "no_data"
_SHORTEST_ID = 6
# What a spreadsheet would run rather than show.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@contextmanager
def known_people(space: Space) -> Iterator[Warehouse]:
    """The space's warehouse, once there are people in it."""
    if not has_data(space):
        raise no_data()
    with space.open_warehouse() as warehouse:
        ready(warehouse)
        yield warehouse


def ready(warehouse: Warehouse) -> None:
    """Make sure that there are people, and the relations that are asked about them."""
    if not warehouse.has("identifier"):
        raise _not_resolved() if warehouse.count("message") else no_data()
    for name, schema in _RELATIONS.items():
        warehouse.create(name, schema)


def has_data(space: Space) -> bool:
    """Whether anything was ever imported."""
    return (space.private / "warehouse.duckdb").exists()


def no_data() -> GuestlistError:
    """Nothing was ever imported."""
    return GuestlistError(
        NO_DATA,
        "There is no data in this space yet, so nobody can be in an audience.",
        next_step="Import some: guestlist import FILE",
    )


def _not_resolved() -> GuestlistError:
    return GuestlistError(
        NO_DATA,
        "There is data in this space, but it was not brought together into people yet: the import did not end.",
        nothing_lost="Nothing is lost.",
        next_step="Import the same files again, what is there already is not taken twice: guestlist import FILE",
    )


class Known(Value):
    """What is shown of one person, wherever."""

    profile_id: str
    user_id: tuple[str, ...] = ()
    email: tuple[str, ...] = ()
    phone: tuple[str, ...] = ()
    first_name: str | None = None
    last_name: str | None = None
    name: str | None = None

    def ids(self, kind: str) -> tuple[str, ...]:
        """Those of one type, oldest first."""
        found: tuple[str, ...] = getattr(self, kind)
        return found

    def masked(self) -> Self:
        """The same, told less."""
        ids = {kind: tuple(masking.identifier(kind, value) for value in self.ids(kind)) for kind in IDS}
        names = {key: masking.name(value) for key in NAMES if (value := getattr(self, key))}
        return self.model_copy(update={"profile_id": masking.profile(self.profile_id), **ids, **names})

    def called(self) -> str:
        """What to call the person in one line: the first e-mail or the next best, then the name."""
        best = next((ids[0] for kind in ("email", "user_id", "phone") if (ids := self.ids(kind))), self.profile_id)
        name = self.whole_name()
        return f"{best} ({name})" if name else best

    def whole_name(self) -> str:
        """First and last name, or the name in one piece."""
        return " ".join(part for part in (self.first_name, self.last_name) if part) or self.name or ""


class Person(Known):
    """One person as shown. `since`: when the running stay in the audience began, as recorded.

    `group`: the one that was drawn for the person, `holdout` where no sync sends them; null where there is none.
    """

    since: datetime | None = None
    group: str | None = None


def read_people(
    warehouse: Warehouse,
    ids: Any,
    audience: str,
    question: Question,
    *,
    reveal: bool,
    limit: int | None = None,
    groups: Any = None,
) -> Iterator[Person]:
    """The people in `ids` (profile_id), in a fixed order, batch by batch; `groups` (profile_id, name) of their groups."""
    wanted = ids if limit is None else ids.order_by("profile_id").limit(limit)
    told = _told(wanted, audience, question)
    if groups is not None:
        told = told.left_join(groups, "profile_id").drop("profile_id_right")
    for batch in warehouse.stream(told.order_by("profile_id")):
        for row in batch.to_pylist():
            person = Person(**_known(row), since=row["since"], group=row.get("name_right") or None)
            yield person if reveal else person.masked()


class Moved(Known):
    """A person who entered an audience, or left it."""

    at: datetime
    change: str


def read_moved(warehouse: Warehouse, moves: Any, audience: str, question: Question, *, reveal: bool) -> Iterator[Moved]:
    """Everybody in `moves` (profile_id, at, change), in order of time."""
    told = _told(moves.select("profile_id").distinct(), audience, question)
    whole = moves.join(told, "profile_id")
    for batch in warehouse.stream(whole.order_by("at", "change", "profile_id")):
        for row in batch.to_pylist():
            moved = Moved(**_known(row), at=row["at"], change=row["change"])
            yield moved if reveal else moved.masked()


def _known(row: Mapping[str, Any]) -> dict[str, Any]:
    ids = {kind: tuple(row[kind] or ()) for kind in IDS}
    return {"profile_id": row["profile_id"], **ids, **{key: row[key] or None for key in NAMES}}


def _told(ids: Any, audience: str, question: Question) -> Any:
    relations = question.relations
    assert relations.identifier is not None  # there are people
    # Only of those asked for: the rest of the space may be a thousand times larger.
    known, trait = (table.semi_join(ids, "profile_id") for table in (relations.identifier, relations.trait))
    held = known.group_by("profile_id").aggregate(
        **{kind: known.value.collect(where=known.type == kind, order_by=known.ordinal) for kind in IDS}
    )
    short = trait.key.lower().replace("_", "")
    names = trait.filter(trait.at <= stamp(trait.at, question.as_of)).group_by("profile_id")
    names = names.aggregate(
        **{key: trait.value.argmax(trait.at, where=short.isin(spellings)) for key, spellings in NAMES.items()}
    )
    whole = ids.left_join(held, "profile_id").drop("profile_id_right")
    whole = whole.left_join(names, "profile_id").drop("profile_id_right")
    whole = whole.left_join(_since(audience, question), "profile_id").drop("profile_id_right")
    return whole.select("profile_id", *IDS, *NAMES, "since")


def _since(audience: str, question: Question) -> Any:
    stay = question.relations.membership
    begun = stay.entered_at <= stamp(stay.entered_at, question.as_of)
    running = stay.exited_at.isnull() | (stay.exited_at > stamp(stay.exited_at, question.as_of))
    inside = stay.filter(stay.audience == audience, begun, running)
    return inside.group_by("profile_id").aggregate(since=inside.entered_at.max().cast(_AT))


# Finding one person


def find(warehouse: Warehouse, space: Space, typed: str) -> str:
    """The profile id of the person that TYPE:VALUE names. What was typed is never repeated in an error."""
    kind, value = _parted(typed)
    if kind == "profile_id":
        return _by_own_id(warehouse, value)
    known = known_identifiers(warehouse)
    try:
        normal = _normal(space, kind, value)
    except WrongUseError:
        _refuse_as_nobodys(warehouse, kind, [value])
        raise
    wanted = known.filter(known.type == kind, known.value == normal)
    found = warehouse.read(wanted.select("profile_id").limit(1)).to_pylist()
    if not found:
        _refuse_as_nobodys(warehouse, kind, [value, normal])
        raise _nobody(warehouse, kind)
    return str(found[0]["profile_id"])


def _refuse_as_nobodys(warehouse: Warehouse, kind: str, values: Sequence[str]) -> None:
    """Say so where a value came in and points at nobody: too many people share it, or it is blocked."""
    if not warehouse.has("identity_decision"):
        return
    decided = warehouse.table("identity_decision")
    about = decided.filter(decided.type == kind, decided.value.isin(values))
    about = about.filter((about.reason == "hub") | (about.decision == "blocked")).select("reason").limit(1)
    for line in warehouse.read(about).to_pylist():
        why = (
            "too many people share it"
            if line["reason"] == "hub"
            else "such a value is blocked, or cannot be read as one"
        )
        raise GuestlistError(
            "nobody_known",
            f"This {kind} is known, and names nobody: {why}.",
            next_step="Name the person otherwise. What names nobody, and how to change it: docs/identity.md",
        )


def _parted(typed: str) -> tuple[str, str]:
    kind, colon, value = typed.partition(":")
    if not colon or not kind.strip() or not value.strip():
        raise WrongUseError(
            "no_person_named",
            "A person is named as TYPE:VALUE.",
            next_step="For example email:jane@example.org, user_id:u1042, or profile_id: and the id that `members` shows.",
        )
    return kind.strip(), value.strip()


def read_identifier(space: Space, typed: str) -> tuple[str, str]:
    """Type and value, in normal form, of the identifier that TYPE:VALUE names."""
    kind, value = _parted(typed)
    if kind == "profile_id":
        raise WrongUseError(
            "no_identifier_named",
            "A profile id is no identifier that could be split off.",
            nothing_lost="Nothing was changed.",
            next_step="Name one of the person's: guestlist profile show lists them.",
        )
    return kind, _normal(space, kind, value)


def _normal(space: Space, kind: str, value: str) -> str:
    """The value as identity compares it: the same rules, so that whatever was imported is found as it was written."""
    normaliser = identity_rules(space.settings.country, salt="").normalisers.get(kind)
    normal = value if normaliser is None else normaliser.rule(value, "")
    if normal is None:
        raise WrongUseError(
            "bad_person_value",
            f"The value after {kind}: cannot be read as one.",
            next_step="A phone number needs its country code, such as +49, unless the space has a country."
            if kind == "phone"
            else "Check it for a slip of the pen.",
        )
    return normal


def _by_own_id(warehouse: Warehouse, beginning: str) -> str:
    known = known_identifiers(warehouse).select(own="profile_id", survivor="profile_id").distinct()
    if warehouse.has("alias"):
        alias = warehouse.table("alias")
        known = known.union(alias.select(own="profile_id", survivor="survivor"), distinct=True)
    wanted = known.filter((known.own == beginning) | known.own.startswith(beginning))
    found = [row["survivor"] for row in warehouse.read(wanted.select("survivor").distinct().limit(2)).to_pylist()]
    if len(found) == 1 and (len(beginning) >= _SHORTEST_ID or found[0] == beginning):
        return str(found[0])
    if not found:
        raise _nobody(warehouse, "profile_id")
    raise WrongUseError(
        "several_people",
        "Several people's ids begin so.",
        next_step="Type more of the id: `members --reveal` shows it.",
    )


def _nobody(warehouse: Warehouse, kind: str) -> GuestlistError:
    known = known_identifiers(warehouse)
    kinds = sorted(row["type"] for row in warehouse.read(known.select("type").distinct()).to_pylist())
    if kind in kinds or kind == "profile_id":
        return GuestlistError(
            "nobody_known",
            f"Nobody is known by this {kind}.",
            next_step="Check the value, or name the person otherwise.",
        )
    listed = ", ".join([*kinds, "profile_id"])
    return WrongUseError(
        "unknown_id_type",
        "Nobody here is known by an id of that type.",
        next_step=f"People here are known by: {listed}.",
    )


def one_person(warehouse: Warehouse, profile_id: str, audience: str, question: Question, *, reveal: bool) -> Person:
    """This person, as shown."""
    known = known_identifiers(warehouse)
    ids = known.filter(known.profile_id == profile_id).select("profile_id").distinct()
    return next(read_people(warehouse, ids, audience, question, reveal=reveal))


def stays(warehouse: Warehouse, profile_id: str, audience: str) -> list[Mapping[str, Any]]:
    """When the person was in the audience, as recorded, oldest first."""
    stay = warehouse.table("membership")
    mine = stay.filter(stay.profile_id == profile_id, stay.audience == audience)
    mine = mine.select(entered_at=mine.entered_at.cast(_AT), exited_at=mine.exited_at.cast(_AT)).order_by("entered_at")
    rows: list[Mapping[str, Any]] = warehouse.read(mine).to_pylist()
    return rows


def names_of(warehouse: Warehouse, kind: str) -> dict[str, int]:
    """The names of all events or types of identifiers, and how many there are; of all traits, and how many have each."""
    table = warehouse.table(kind)
    column = {"event": "event", "identifier": "type"}.get(kind, "key")
    asked = table.group_by(name=table[column]).aggregate(times=table.count())
    return {row["name"]: row["times"] for row in warehouse.read(asked).to_pylist()}


def count(warehouse: Warehouse, ids: Any) -> int:
    """How many people."""
    return int(warehouse.read(ids.aggregate(n=ids.count())).to_pylist()[0]["n"])


# Taking people out as a file


def write_csv(file: TextIO, people: Iterator[Known], columns: Sequence[str] = COLUMNS) -> int:
    """Write people as CSV (RFC 4180), several values of a cell joined by `; `; give how many."""
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(columns)
    written = 0
    for person in people:
        facts = person.facts()
        writer.writerow([_cell(facts[column]) for column in columns])
        written += 1
    return written


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    text = "; ".join(value) if isinstance(value, Sequence) and not isinstance(value, str) else str(value or "")
    return f"'{text}" if text.startswith(_FORMULA) else text
