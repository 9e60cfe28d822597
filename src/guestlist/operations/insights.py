"""An audience looked at before it is sent, beside another, and over time."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, Field

from guestlist.asking import lines_of_nobody, together
from guestlist.audiences import evaluate as evaluating
from guestlist.audiences.definition import Definition
from guestlist.audiences.insight import difference, overlaps, parts_alone, reach
from guestlist.audiences.question import Question, stamp
from guestlist.audiences.scanning import scanned
from guestlist.audiences.traits.document import read_folder as read_traits
from guestlist.clock import stopwatch
from guestlist.operations.audiences import AsOf, Key, Reveal, groups_of
from guestlist.operations.desk import Desk
from guestlist.operations.operation import FIRST, Export, Limit, Operation, Scope, get
from guestlist.operations.questions import asked, instant_of, read_one
from guestlist.operations.sending import Sendable, Sending, sending
from guestlist.store import Warehouse
from guestlist.telling import people, slips, wording
from guestlist.telling.answer import Answer, Page, Value
from guestlist.telling.people import Person
from guestlist.values.mail_domains import CONSUMER_DOMAINS

SAMPLE = 5


class ConditionAlone(Value):
    """One condition: of how many people it is true, and how many it alone keeps out."""

    in_words: tuple[str, ...]
    people: int
    keeps_out: int


class KnownBy(Value):
    """How many members have what Meta matches by. `company`: e-mails at companies only, which Facebook seldom knows."""

    email: int
    phone: int
    madid: int
    any: int
    company: int
    members: int


class Overlap(Value):
    """Another audience, and how many are in both."""

    audience: str
    people: int
    both: int


class Preview(Answer):
    """What there is to tell of an audience before anything is sent. `notes`: what is in it and holds of nobody.

    `sendable` is told where no destination of its syncs is connected. Neither is told of a day gone by.
    """

    audience: str
    name: str
    beside: tuple[str, ...]
    syncs_wished: int
    members: int
    everybody: int
    conditions: tuple[ConditionAlone, ...]
    known_by: KnownBy
    syncs: tuple[Sending, ...]
    sendable: Sendable | None
    overlaps: tuple[Overlap, ...]
    sample: tuple[Person, ...]
    seconds: float
    time_zone: str
    notes: tuple[str, ...]


class PreviewAudience(Operation[Preview]):
    """Look at an audience before it is sent: its size, what each condition does, who can be matched, what it overlaps.

    Nothing is sent and nobody enters or leaves.
    """

    route = get("/audiences/{key}/preview", Scope.PEOPLE)
    key: Key
    as_of: AsOf = None
    reveal: Reveal = False

    def run(self, desk: Desk) -> Preview:
        with asked(desk, self.key, self.as_of) as (warehouse, one, plain, definitions):
            gone = stopwatch()
            question = scanned(plain, definitions, warehouse.materialise)
            found = warehouse.materialise("previewed", evaluating.members(one, question, definitions))
            seconds = gone()
            inline = evaluating.with_others(question, definitions)
            identifier = warehouse.table("identifier")
            # Of an audience whose file is gone the last stays may still be open.
            others = {each.key for each in definitions} - {one.key}
            told = {
                "audience": one.key,
                "name": one.name,
                "beside": tuple(wording.limits(one)),
                "syncs_wished": len(one.syncs),
                "members": people.count(warehouse, found),
                "everybody": people.count(warehouse, identifier.select("profile_id").distinct()),
                "conditions": tuple(
                    ConditionAlone(
                        in_words=tuple(wording.lines(part.condition)), people=part.people, keeps_out=part.removes
                    )
                    for part in parts_alone(one.who, inline, warehouse.read)
                ),
                "known_by": warehouse.read(reach(found, identifier, CONSUMER_DOMAINS)).to_pylist()[0],
                "overlaps": sorted(
                    warehouse.read(overlaps(others, found, warehouse.table("membership"))).to_pylist(),
                    key=lambda line: (-line["both"], line["audience"]),
                ),
                "sample": tuple(
                    people.read_people(
                        warehouse,
                        found,
                        one.key,
                        question,
                        reveal=self.reveal,
                        limit=SAMPLE,
                        groups=groups_of(warehouse, found, one),
                    )
                ),
                "seconds": round(seconds, 3),
                "time_zone": desk.space.settings.time_zone,
                "notes": tuple(_notes(desk, warehouse, together(definitions, one), plain)),
            }
        syncs, sendable = ((), None) if self.as_of else sending(desk, self.key)
        return Preview.model_validate({**told, "syncs": syncs, "sendable": sendable})


def _notes(desk: Desk, warehouse: Warehouse, about: Sequence[Definition], question: Question) -> Iterator[str]:
    yield from slips.unheard_of(warehouse, about, read_traits(desk.space.traits))
    trait = question.relations.trait
    yield from slips.unread_dates(warehouse, trait.filter(trait["at"] <= stamp(trait["at"], question.as_of)), about)
    yield from lines_of_nobody(desk.space, warehouse, about, at=question.as_of)


class PersonOnSide(Person):
    """A person of two audiences that are compared: in the `first` only, in the `second` only, or in `both`."""

    side: Annotated[str, Field(alias="in")]


class Side(Value):
    """How many are on one side, and some of them."""

    side: Annotated[str, Field(alias="in")]
    people: int
    sample: tuple[Person, ...]


class Difference(Answer):
    """Two audiences compared."""

    first: str
    second: str
    sides: tuple[Side, ...]
    time_zone: str


SIDES = ("first", "second", "both")


class CompareAudiences(Operation[Difference]):
    """Compare two audiences: how many are in one of them, in the other, in both, with some of each."""

    route = get("/audiences/{key}/diff/{other}", Scope.PEOPLE)
    key: Key
    other: Annotated[str, Field(description="The audience to compare with.")]
    as_of: AsOf = None
    reveal: Reveal = False

    def run(self, desk: Desk) -> Difference:
        with asked(desk, self.key, self.as_of, beside=self.other) as (warehouse, one, question, definitions):
            second = read_one(desk.space, self.other)[1]
            sides = _sides(warehouse, (one, second), question, definitions)
            told = []
            for side in SIDES:
                found = sides.filter(sides.side == side).select("profile_id")
                some = people.read_people(warehouse, found, one.key, question, reveal=self.reveal, limit=SAMPLE)
                told.append(Side(side=side, people=people.count(warehouse, found), sample=tuple(some)))
        return Difference(
            first=one.name, second=second.name, sides=tuple(told), time_zone=desk.space.settings.time_zone
        )


class ExportDifference(Export[PersonOnSide]):
    """Everybody who is in one of two audiences, and in which: one JSON object a line."""

    route = get("/audiences/{key}/diff/{other}/export", Scope.PEOPLE)
    key: Key
    other: str
    as_of: AsOf = None
    reveal: Reveal = False

    def lines(self, desk: Desk) -> Iterator[PersonOnSide]:
        with asked(desk, self.key, self.as_of, beside=self.other) as (warehouse, one, question, definitions):
            second = read_one(desk.space, self.other)[1]
            sides = _sides(warehouse, (one, second), question, definitions)
            for side in SIDES:
                found = sides.filter(sides.side == side).select("profile_id")
                for person in people.read_people(warehouse, found, one.key, question, reveal=self.reveal):
                    yield PersonOnSide(side=side, **person.facts())


def _sides(warehouse: Warehouse, both: tuple[Definition, Definition], question: Question, definitions: Any) -> Any:
    sharing = scanned(question, both, warehouse.materialise)
    first, second = (
        warehouse.materialise(name, evaluating.members(each, sharing, definitions))
        for name, each in zip(("first_side", "second_side"), both, strict=True)
    )
    return warehouse.materialise("sides", difference(first, second))


class Evaluation(Value):
    """One evaluation: the first, one that changed something, or the last, which shows since when nothing changed."""

    at: datetime
    members: int
    entered: int
    exited: int


class History(Page):
    """How an audience grew and shrank, newest first. `next`: where others are, for `before`."""

    audience: str
    name: str
    evaluations: tuple[Evaluation, ...]
    next: str | None
    time_zone: str


class ShowHistory(Operation[History]):
    """Show how an audience grew and shrank: its size, who entered and exited, at each evaluation that changed it.

    The first evaluation and the last are there too, though nobody came or went.
    """

    route = get("/audiences/{key}/history")
    key: Key
    limit: Limit = FIRST
    before: Annotated[
        AwareDatetime | None, Field(description="Only evaluations before this instant: `next` of a page.")
    ] = None

    def run(self, desk: Desk) -> History:
        with asked(desk, self.key, None) as (warehouse, one, _, _):
            found = [
                Evaluation(**line) for line in _evaluations(warehouse, one.key, most=self.limit + 1, before=self.before)
            ]
        page = found[: self.limit]
        more = len(found) > len(page)
        return History(
            audience=one.key,
            name=one.name,
            evaluations=tuple(page),
            next=f"{page[-1].at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}" if more else None,
            time_zone=desk.space.settings.time_zone,
        )


def _evaluations(warehouse: Warehouse, audience: str, *, most: int, before: datetime | None) -> list[Mapping[str, Any]]:
    if not warehouse.has("evaluation"):
        return []
    every = warehouse.table("evaluation")
    lines = every.filter(every.audience == audience).drop("audience")
    if before is not None:
        lines = lines.filter(lines["at"] < stamp(lines["at"], before))
    return list(warehouse.read(lines.order_by(lines["at"].desc()).limit(most)).to_pylist())


class ExportChanges(Export[people.Moved]):
    """Who entered and who exited, and when, masked unless revealed: one JSON object a line."""

    route = get("/audiences/{key}/changes", Scope.PEOPLE)
    key: Key
    since: Annotated[str | None, Field(description="Only from that day on, such as 2026-01-31.")] = None
    reveal: Reveal = False

    def lines(self, desk: Desk) -> Iterator[people.Moved]:
        with asked(desk, self.key, None) as (warehouse, one, question, _):
            from_then = instant_of(self.since, desk.space, begins=True) if self.since else None
            moves = evaluating.moves(warehouse.table("membership"), one.key, from_then)
            moves = warehouse.materialise("moves", moves)
            yield from people.read_moved(warehouse, moves, one.key, question, reveal=self.reveal)
