"""Audiences: their definitions and mistakes, how many people are in them, who, and why."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from guestlist.asking import check_lists, lines_of_nobody, together
from guestlist.audiences import evaluate as evaluating
from guestlist.audiences.definition import Definition, asked_lists, references
from guestlist.audiences.document import read_folder
from guestlist.audiences.explain import explain
from guestlist.audiences.mistakes import DefinitionError, Mistake
from guestlist.audiences.question import Question
from guestlist.audiences.schedule import schedule_text
from guestlist.audiences.traits.document import read_folder as read_traits
from guestlist.destinations.meta.sent import AtMeta, BlankCell, Sent, at_meta
from guestlist.errors import GuestlistError
from guestlist.externals import known_externals, not_taken
from guestlist.operations.desk import Desk, unless_in_use
from guestlist.operations.operation import Export, Operation, Scope, ask, get
from guestlist.operations.questions import asked, question_of, read_one
from guestlist.records import JOURNAL_FILE
from guestlist.store import Table, Warehouse
from guestlist.store.in_memory import in_memory
from guestlist.telling import explaining, people, slips, wording
from guestlist.telling.answer import Answer, Value
from guestlist.telling.people import Person

Key = Annotated[str, Field(description="The audience, by the key in its file.")]
AsOf = Annotated[
    str | None, Field(description="As it was at the end of that day in the space's time zone, such as 2026-01-31.")
]
Reveal = Annotated[bool, Field(description="What is stored about people in clear, not masked.")]
MOST = 10_000
FIRST = 100


class WishedSync(Value):
    """A sync as the definition asks for it."""

    to: str
    every: str
    mode: str
    adopt: str | bool | None
    rename: str
    groups: tuple[str, ...]


class Audience(Value):
    """An audience, in words. `beside`: what it says beside who belongs to it, such as a hold-out or a sample."""

    key: str
    name: str
    description: str | None
    owner: str
    in_words: tuple[str, ...]
    beside: tuple[str, ...]
    asks_about: tuple[str, ...]
    syncs: tuple[WishedSync, ...]
    people: int | None


def _audience(one: Definition, number: int | None) -> dict[str, Any]:
    return {
        "key": one.key,
        "name": one.name,
        "description": one.description,
        "owner": one.owner,
        "in_words": tuple(wording.lines(one.who)),
        "beside": tuple(wording.limits(one)),
        "asks_about": tuple(sorted(references(one.who))),
        "syncs": tuple(
            WishedSync(
                to=sync.to,
                every=schedule_text(sync.when),
                mode=sync.mode,
                adopt=sync.adopt,
                rename=sync.rename,
                groups=sync.groups,
            )
            for sync in one.syncs
        ),
        "people": number,
    }


# --- definitions ------------------------------------------------------------------------------------------------------


class Checked(Answer):
    """The audiences without a mistake, and what is worth knowing of them."""

    audiences: tuple[str, ...]
    notes: tuple[str, ...]


class CheckAudiences(Operation[Checked]):
    """Check every definition, and tell all mistakes at once."""

    route = get("/audiences/check")

    def run(self, desk: Desk) -> Checked:
        here = desk.space
        connected = tuple(here.settings.destinations)
        definitions = evaluating.in_order(read_folder(here.audiences, destinations=connected or None))
        mistakes = _mistakes(desk, definitions)
        if mistakes:
            raise DefinitionError(mistakes)
        return Checked(audiences=tuple(one.key for one in definitions), notes=tuple(_notes(desk, definitions)))


def _mistakes(desk: Desk, definitions: Sequence[Definition]) -> list[Mistake]:
    """What is wrong with lists; with those of queries as far as there is data to ask."""
    if not any(asked_lists(one.who) for one in definitions):
        return []
    at = desk.clock.now()
    try:
        with desk.people() as warehouse:
            return list(check_lists(desk.space, definitions, warehouse, at=at))
    except GuestlistError as error:
        desk.without_stores(error)
        return list(check_lists(desk.space, definitions, None, at=at))


def _notes(desk: Desk, definitions: Sequence[Definition]) -> Iterator[str]:
    if not definitions:
        yield f"there is no audience yet: put a file into {desk.space.audiences.name}/ (docs/audiences.md shows how)."
    goals = sorted({sync.to for one in definitions for sync in one.syncs})
    if goals and not desk.space.settings.destinations:
        yield f"no destination is connected yet ({', '.join(goals)}): guestlist destinations connect {goals[0]}"
    if (desk.space.private / JOURNAL_FILE).exists():
        yield from not_taken(known_externals(desk.records, definitions))
    yield from slips.quoted_comparators(definitions)
    try:
        with desk.people() as warehouse:
            yield from slips.unheard_of(warehouse, definitions, read_traits(desk.space.traits))
            yield from slips.unknown_properties(warehouse, definitions)
            yield from slips.unread_dates(warehouse, evaluating.relations(warehouse).trait, definitions)
            yield from lines_of_nobody(desk.space, warehouse, definitions, at=desk.clock.now(), ask=False)
    except GuestlistError as error:  # definitions can be checked all the same
        desk.without_stores(error)


class AudienceList(Answer):
    """All audiences, by key. `notes`: which of them cannot be worked out now, and why; their `people` is null."""

    audiences: tuple[Audience, ...]
    notes: tuple[str, ...]


class ListAudiences(Operation[AudienceList]):
    """List the audiences, with how many people are in each now."""

    route = get("/audiences")

    def run(self, desk: Desk) -> AudienceList:
        definitions = evaluating.in_order(read_folder(desk.space.audiences))
        numbers, notes = _numbers(desk, definitions, definitions)
        by_key = sorted(definitions, key=lambda one: one.key)
        told = tuple(Audience(**_audience(one, numbers.get(one.key))) for one in by_key)
        return AudienceList(audiences=told, notes=notes)


def _numbers(
    desk: Desk, some: Sequence[Definition], definitions: Sequence[Definition]
) -> tuple[Mapping[str, int], tuple[str, ...]]:
    """How many people are in each of some audiences, and why that cannot be told of others; empty without any data."""
    if not people.has_data(desk.space):
        return {}, ()
    numbers: dict[str, int] = {}
    notes: list[str] = []
    try:
        with desk.people() as warehouse:
            try:
                question = question_of(warehouse, desk, None, some)
                return {one.key: _number(warehouse, one, question, definitions) for one in some}, ()
            except GuestlistError:
                # Something that one of them asks for cannot be read: each by itself, so that the others are counted.
                for one in some:
                    try:
                        question = question_of(warehouse, desk, None, together(definitions, one))
                        numbers[one.key] = _number(warehouse, one, question, definitions)
                    except GuestlistError as error:
                        notes.append(f"{one.key} cannot be worked out. {error.message} {error.next_step}".rstrip())
    except GuestlistError as error:
        if error.code == people.NO_DATA:
            return {}, ()
        raise
    return numbers, tuple(notes)


def _number(warehouse: Warehouse, one: Definition, question: Question, definitions: Sequence[Definition]) -> int:
    return people.count(warehouse, evaluating.members(one, question, definitions))


class AudienceInFull(Answer, Audience):
    """One audience in full. `syncs_in_words`: where it goes and how often.

    `notes`: how many lines of its lists name nobody; or why its people are not counted.
    """

    syncs_in_words: tuple[str, ...]
    notes: tuple[str, ...]


class ShowAudience(Operation[AudienceInFull]):
    """Show one audience: who belongs to it, how many people these are, where it goes."""

    route = get("/audiences/{key}")
    key: Key

    def run(self, desk: Desk) -> AudienceInFull:
        definitions, one = read_one(desk.space, self.key)
        numbers, notes = _numbers(desk, [one], definitions)
        if one.key in numbers:
            with desk.people() as warehouse, warehouse.transaction():
                notes = tuple(lines_of_nobody(desk.space, warehouse, [one], at=desk.clock.now()))
        return AudienceInFull(
            **_audience(one, numbers.get(one.key)),
            syncs_in_words=tuple(wording.sync(sync) for sync in one.syncs),
            notes=notes,
        )


# --- people -----------------------------------------------------------------------------------------------------------


class Members(Answer):
    """Some of the people in an audience, in a fixed order. `next`: the offset of those who follow, if there are any."""

    audience: str
    name: str
    number: int
    people: tuple[Person, ...]
    next: int | None
    time_zone: str


class ListMembers(Operation[Members]):
    """List the people in an audience, masked unless revealed, page by page.

    Every page is of its own instant; the export is of one.
    """

    route = get("/audiences/{key}/members", Scope.PEOPLE)
    key: Key
    as_of: AsOf = None
    reveal: Reveal = False
    limit: Annotated[int, Field(ge=1, le=MOST)] = FIRST
    offset: Annotated[int, Field(ge=0)] = 0

    def run(self, desk: Desk) -> Members:
        with asked(desk, self.key, self.as_of) as (warehouse, one, question, definitions):
            found = warehouse.materialise("found", evaluating.members(one, question, definitions))
            number = people.count(warehouse, found)
            page = found.order_by("profile_id").limit(self.limit, offset=self.offset)
            groups = groups_of(warehouse, found, one)
            listed = tuple(people.read_people(warehouse, page, one.key, question, reveal=self.reveal, groups=groups))
        end = self.offset + len(listed)
        more = end if end < number else None
        zone = desk.space.settings.time_zone
        return Members(audience=one.key, name=one.name, number=number, people=listed, next=more, time_zone=zone)


class Stay(Value):
    """When a person was in an audience; no exit while they are."""

    entered_at: datetime
    exited_at: datetime | None


class LimitTold(Value):
    """What must hold beside the conditions: `known`, `anonymous` or `sample`."""

    limit: str
    words: str
    holds: bool


class Explanation(Answer):
    """Why a person is in an audience or not. `reason`: each condition, whether it holds, and what made it so.

    `limits`: what holds or not beside that, such as the sample. Events up to `events_count_after` do not count. `group`:
    the one that was drawn for the person, `holdout` where nobody sends them.
    `at_meta`: what Meta has of them, by sync; `blank_cells`: what is not sent of them; null where that cannot be known now.
    """

    audience: str
    person: Person
    inside: bool
    group: str | None
    as_of: datetime | None
    stays: tuple[Stay, ...]
    at_meta: tuple[Sent, ...] | None
    blank_cells: tuple[BlankCell, ...] | None
    events_count_after: datetime | None
    limits: tuple[LimitTold, ...]
    reason: dict[str, Any]
    in_words: tuple[str, ...]


class ExplainPerson(Operation[Explanation]):
    """Explain why a person is in an audience or is not: each condition, and what made it true or false."""

    route = ask("/audiences/{key}/explain")
    key: Key
    person: Annotated[str, Field(description="TYPE:VALUE, such as email:jane@example.org or profile_id:…")]
    as_of: AsOf = None
    reveal: Reveal = False

    def run(self, desk: Desk) -> Explanation:
        with asked(desk, self.key, self.as_of, self.person) as (warehouse, one, question, definitions):
            profile_id = people.find(warehouse, desk.space, self.person)
            inline = {each.key: each for each in definitions}
            told = explaining.Told(
                person=people.one_person(warehouse, profile_id, one.key, question, reveal=self.reveal),
                audience=one,
                why=explain(one, profile_id, replace(question, inline=inline), warehouse),
                group=group_of(warehouse, profile_id, one),
                stays=tuple(people.stays(warehouse, profile_id, one.key)),
                as_of=question.as_of if self.as_of else None,
                zone=desk.space.settings.zone,
                reveal=self.reveal,
                at_meta=_at_meta(desk, profile_id, one),
            )
        return Explanation(**told.facts(), in_words=tuple(told.lines()))


def group_of(warehouse: Warehouse, profile_id: str, audience: Definition) -> str | None:
    """The group of one person, None where the audience has no groups."""
    groups = groups_of(warehouse, in_memory({"profile_id": [profile_id]}, {"profile_id": "string"}), audience)
    return None if groups is None else str(warehouse.read(groups).to_pylist()[0]["name"])


def groups_of(warehouse: Warehouse, found: Table, audience: Definition) -> Table | None:
    """(profile_id, name) of people in an audience that has groups."""
    return evaluating.groups(warehouse, found, audience) if audience.split else None


def _at_meta(desk: Desk, profile_id: str, audience: Definition) -> AtMeta | None:
    found = what_meta_has(desk, profile_id)
    if found is None:
        return None
    return AtMeta(
        sent=tuple(one for one in found.sent if one.sync.rpartition("@")[0] == audience.key),
        blank=tuple(one for one in found.blank if one.destination in {sync.to for sync in audience.syncs}),
    )


def what_meta_has(desk: Desk, profile_id: str) -> AtMeta | None:
    """What Meta has of this person, and what it is not sent; None while another process has the records of it open."""
    try:
        with desk.ledger() as ledger:
            return AtMeta() if ledger is None else at_meta(ledger, profile_id)
    except GuestlistError as error:
        unless_in_use(error)
        return None


class ExportMembers(Export[Person]):
    """All people in an audience, masked unless revealed, as of one instant: one JSON object a line."""

    route = get("/audiences/{key}/export", Scope.PEOPLE)
    key: Key
    as_of: AsOf = None
    reveal: Reveal = False

    def lines(self, desk: Desk) -> Iterator[Person]:
        with asked(desk, self.key, self.as_of) as (warehouse, one, question, definitions):
            found = evaluating.members(one, question, definitions)
            if one.split:
                found = warehouse.materialise("found", found)
            groups = groups_of(warehouse, found, one)
            yield from people.read_people(warehouse, found, one.key, question, reveal=self.reveal, groups=groups)
