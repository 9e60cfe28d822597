"""What there is to know of an audience beside who is in it: how it came to its size, who can be reached, its likes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.types as ir

from guestlist.audiences import definition as d
from guestlist.audiences.compile import counts
from guestlist.audiences.question import Question

REACHED_BY: Mapping[str, tuple[str, ...]] = {
    "email": ("email",),
    "phone": ("phone",),
    "madid": ("ios.idfa", "android.idfa"),
}
"""What a person can be matched by, and the types of identifiers that say it."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One condition of an audience that asks for all of several: how many pass it, how many it alone keeps out."""

    condition: d.Condition
    people: int
    removes: int


def parts_alone(who: d.Condition, question: Question, read: Any) -> tuple[Part, ...]:
    """For each condition under the outermost `all`; with no such group there is one, which keeps out all others."""
    conditions = who.conditions if isinstance(who, d.All) else (who,)
    without = [_without(conditions, n) for n in range(len(conditions))]
    asked = [who, *conditions, *(rest for rest in without if rest is not None)]
    numbers = list(read(counts(asked, question)).to_pylist()[0].values())
    size, of_each, of_rest = numbers[0], numbers[1 : len(conditions) + 1], iter(numbers[len(conditions) + 1 :])
    return tuple(
        Part(condition=one, people=people, removes=0 if rest is None else next(of_rest) - size)
        for one, people, rest in zip(conditions, of_each, without, strict=True)
    )


def _without(conditions: Sequence[d.Condition], place: int) -> d.Condition | None:
    rest = tuple(one for n, one in enumerate(conditions) if n != place)
    return d.All(conditions=rest) if rest else None


def reach(found: ir.Table, identifier: ir.Table, consumer_domains: Iterable[str]) -> ir.Table:
    """One line of numbers of people: members, email, phone, madid, any of them, and company: only company addresses.

    A hashed address tells no domain, and counts as nobody's company's.
    """
    kinds = [kind for kinds in REACHED_BY.values() for kind in kinds]
    held = identifier.filter(identifier.type.isin(kinds)).semi_join(found, "profile_id")
    domain = held.value.re_extract("@(.+)$", 1)
    address = (held.type == "email") & held.value.contains("@")
    consumer = (address & domain.isin(sorted(consumer_domains))) | ((held.type == "email") & ~address)
    has = {name: held.type.isin(kinds).any() for name, kinds in REACHED_BY.items()}
    each = held.group_by("profile_id").agg(**has, consumer=consumer.any())
    numbers = {name: each.count(where=each[name]) for name in REACHED_BY}
    company = each.count(where=each.email & ~each.consumer)
    told = each.agg(**numbers, any=each.count(), company=company)
    return told.cross_join(found.agg(members=found.count()))


def overlaps(others: Iterable[str], found: ir.Table, membership: ir.Table) -> ir.Table:
    """(audience, people, both): other audiences as last evaluated, how many each has, how many of these are here."""
    inside = membership.filter(membership.audience.isin(sorted(others)), membership.exited_at.isnull())
    here = found.select("profile_id", here=ibis.literal(1, "int64"))
    beside = inside.select("audience", "profile_id").left_join(here, "profile_id")
    return beside.group_by("audience").agg(people=beside.count(), both=beside.here.count())


def difference(one: ir.Table, other: ir.Table) -> ir.Table:
    """(profile_id, side): everybody who is in one of two, `first`, `second` or `both`."""
    left = one.select("profile_id").anti_join(other, "profile_id").mutate(side=ibis.literal("first"))
    right = other.select("profile_id").anti_join(one, "profile_id").mutate(side=ibis.literal("second"))
    both = one.select("profile_id").semi_join(other, "profile_id").mutate(side=ibis.literal("both"))
    return ibis.union(left, right, both)
