"""Traits that are worked out: their definitions and mistakes, how many people have each, what stands in them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from guestlist.asking import check_query, worked_out
from guestlist.audiences.mistakes import did_you_mean
from guestlist.audiences.traits.definition import SqlTrait, TraitDefinition
from guestlist.audiences.traits.document import read_folder
from guestlist.audiences.traits.keeping import dropped
from guestlist.audiences.traits.querying import LARGEST_LINE
from guestlist.errors import GuestlistError, WrongUseError
from guestlist.operations.audiences import Reveal
from guestlist.operations.desk import Desk
from guestlist.operations.operation import Operation, Scope, get
from guestlist.store import Warehouse
from guestlist.telling import masking, people, slips, wording
from guestlist.telling.answer import Answer, Value

SAMPLE = 10
_WITHOUT_ZONE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?$"


class TraitsChecked(Answer):
    """The traits without a mistake, and what is worth knowing of them."""

    traits: tuple[str, ...]
    notes: tuple[str, ...]


class CheckTraits(Operation[TraitsChecked]):
    """Check every definition of a trait and tell all mistakes at once; queries too, where there is data to ask."""

    route = get("/traits/check")

    def run(self, desk: Desk) -> TraitsChecked:
        definitions = read_folder(desk.space.traits)
        keys = tuple(key for one in definitions for key in one.keys)
        return TraitsChecked(traits=keys, notes=tuple(_notes(desk, definitions)))


def _notes(desk: Desk, definitions: Sequence[TraitDefinition]) -> Iterator[str]:
    if not definitions:
        yield f"there is no trait yet: put a file into {desk.space.traits.name}/ (docs/traits.md shows how)."
    yield from slips.quoted_comparators_of_traits(definitions)
    try:
        with desk.people() as warehouse:
            for one in definitions:
                if isinstance(one, SqlTrait):
                    check_query(desk.space, warehouse, one, at=desk.clock.now())
            yield from _sent_too(warehouse, definitions)
            yield from slips.unheard_of_traits(warehouse, definitions)
            yield from slips.unknown_properties_of_traits(warehouse, definitions)
            yield from _left_out(definitions, dropped(warehouse))
    except GuestlistError as error:
        desk.without_stores(error)


def _sent_too(warehouse: Warehouse, definitions: Sequence[TraitDefinition]) -> Iterator[str]:
    """Keys that people send too."""
    sent = people.names_of(warehouse, "trait")
    for key in (key for one in definitions for key in one.keys if key in sent):
        yield f"{key}: people send a trait of that name too, which does not count any more. Choose another key."


def _left_out(definitions: Sequence[TraitDefinition], numbers: Mapping[str, int]) -> Iterator[str]:
    """Queries of whose answer lines were too large, as they were run last."""
    for one in definitions:
        if isinstance(one, SqlTrait) and one.key in numbers:
            number = numbers[one.key]
            lines = "1 line of its query is" if number == 1 else f"{number:,} lines of its query are"
            yield f"{one.key}: {lines} larger than {LARGEST_LINE // 1024} KB and left out. Select less of them."


class TraitKnown(Value):
    """A trait that is worked out, and how many people have it; null where that cannot be told, see `notes`."""

    key: str
    name: str
    in_words: str
    people: int | None


class TraitList(Answer):
    """All of them, as of the last sync; those that nobody had by then, or that came later, as of now."""

    traits: tuple[TraitKnown, ...]
    notes: tuple[str, ...]


class ListTraits(Operation[TraitList]):
    """List the traits that are worked out, with how many people have each, as of the last sync.

    What nobody had by then, or was not there yet, is worked out as of now.
    """

    route = get("/traits")

    def run(self, desk: Desk) -> TraitList:
        definitions = read_folder(desk.space.traits)
        standing = _standing(desk, definitions)
        known = (
            TraitKnown(key=key, name=one.name, in_words=wording.trait(one), people=standing.people.get(key))
            for one in definitions
            for key in one.keys
        )
        return TraitList(traits=tuple(known), notes=standing.notes)


@dataclass(frozen=True, kw_only=True)
class _Standing:
    """How many people have each trait, without those of which that cannot be told, and why."""

    people: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def _standing(desk: Desk, definitions: Sequence[TraitDefinition]) -> _Standing:
    try:
        with desk.people() as warehouse, warehouse.transaction():
            numbers, too_large = _kept(warehouse), dropped(warehouse)
            notes = list(_left_out(definitions, too_large))
            for key in [key for one in definitions for key in one.keys if key not in numbers]:
                try:
                    held = worked_out(desk.space, warehouse, definitions, key, at=desk.clock.now())
                    numbers[key] = people.count(warehouse, held)
                except GuestlistError as error:
                    notes.append(f"{key} cannot be worked out. {error.message} {error.next_step}".rstrip())
            return _Standing(people=numbers, notes=tuple(notes))
    except GuestlistError as error:
        if error.code != people.NO_DATA:
            raise
        return _Standing()


def _kept(warehouse: Warehouse) -> dict[str, int]:
    """How many people have each trait, as they were worked out last."""
    if not warehouse.has("computed_trait"):
        return {}
    kept = warehouse.table("computed_trait")
    lines = warehouse.read(kept.group_by("key").aggregate(people=kept.count())).to_pylist()
    return {line["key"]: line["people"] for line in lines}


class Holder(Value):
    """Somebody who has the trait."""

    profile_id: str
    value: str
    at: datetime
    source: str


class TraitInFull(Answer):
    """One trait as of now. `without_zone`: values that are times without a zone, read on the clocks of the space's."""

    key: str
    name: str
    description: str | None
    in_words: str
    people: int
    without_zone: int
    sample: tuple[Holder, ...]
    time_zone: str


class ShowTrait(Operation[TraitInFull]):
    """Show one trait as of now: what it is, how many people have it, and some of them, masked unless revealed."""

    route = get("/traits/show", Scope.PEOPLE)
    key: Annotated[str, Field(description="The trait: one of traits/, or one that people send.")]
    reveal: Reveal = False

    def run(self, desk: Desk) -> TraitInFull:
        definitions = read_folder(desk.space.traits)
        one = next((each for each in definitions if self.key in each.keys), None)
        with desk.people() as warehouse, warehouse.transaction():
            if one is None and self.key not in people.names_of(warehouse, "trait"):
                raise _unknown(self.key, warehouse, definitions)
            held = worked_out(desk.space, warehouse, definitions, self.key, at=desk.clock.now())
            counted = held.aggregate(people=held.count(), without_zone=held.count(where=_is_without_zone(held.value)))
            numbers = warehouse.read(counted).to_pylist()[0]
            rows = warehouse.read(held.order_by("profile_id").limit(SAMPLE)).to_pylist()
        return TraitInFull(
            key=self.key,
            name=self.key if one is None else one.name,
            description=one.description if one else None,
            in_words="sent by people" if one is None else wording.trait(one),
            **numbers,
            sample=tuple(map(self._holder, rows)),
            time_zone=desk.space.settings.time_zone,
        )

    def _holder(self, row: Mapping[str, Any]) -> Holder:
        return Holder(
            profile_id=row["profile_id"] if self.reveal else masking.profile(row["profile_id"]),
            value=row["value"] if self.reveal else masking.trait(self.key, row["value"]),
            at=row["at"],
            source=row["source"],
        )


def _is_without_zone(value: Any) -> Any:
    return value.re_search(_WITHOUT_ZONE)


def _unknown(key: str, warehouse: Warehouse, definitions: Sequence[TraitDefinition]) -> WrongUseError:
    known = {*people.names_of(warehouse, "trait"), *(each for one in definitions for each in one.keys)}
    hint = did_you_mean(key, known) or f"Here are: {', '.join(sorted(known))}."
    return WrongUseError(
        "unknown_trait", f"There is no trait `{key}`: nobody sends it, and no file has it.", next_step=hint
    )
