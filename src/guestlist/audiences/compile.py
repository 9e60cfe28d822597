"""A definition -> an Ibis expression of the people it is true for; every value bound, no text of any engine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import reduce
from zoneinfo import ZoneInfo

import ibis
import ibis.expr.types as ir

from guestlist.audiences import definition as d
from guestlist.audiences.comparing import compare_number, finite, passes, property_value, trait_value
from guestlist.audiences.times import span

# Sums of money in binary fractions miss by a hair; nobody's total has a seventh decimal.
DECIMALS = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class Relations:
    """What conditions are asked of. `identifier` names everybody; without it, everybody has an event or a trait."""

    event: ir.Table
    trait: ir.Table
    membership: ir.Table
    identifier: ir.Table | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """Asked of which data, as of when, on which calendar; `inline` are audiences worked out rather than looked up."""

    relations: Relations
    as_of: datetime
    zone: ZoneInfo
    inline: Mapping[str, d.Definition] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class People:
    """The people in `ids`, or (when `but`) everybody but them: so "not" costs nothing until the very end."""

    ids: ir.Table
    but: bool = False

    def inverted(self) -> "People":
        return People(ids=self.ids, but=not self.but)


def members(condition: d.Condition, question: Question) -> ir.Table:
    """One column, profile_id, each person once."""
    found = people(condition, question)
    if not found.but:
        return found.ids
    return everybody(question).anti_join(found.ids, "profile_id")


def everybody(question: Question) -> ir.Table:
    """Everyone known by `as_of`."""
    relations = question.relations
    if relations.identifier is not None:
        known = relations.identifier
        return known.filter(known.first_seen <= stamp(known.first_seen, question.as_of)).select("profile_id").distinct()
    tables = [table.filter(table.at <= stamp(table.at, question.as_of)) for table in (relations.event, relations.trait)]
    return ibis.union(*(table.select("profile_id") for table in tables), distinct=True)


def people(condition: d.Condition, question: Question) -> People:
    match condition:
        case d.All(conditions=parts):
            return _all([people(part, question) for part in parts])
        case d.AnyOf(conditions=parts):
            return _all([people(part, question).inverted() for part in parts]).inverted()
        case d.Not(condition=part):
            return people(part, question).inverted()
        case d.Event():
            return _event(condition, question)
        case d.Trait():
            return _trait(condition, question)
        case d.Member():
            return _member(condition, question)


def _all(parts: Sequence[People]) -> People:
    named = [part.ids for part in parts if not part.but]
    excepted = [part.ids for part in parts if part.but]
    if not named:
        return People(ids=ibis.union(*excepted, distinct=True) if len(excepted) > 1 else excepted[0], but=True)
    inside = reduce(lambda left, right: left.semi_join(right, "profile_id"), named)
    return People(ids=reduce(lambda left, right: left.anti_join(right, "profile_id"), excepted, inside))


def _member(condition: d.Member, question: Question) -> People:
    inner = question.inline.get(condition.audience)
    found = people(inner.who, question) if inner else People(ids=recorded(condition.audience, question))
    return found if condition.inside else found.inverted()


def recorded(audience: str, question: Question) -> ir.Table:
    """Who was in an audience at `as_of`, by its recorded history."""
    history = question.relations.membership
    entered = history.entered_at <= stamp(history.entered_at, question.as_of)
    stayed = history.exited_at.isnull() | (history.exited_at > stamp(history.exited_at, question.as_of))
    return history.filter(history.audience == audience, entered, stayed).select("profile_id").distinct()


def _trait(condition: d.Trait, question: Question) -> People:
    held = trait_rows(condition, question)
    if condition.test == d.Presence(comparator="absent"):
        return People(ids=held.filter(held.value.notnull()).select("profile_id"), but=True)
    test = passes(trait_value(held.value, held.number), condition.test, question.as_of, question.zone)
    return People(ids=held.filter(test).select("profile_id"))


def trait_rows(condition: d.Trait, question: Question) -> ir.Table:
    """The value each person held at `as_of`: the last one; a last one that is null took the trait away."""
    trait = question.relations.trait
    then = trait.filter(trait.key == condition.trait, trait.at <= stamp(trait.at, question.as_of))
    newest_first = [ibis.desc(name) for name in ("at", "source", "value", "number")]
    place = ibis.row_number().over(group_by="profile_id", order_by=newest_first)
    return then.mutate(place=place).filter(ibis._.place == 0).drop("place")


def _event(condition: d.Event, question: Question) -> People:
    found = event_rows(condition, question)
    if isinstance(condition.measure, d.Aggregate):
        return _aggregate(found, condition.measure)
    return _count(found, condition.measure)


def event_rows(condition: d.Event, question: Question) -> ir.Table:
    """The events that count: right name, properties and source, in the window, followed as asked."""
    stretch = span(condition.window, question.as_of, question.zone)
    found = step_rows(condition.step, question, after=stretch.after, until=stretch.until)
    return found if condition.then is None else _followed(found, condition.then, question)


def step_rows(step: d.Step, question: Question, *, after: datetime | None, until: datetime) -> ir.Table:
    event = question.relations.event
    tests = [event.event == step.event, event.at <= stamp(event.at, until)]
    if after is not None:
        tests.append(event.at > stamp(event.at, after))
    if step.source is not None:
        source = trait_value(event.source, ibis.null("float64"))
        tests.append(passes(source, step.source, question.as_of, question.zone))
    for test in step.where:
        value = property_value(event.properties, test.path)
        tests.append(passes(value, test.test, question.as_of, question.zone))
    return event.filter(*tests)


def _followed(found: ir.Table, then: d.Then, question: Question) -> ir.Table:
    """Judges each event by itself: the last next step comes after it, or does not. The same instant is not after."""
    step = step_rows(then.step, question, after=None, until=question.as_of)
    last = step.group_by(follower=step.profile_id).agg(last_at=step.at.max())
    both = found.left_join(last, found.profile_id == last.follower)
    later = (both.last_at > both.at).fill_null(False)
    return both.filter(later if then.happened else ~later).drop("follower", "last_at")


def _count(found: ir.Table, count: d.Count) -> People:
    number = count.number
    match count.comparator:
        case "at_least":
            return _at_least(found, number)
        case "at_most":
            return _at_least(found, number + 1).inverted()
        case "exactly" if number == 0:
            return _at_least(found, 1).inverted()
        case _:
            counted = found.group_by("profile_id").agg(n=found.count())
            return People(ids=counted.filter(counted.n == number).select("profile_id"))


def _at_least(found: ir.Table, number: int) -> People:
    if number == 0:
        return People(ids=found.filter(ibis.literal(False)).select("profile_id"), but=True)
    if number == 1:
        return People(ids=found.select("profile_id").distinct())
    counted = found.group_by("profile_id").agg(n=found.count())
    return People(ids=counted.filter(counted.n >= number).select("profile_id"))


def _aggregate(found: ir.Table, aggregate: d.Aggregate) -> People:
    value = property_value(found.properties, aggregate.property)
    rows = found.select("profile_id", number=value.number, text=value.text)
    rows = rows.mutate(number=ibis.ifelse(finite(rows.number), rows.number, ibis.null("float64")))
    measured = rows.group_by("profile_id").agg(measured=_reduced(rows, aggregate.reducer))
    test = compare_number(measured.measured, aggregate.test)
    if aggregate.reducer == "distinct" and _true_of_none(aggregate.test):
        return People(ids=measured.filter(~test).select("profile_id"), but=True)
    return People(ids=measured.filter(test).select("profile_id"))


def _reduced(rows: ir.Table, reducer: d.Reducer) -> ir.NumericScalar:
    match reducer:
        case "sum":
            return rows.number.sum().round(DECIMALS)
        case "average":
            return rows.number.mean().round(DECIMALS)
        case "min":
            return rows.number.min()
        case "max":
            return rows.number.max()
        case "distinct":
            return rows.text.nunique()


def _true_of_none(test: d.Amount | d.Matches) -> bool:
    """Whether people without any event pass: they have 0 distinct values (but no sum, average, min or max)."""
    if isinstance(test, d.Matches):
        return (test.values[0] == 0) == (test.comparator == "equals")
    zero = {
        "greater_than": test.number < 0,
        "at_least": test.number <= 0,
        "less_than": test.number > 0,
        "at_most": test.number >= 0,
    }
    return zero[test.comparator]


def stamp(column: ir.TimestampColumn, instant: datetime) -> ir.TimestampScalar:
    """An instant as the column keeps instants: UTC, with the zone said or not."""
    utc = instant.astimezone(UTC)
    kind = column.type()
    return ibis.literal(utc if kind.timezone else utc.replace(tzinfo=None), type=kind)
