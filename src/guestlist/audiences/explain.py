"""Why a person is in an audience or not: each condition true or false, and what made it so."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import ibis.expr.types as ir

from guestlist.audiences import definition as d
from guestlist.audiences.compile import people
from guestlist.audiences.matching import event_rows, names_parent, step_rows
from guestlist.audiences.question import Question, Relations, recorded, trait_rows

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
class Reason:
    """One condition about one person. `events` are the newest that count, `next_steps` what was done after."""

    path: str
    condition: d.Condition
    holds: bool
    parts: tuple["Reason", ...] = ()
    counted: int = 0
    events: tuple[EventSeen, ...] = ()
    next_steps: tuple[EventSeen, ...] = ()
    traits: tuple[TraitSeen, ...] = ()


def explain(definition: d.Definition, profile_id: str, question: Question) -> Reason:
    """Asks every condition about this one person, over this person's own history only."""
    alone = replace(question, relations=_only(question.relations, profile_id))
    return _reason(definition.who, "who", alone)


def _only(relations: Relations, profile_id: str) -> Relations:
    def cut(table: ir.Table) -> ir.Table:
        return table.filter(table.profile_id == profile_id)

    identifier = None if relations.identifier is None else cut(relations.identifier)
    return Relations(
        event=cut(relations.event),
        trait=cut(relations.trait),
        membership=cut(relations.membership),
        identifier=identifier,
    )


def _reason(condition: d.Condition, path: str, question: Question) -> Reason:
    match condition:
        case d.All(conditions=parts) | d.AnyOf(conditions=parts):
            word = "all" if isinstance(condition, d.All) else "any"
            reasons = tuple(_reason(part, f"{path}.{word}[{n}]", question) for n, part in enumerate(parts))
            outcomes = [reason.holds for reason in reasons]
            holds = all(outcomes) if word == "all" else any(outcomes)
            return Reason(path=path, condition=condition, holds=holds, parts=reasons)
        case d.Not(condition=part):
            reason = _reason(part, f"{path}.not", question)
            return Reason(path=path, condition=condition, holds=not reason.holds, parts=(reason,))
        case d.Member():
            return _of_member(condition, path, question)
        case d.Listed():
            return Reason(path=path, condition=condition, holds=_holds(condition, question))
        case d.Trait():
            seen = tuple(TraitSeen(trait=row.pop("key"), **row) for row in _trait_facts(condition, question))
            return Reason(path=path, condition=condition, holds=_holds(condition, question), traits=seen)
        case d.Event():
            return _of_event(condition, path, question)


def _of_member(condition: d.Member, path: str, question: Question) -> Reason:
    inner = question.inline.get(condition.audience)
    if inner is None:
        inside = bool(_rows(recorded(condition.audience, question)))
        return Reason(path=path, condition=condition, holds=inside == condition.inside)
    reason = _reason(inner.who, f"{path}.{condition.audience}", question)
    return Reason(path=path, condition=condition, holds=reason.holds == condition.inside, parts=(reason,))


def _of_event(condition: d.Event, path: str, question: Question) -> Reason:
    rows = event_rows(condition, question)
    after = tuple(seen for then in d.nexts(condition.step.where) for seen in _came_after(then, question))
    return Reason(
        path=path,
        condition=condition,
        holds=_holds(condition, question),
        counted=_rows(rows.aggregate(n=rows.count()))[0]["n"],
        events=_events(rows),
        next_steps=after,
    )


def _came_after(then: d.Then, question: Question) -> tuple[EventSeen, ...]:
    """What there is of a next step, whatever it followed."""
    alone = replace(then.step, where=tuple(one for one in then.step.where if not isinstance(one, d.Then)))
    alone = replace(alone, where=tuple(one for one in alone.where if not names_parent(one)))
    return _events(step_rows(alone, question, after=None, until=question.as_of))


def _holds(condition: d.Condition, question: Question) -> bool:
    """The relations hold one person, so anybody found is that person."""
    found = people(condition, question)
    return bool(_rows(found.ids.limit(1))) != found.but


def _events(rows: ir.Table) -> tuple[EventSeen, ...]:
    newest = rows.order_by(rows.at.desc(), rows.message_id).limit(SHOWN)
    return tuple(EventSeen(**row) for row in _rows(newest.select("event", "at", "source", "message_id", "properties")))


def _trait_facts(condition: d.Trait, question: Question) -> list[dict[str, Any]]:
    return [dict(row) for row in _rows(trait_rows(condition.trait, question).select("key", "value", "at", "source"))]


def _rows(table: ir.Table) -> list[Mapping[str, Any]]:
    rows: list[Mapping[str, Any]] = table.to_pyarrow().to_pylist()
    return rows
