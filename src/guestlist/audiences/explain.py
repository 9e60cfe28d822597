"""Why a person is in an audience or not: each condition true or false, and what made it so."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, Protocol

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from pyarrow import compute

from guestlist.audiences import definition as d
from guestlist.audiences.comparing import as_text, is_date, trait_value
from guestlist.audiences.compile import WHOLE, People, counting_from, in_sample, named, people
from guestlist.audiences.matching import PARENT, SEEN, Asked, Judged, event_rows, followers, judged
from guestlist.audiences.measuring import OF_VALUES, numbers, values
from guestlist.audiences.question import Question, Relations, everybody, told_of, trait_rows
from guestlist.store.in_memory import in_memory

# Enough to understand; the counts say how many there are in all.
SHOWN = 10
SHOWN_BESIDE = 3
"""How many are shown of the events that do not count, and of those that came after one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EventSeen:
    """An event by the name that is asked about. `lacks`: why it does not count; `after`: what followed it."""

    event: str
    at: datetime
    source: str | None
    message_id: str | None
    properties: str | None
    lacks: tuple[Asked, ...] = ()
    after: tuple["Followed", ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Followed:
    """What came after one event, of one next step: the first events that count, or where there is none, others."""

    then: d.Then
    counted: int
    events: tuple[EventSeen, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class TraitSeen:
    """`no_date`: a date was asked for, and the value is none."""

    trait: str
    value: str | None
    at: datetime
    source: str | None
    no_date: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What another system said of one of its audiences."""

    inside: bool
    at: datetime
    source: str
    message_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """One condition about one person. `events` are the newest that count, `missed` the newest that do not.

    `measured`: the value that was compared, where events were made one value. Of `said`, too, the newest comes first: it
    decides. `audience`: why the person is in the audience that is asked about, where it was worked out.
    """

    path: str
    condition: d.Condition
    holds: bool
    parts: tuple["Reason", ...] = ()
    counted: int = 0
    events: tuple[EventSeen, ...] = ()
    missed: tuple[EventSeen, ...] = ()
    measured: str | None = None
    traits: tuple[TraitSeen, ...] = ()
    said: tuple[Said, ...] = ()
    audience: "Explained | None" = None


LimitKind = Literal["known", "anonymous", "sample"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """What must hold beside `who`: that anything was known of the person by then, what `anonymous` and `sample` say."""

    kind: LimitKind
    holds: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Explained:
    """Why a person is in an audience or not. `floor`: events up to this instant do not count.

    `begun`: whether there was an evaluation yet by which events count that do so from the first one on.
    """

    definition: d.Definition
    who: Reason
    limits: tuple[Limit, ...] = ()
    floor: datetime | None = None
    begun: bool = True

    @property
    def inside(self) -> bool:
        return self.who.holds and all(limit.holds for limit in self.limits)


class Store(Protocol):
    """What explaining needs of the store."""

    def materialise(self, name: str, rows: Any, /) -> Any: ...
    def read(self, rows: Any, /) -> Any: ...


def explain(definition: d.Definition, profile_id: str, question: Question, store: Store) -> Explained:
    """Asks every condition about this one person, over this person's own history only."""
    alone = _only(question, profile_id, store)
    person = store.materialise("explained_person", in_memory({"profile_id": [profile_id]}, {"profile_id": "string"}))
    told = _told(_asked(definition, alone), person, alone, store)
    return _Explaining(definition=definition, question=alone, store=store, told=told).explained("who")


def _only(question: Question, profile_id: str, store: Store) -> Question:
    """The question over what is known of one person, read once."""

    def cut(name: str, table: ir.Table) -> ir.Table:
        found: ir.Table = store.materialise(f"explained_{name}", table.filter(table.profile_id == profile_id))
        return found

    relations = question.relations
    own = Relations(
        event=cut("event", relations.event),
        trait=cut("trait", relations.trait),
        membership=cut("membership", relations.membership),
        identifier=None if relations.identifier is None else cut("identifier", relations.identifier),
        external=None if relations.external is None else cut("external", relations.external),
    )
    lists = {key: cut(f"list_{n}", table) for n, (key, table) in enumerate(question.lists.items())}
    return replace(question, relations=own, lists=lists, scans={})


def _asked(definition: d.Definition, question: Question) -> tuple[d.Definition, ...]:
    """The definition and those it asks about, as far as they are worked out."""
    found: dict[str, d.Definition] = {}
    waiting = [definition]
    while waiting:
        one = waiting.pop()
        if one.key not in found:
            found[one.key] = one
            waiting += [question.inline[key] for key in sorted(d.references(one.who)) if key in question.inline]
    return tuple(found.values())


_Told = Mapping[tuple[str, d.Leaf | LimitKind], bool]
"""Of the conditions of each audience, by its key, and of its limits: whether they hold."""


def _told(asked: Iterable[d.Definition], person: ir.Table, question: Question, store: Store) -> _Told:
    """All asked at once: the relations hold one person, so anybody found is that person."""
    found: dict[tuple[str, d.Leaf | LimitKind], People] = {}
    for one in asked:
        found |= {(one.key, what): those for what, those in _of_one(one, person, question).items()}
    parts = [those.ids.select(number=ibis.literal(number, "int32")) for number, those in enumerate(found.values())]
    there = {row["number"] for row in store.read(ibis.union(*parts, distinct=True)).to_pylist()}
    return {key: (number in there) != those.but for number, (key, those) in enumerate(found.items())}


def _of_one(one: d.Definition, person: ir.Table, question: Question) -> dict[d.Leaf | LimitKind, People]:
    counting = counting_from(one, question)
    leaves: dict[d.Leaf | LimitKind, People] = {
        leaf: people(leaf, counting) for leaf in d.leaves(one.who) if not _worked_out(leaf, question)
    }
    # Who has done something is known; who has not may be nobody yet.
    of_nobody = d.holds(one.who, lambda leaf: leaves[leaf].but if leaf in leaves else _denies(leaf))
    limits: dict[d.Leaf | LimitKind, ir.Table] = {}
    if of_nobody:
        limits["known"] = everybody(question).semi_join(person, "profile_id")
    if not one.anonymous:
        limits["anonymous"] = named(person, question)
    if one.sample < WHOLE:
        limits["sample"] = in_sample(person, one)
    return leaves | {kind: People(ids=ids) for kind, ids in limits.items()}


def _worked_out(leaf: d.Leaf, question: Question) -> bool:
    return isinstance(leaf, d.Member) and leaf.audience in question.inline


def _denies(leaf: d.Leaf) -> bool:
    return isinstance(leaf, d.Member) and not leaf.inside


_EventKey = tuple[str | None, str | None]


def _newest(found: Judged, store: Store) -> tuple[pa.Table, list[dict[str, Any]]]:
    """The newest events that count and the newest that do not, with how many there are of each, as `number`.

    Put in order here, as what takes longest about one person is to compile what the engine would have to do.
    """
    told: pa.Table = store.read(found.events).sort_by([("at", "descending"), ("message_id", "ascending")])
    counts = pa.array([True] * told.num_rows, pa.bool_())
    for column in found.columns.values():
        counts = compute.and_(counts, told[column])
    good, other = told.filter(counts), told.filter(compute.invert(counts))
    shown = [good.slice(0, SHOWN), other.slice(0, SHOWN_BESIDE)]
    lines = [
        line | {"number": number}
        for part, number in zip(shown, (good.num_rows, other.num_rows), strict=True)
        for line in part.to_pylist()
    ]
    return pa.concat_tables(shown), lines


def _first(found: Judged) -> ir.Table:
    """Of what came after each event the first that count and the first that do not, and how many there are of each."""
    events = found.events.mutate(counts=found.counts)
    groups = ["counts", *PARENT]
    place = ibis.row_number().over(group_by=groups, order_by=[events["at"], events["message_id"]])
    ranked = events.mutate(place=place, number=events.count().over(group_by=groups))
    return ranked.filter(ranked.place < SHOWN_BESIDE).order_by("place")


def _seen(line: Mapping[str, Any], found: Judged, after: Iterable[Followed] = ()) -> EventSeen:
    return EventSeen(**{name: line[name] for name in SEEN}, lacks=found.lacks(line), after=tuple(after))


@dataclass(frozen=True, kw_only=True)
class _Explaining:
    """One person and one definition."""

    definition: d.Definition
    question: Question
    store: Store
    told: _Told

    def explained(self, path: str) -> Explained:
        question = counting_from(self.definition, self.question)
        return Explained(
            definition=self.definition,
            who=replace(self, question=question).reason(self.definition.who, path),
            limits=tuple(self._limits()),
            floor=question.floor,
            begun=self.definition.since != "now" or self.definition.key in question.begun,
        )

    def _limits(self) -> Iterator[Limit]:
        kinds: tuple[LimitKind, ...] = ("known", "anonymous", "sample")
        for kind in kinds:
            holds = self.told.get((self.definition.key, kind))
            # That somebody is known goes without saying.
            if holds is not None and not (holds and kind == "known"):
                yield Limit(kind=kind, holds=holds)

    def _holds(self, one: d.Leaf) -> bool:
        return self.told[self.definition.key, one]

    def reason(self, condition: d.Condition, path: str) -> Reason:
        match condition:
            case d.All(conditions=parts) | d.AnyOf(conditions=parts):
                word = "all" if isinstance(condition, d.All) else "any"
                reasons = tuple(self.reason(part, f"{path}.{word}[{n}]") for n, part in enumerate(parts))
                outcomes = [reason.holds for reason in reasons]
                holds = all(outcomes) if word == "all" else any(outcomes)
                return Reason(path=path, condition=condition, holds=holds, parts=reasons)
            case d.Not(condition=part):
                reason = self.reason(part, f"{path}.not")
                return Reason(path=path, condition=condition, holds=not reason.holds, parts=(reason,))
            case d.Member():
                return self._of_member(condition, path)
            case d.Listed():
                return Reason(path=path, condition=condition, holds=self._holds(condition))
            case d.Trait():
                seen = tuple(TraitSeen(trait=row.pop("key"), **row) for row in self._facts(condition))
                return Reason(path=path, condition=condition, holds=self._holds(condition), traits=seen)
            case d.External(audience=audience):
                said = self._said(audience)
                return Reason(path=path, condition=condition, holds=self._holds(condition), said=said)
            case d.Event():
                return self._of_event(condition, path)

    def _of_member(self, condition: d.Member, path: str) -> Reason:
        inner = self.question.inline.get(condition.audience)
        if inner is None:
            return Reason(path=path, condition=condition, holds=self._holds(condition))
        why = replace(self, definition=inner).explained(f"{path}.{condition.audience}")
        holds = why.inside == condition.inside
        return Reason(path=path, condition=condition, holds=holds, parts=(why.who,), audience=why)

    def _of_event(self, condition: d.Event, path: str) -> Reason:
        found = judged(condition, self.question)
        shown, lines = _newest(found, self.store)
        after: dict[_EventKey, list[Followed]] = defaultdict(list)
        steps = dict.fromkeys(d.nexts(condition.step.where))
        if lines and steps:
            parents = self.store.materialise("explained_parents", shown)
            for then in steps:
                for parent, followed in self._followed(parents, then, lines).items():
                    after[parent].append(followed)
        seen = [_seen(line, found, after.get((line["source"], line["message_id"]), ())) for line in lines]
        events = tuple(one for one in seen if not one.lacks)
        return Reason(
            path=path,
            condition=condition,
            holds=self._holds(condition),
            counted=lines[0]["number"] if events else 0,
            events=events,
            missed=tuple(one for one in seen if one.lacks),
            measured=self._measured(condition),
        )

    def _followed(
        self, parents: ir.Table, then: d.Then, lines: Sequence[Mapping[str, Any]]
    ) -> dict[_EventKey, Followed]:
        """What came after each of these events, which are the lines of `parents`."""
        found = followers(parents, then, self.question)
        later: dict[_EventKey, list[dict[str, Any]]] = defaultdict(list)
        for line in self._rows(_first(found)):
            later[line["parent_source"], line["parent_message_id"]].append(line)
        told = {}
        for parent in lines:
            key = (parent["source"], parent["message_id"])
            good = [line for line in later[key] if line["counts"]]
            number = good[0]["number"] if good else 0
            events = tuple(_seen(line, found) for line in good or later[key])
            told[key] = Followed(then=then, counted=number, events=events)
        return told

    def _measured(self, condition: d.Event) -> str | None:
        told = condition.measure
        if not isinstance(told, d.Aggregate):
            return None
        found = event_rows(condition, self.question)
        if told.reducer in OF_VALUES:
            lines = self._rows(values(found, told.reducer, told.property, told.minimum))
        else:
            lines = self._rows(numbers(found, told.reducer, told.property))
        value = lines[0]["measured"] if lines else None
        if value is None:
            return "0" if told.reducer == "distinct" else None
        return as_text(value)

    def _said(self, audience: str) -> tuple[Said, ...]:
        told = told_of(audience, self.question)
        if told is None:
            return ()
        newest = told.order_by("place").limit(SHOWN).select("inside", "at", "source", "message_id")
        return tuple(Said(**row) for row in self._rows(newest))

    def _facts(self, condition: d.Trait) -> list[dict[str, Any]]:
        rows = trait_rows(condition.trait, self.question)
        asks_date = isinstance(condition.test, d.Moment | d.Relative)
        no_date = ~is_date(trait_value(rows.value, rows.number)) if asks_date else ibis.literal(False)
        return self._rows(rows.select("key", "value", "at", "source", no_date=rows.value.notnull() & no_date))

    def _rows(self, table: ir.Table) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.store.read(table).to_pylist()
        return rows
