"""Why a person is in an audience or not: each condition true or false, and what made it so."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

import ibis
import ibis.expr.types as ir

from guestlist.audiences import definition as d
from guestlist.audiences.compile import people
from guestlist.audiences.matching import event_rows, names_parent, step_rows
from guestlist.audiences.question import Question, Relations, told_of, trait_rows

# Enough to understand; the counts say how many there are in all.
SHOWN = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class EventSeen:
    event: str
    at: datetime
    source: str | None
    message_id: str | None
    properties: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class TraitSeen:
    trait: str
    value: str | None
    at: datetime
    source: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What another system said of one of its audiences."""

    inside: bool
    at: datetime
    source: str
    message_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """One condition about one person. `events` are the newest that count, `next_steps` what was done after.

    Of `said`, too, the newest comes first: it decides.
    """

    path: str
    condition: d.Condition
    holds: bool
    parts: tuple["Reason", ...] = ()
    counted: int = 0
    events: tuple[EventSeen, ...] = ()
    next_steps: tuple[EventSeen, ...] = ()
    traits: tuple[TraitSeen, ...] = ()
    said: tuple[Said, ...] = ()


class Store(Protocol):
    """What explaining needs of the store."""

    def materialise(self, name: str, rows: Any, /) -> Any: ...
    def read(self, rows: Any, /) -> Any: ...


def explain(definition: d.Definition, profile_id: str, question: Question, store: Store) -> Reason:
    """Asks every condition about this one person, over this person's own history only."""
    alone = _only(question, profile_id, store)
    conditions = list(_leaves(definition.who, alone))
    return _Explaining(question=alone, store=store, told=_told(conditions, alone, store)).reason(definition.who, "who")


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


def _leaves(condition: d.Condition, question: Question) -> Iterator[d.Leaf]:
    """The conditions that are no groups, those of the audiences it asks about too."""
    for leaf in d.leaves(condition):
        inner = question.inline.get(leaf.audience) if isinstance(leaf, d.Member) else None
        if inner is None:
            yield leaf
        else:
            yield from _leaves(inner.who, question)


def _told(conditions: Iterable[d.Leaf], question: Question, store: Store) -> dict[d.Leaf, bool]:
    """Whether each condition holds, all asked at once: the relations hold one person, so anybody found is that person."""
    leaves = tuple(dict.fromkeys(conditions))
    found = [people(leaf, question) for leaf in leaves]
    parts = [one.ids.select(number=ibis.literal(number, "int32")) for number, one in enumerate(found)]
    lines = ibis.union(*parts, distinct=True) if len(parts) > 1 else parts[0].distinct()
    named = {row["number"] for row in store.read(lines).to_pylist()}
    return {leaf: (number in named) != found[number].but for number, leaf in enumerate(leaves)}


@dataclass(frozen=True, kw_only=True)
class _Explaining:
    """One person and one definition; `told` says of each condition whether it holds."""

    question: Question
    store: Store
    told: Mapping[d.Leaf, bool]

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
                return Reason(path=path, condition=condition, holds=self.told[condition])
            case d.Trait():
                seen = tuple(TraitSeen(trait=row.pop("key"), **row) for row in self._facts(condition))
                return Reason(path=path, condition=condition, holds=self.told[condition], traits=seen)
            case d.External(audience=audience):
                return Reason(path=path, condition=condition, holds=self.told[condition], said=self._said(audience))
            case d.Event():
                return self._of_event(condition, path)

    def _of_member(self, condition: d.Member, path: str) -> Reason:
        inner = self.question.inline.get(condition.audience)
        if inner is None:
            return Reason(path=path, condition=condition, holds=self.told[condition])
        reason = self.reason(inner.who, f"{path}.{condition.audience}")
        return Reason(path=path, condition=condition, holds=reason.holds == condition.inside, parts=(reason,))

    def _of_event(self, condition: d.Event, path: str) -> Reason:
        counted, events = self._events(event_rows(condition, self.question))
        after = tuple(seen for then in d.nexts(condition.step.where) for seen in self._came_after(then))
        holds = self.told[condition]
        return Reason(path=path, condition=condition, holds=holds, counted=counted, events=events, next_steps=after)

    def _came_after(self, then: d.Then) -> tuple[EventSeen, ...]:
        """What there is of a next step, whatever it followed."""
        where = tuple(one for one in then.step.where if not isinstance(one, d.Then) and not names_parent(one))
        step = replace(then.step, where=where)
        return self._events(step_rows(step, self.question, after=None, until=self.question.as_of))[1]

    def _events(self, rows: ir.Table) -> tuple[int, tuple[EventSeen, ...]]:
        """How many there are, and the newest."""
        told = rows.select("event", "at", "source", "message_id", "properties", counted=rows.count().over())
        newest = self._rows(told.order_by(told.at.desc(), told.message_id).limit(SHOWN))
        counted = newest[0]["counted"] if newest else 0
        return counted, tuple(EventSeen(**{k: v for k, v in row.items() if k != "counted"}) for row in newest)

    def _said(self, audience: str) -> tuple[Said, ...]:
        told = told_of(audience, self.question)
        if told is None:
            return ()
        newest = told.order_by("place").limit(SHOWN).select("inside", "at", "source", "message_id")
        return tuple(Said(**row) for row in self._rows(newest))

    def _facts(self, condition: d.Trait) -> list[dict[str, Any]]:
        return self._rows(trait_rows(condition.trait, self.question).select("key", "value", "at", "source"))

    def _rows(self, table: ir.Table) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.store.read(table).to_pylist()
        return rows
