"""A definition -> an Ibis expression of the people it is true for; every value bound, no text of any engine."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import ibis
import ibis.expr.types as ir

from guestlist.audiences import definition as d
from guestlist.audiences.comparing import compare_number, passes, trait_value
from guestlist.audiences.matching import event_rows
from guestlist.audiences.measuring import OF_VALUES, numbers, values
from guestlist.audiences.question import Question, everybody, listed, recorded, told_of, trait_rows
from guestlist.audiences.times import just_before

ANONYMOUS = ("anonymous_id",)
"""Types of identifiers that name a browser, and nobody to whom it belongs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class People:
    """The people in `ids`, some perhaps more than once, or (when `but`) everybody but them."""

    ids: ir.Table
    but: bool = False

    def inverted(self) -> "People":
        return People(ids=self.ids, but=not self.but)


def members(definition: d.Definition, question: Question) -> ir.Table:
    """One column, profile_id, each person once."""
    found = people(definition.who, counting_from(definition, question))
    ids = everybody(question).anti_join(found.ids, "profile_id") if found.but else found.ids.distinct()
    if definition.sample < WHOLE:
        ids = in_sample(ids, definition)
    return ids if definition.anonymous else named(ids, question)


def counting_from(definition: d.Definition, question: Question) -> Question:
    """The question with the events alone that count for this definition."""
    return replace(question, floor=_floor(definition, question))


def in_sample(ids: ir.Table, definition: d.Definition) -> ir.Table:
    """Those of these people whom the sample takes in."""
    return ids.filter(lot(ids.profile_id, definition.key) < share(definition.sample))


def named(ids: ir.Table, question: Question) -> ir.Table:
    """Those of these people of whom more is known than an anonymous id."""
    identifier = question.relations.identifier
    if identifier is None:
        return ids
    return ids.semi_join(identifier.filter(identifier.type.notin(ANONYMOUS)), "profile_id")


def _floor(definition: d.Definition, question: Question) -> datetime | None:
    """Events up to this instant do not count."""
    match definition.since:
        case None:
            return None
        case "now":
            return question.begun.get(definition.key, question.as_of)
        case since:
            return just_before(since, question.zone)


WHOLE = 100
_LOTS = 16**8


def lot(profile_id: ir.StringColumn, salt: str) -> ir.StringColumn:
    """A number drawn for each person, the same whenever it is asked, as eight hexadecimal digits."""
    return (ibis.literal(f"{salt}\x1f") + profile_id).hexdigest("md5").substr(0, 8)


def share(percent: float) -> str:
    """The lots below this one are so many percent of all; longer than a lot where these are all."""
    return f"{round(_LOTS * percent / WHOLE):08x}" if percent < WHOLE else "g"


def group_of(profile_id: ir.StringColumn, definition: d.Definition) -> ir.StringValue:
    """The group that a person draws, "" for none of them."""
    # Another lot than that of `sample`: one in ten by the same lot would all be of the first group.
    drawn, upto = lot(profile_id, f"{definition.key}\x1fsplit"), 0.0
    branches = []
    for group in definition.split:
        upto += group.percent
        branches.append((drawn < share(upto), group.name))
    return ibis.cases(*branches, else_="")


def people(condition: d.Condition, question: Question) -> People:
    """Those for whom a condition is true."""
    if not isinstance(condition, d.All | d.AnyOf | d.Not):
        return _leaf(condition, question)
    marked = Marked.of([condition], question)
    holds = marked.holds(condition)
    if marked.holds_for_others(condition):
        return People(ids=marked.people.filter(~holds).select("profile_id"), but=True)
    return People(ids=marked.people.filter(holds).select("profile_id"))


_MARKS = 62


@dataclass(frozen=True, kw_only=True)
class Marked:
    """Conditions worked out in one go, whatever they nest: for each of those in them that are no groups, people have a
    mark (bit n % 62 of column n // 62), and the marks decide. Who has none is in no table: `others`.
    """

    people: ir.Table
    found: Mapping[d.Leaf, People]
    places: Mapping[d.Leaf, tuple[int, int]]

    @classmethod
    def of(cls, conditions: Iterable[d.Condition], question: Question) -> "Marked":
        leaves = tuple(dict.fromkeys(leaf for condition in conditions for leaf in d.leaves(condition)))
        found = {leaf: _leaf(leaf, question) for leaf in leaves}
        places = {leaf: divmod(number, _MARKS) for number, leaf in enumerate(leaves)}
        return cls(people=_marks([one.ids for one in found.values()]), found=found, places=places)

    def holds(self, condition: d.Condition) -> ir.BooleanValue:
        """Whether a condition is true of each of the people here."""
        match condition:
            case d.All(conditions=parts):
                return ibis.and_(*(self.holds(part) for part in parts))
            case d.AnyOf(conditions=parts):
                return ibis.or_(*(self.holds(part) for part in parts))
            case d.Not(condition=part):
                return ~self.holds(part)
            case leaf:
                column, place = self.places[leaf]
                has = (self.people[f"marks_{column}"] & (1 << place)) != 0
                return ~has if self.found[leaf].but else has

    def holds_for_others(self, condition: d.Condition) -> bool:
        """Whether it is true of everybody who is not here."""
        return d.holds(condition, lambda leaf: self.found[leaf].but)


def _marks(found: Sequence[ir.Table]) -> ir.Table:
    columns = [f"marks_{column}" for column in range(-(-len(found) // _MARKS))]
    parts = []
    for number, ids in enumerate(found):
        column, place = divmod(number, _MARKS)
        marks = {name: ibis.literal(1 << place if n == column else 0, "int64") for n, name in enumerate(columns)}
        parts.append(ids.select("profile_id", **marks))
    lines = ibis.union(*parts) if len(parts) > 1 else parts[0]
    return lines.group_by("profile_id").agg(**{name: lines[name].bit_or() for name in columns})


def counts(conditions: Sequence[d.Condition], question: Question) -> ir.Table:
    """One line, a column `n0`, `n1`, … for each condition: of how many people it is true."""
    marked = Marked.of(conditions, question)
    here = {f"n{n}": marked.people.count(where=marked.holds(one)) for n, one in enumerate(conditions)}
    counted = marked.people.agg(here=marked.people.count(), **here)
    every = everybody(question)
    both = counted.cross_join(every.agg(everybody=every.count()))
    return both.select(
        **{
            f"n{n}": both[f"n{n}"] + (both.everybody - both.here if marked.holds_for_others(one) else 0)
            for n, one in enumerate(conditions)
        }
    )


def _leaf(condition: d.Leaf, question: Question) -> People:
    match condition:
        case d.Event():
            return _event(condition, question)
        case d.Trait():
            return _trait(condition, question)
        case d.Member():
            return _member(condition, question)
        case d.Listed():
            found = People(ids=listed(condition.list, question))
            return found if condition.inside else found.inverted()
        case d.External():
            return _external(condition, question)


def _external(condition: d.External, question: Question) -> People:
    told = told_of(condition.audience, question)
    if told is None:
        return People(ids=question.relations.trait.filter(ibis.literal(False)).select("profile_id"))
    return People(ids=told.filter(told.place == 0, told.inside).select("profile_id"))


def _member(condition: d.Member, question: Question) -> People:
    inner = question.inline.get(condition.audience)
    ids = members(inner, question) if inner else recorded(condition.audience, question)
    found = People(ids=ids)
    return found if condition.inside else found.inverted()


def _trait(condition: d.Trait, question: Question) -> People:
    return _of_values(trait_rows(condition.trait, question), condition.test, question)


def _of_values(held: ir.Table, test: d.Test, question: Question) -> People:
    """Those whose `value` passes; `number` is its number where it is known to be one."""
    if test == d.Presence(comparator="absent"):
        return People(ids=held.filter(held.value.notnull()).select("profile_id"), but=True)
    passed = passes(trait_value(held.value, held.number), test, question.as_of, question.zone)
    return People(ids=held.filter(passed).select("profile_id"))


def _event(condition: d.Event, question: Question) -> People:
    found = event_rows(condition, question)
    if isinstance(condition.measure, d.Count):
        return _count(found, condition.measure)
    if condition.measure.reducer in OF_VALUES:
        told = condition.measure
        measured = values(found, told.reducer, told.property, told.minimum)
        held = measured.select("profile_id", value=measured.measured, number=ibis.null("float64"))
        return _of_values(held, told.test, question)
    return _aggregate(found, condition.measure)


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
        return People(ids=found.select("profile_id"))
    counted = found.group_by("profile_id").agg(n=found.count())
    return People(ids=counted.filter(counted.n >= number).select("profile_id"))


def _aggregate(found: ir.Table, aggregate: d.Aggregate) -> People:
    test = aggregate.test
    assert isinstance(test, d.Amount | d.Matches)
    measured = numbers(found, aggregate.reducer, aggregate.property)
    passed = compare_number(measured.measured, test)
    if aggregate.reducer == "distinct" and _true_of_none(test):
        return People(ids=measured.filter(~passed).select("profile_id"), but=True)
    return People(ids=measured.filter(passed).select("profile_id"))


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
