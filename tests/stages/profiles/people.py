"""Who is who by a slow and obvious computation: every message in order of time, sets of identifiers, no cleverness."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from tests.stages.profiles.warehouse import START, Message, Use, short

from guestlist.profiles.rules import DEVICE_TYPES, IdentityRules

STRENGTH = {"user_id": 0, "email": 1, "phone": 2, "custom": 3, "ios.idfa": 4, "anonymous_id": 5}


@dataclass(eq=False)
class Person:
    uses: set[Use]
    merges: int = 0


@dataclass
class World:
    people: list[str] = field(default_factory=list)
    merged: list[str] = field(default_factory=list)
    whose: dict[str, str] = field(default_factory=dict)
    hubs: list[str] = field(default_factory=list)


def expected(messages: Sequence[Message], rules: IdentityRules) -> World:
    """People, `u:1 m2` for each identifier that came to an older profile by a message, and whose each message is."""
    messages = list({told[0]: told for told in messages}.values())
    hubs = _hubs(messages, rules)
    told = [(key, at, [use for use in uses if use not in hubs]) for key, at, uses in messages]
    seen: dict[Use, int] = {}
    for _, at, uses in told:
        for use in uses:
            seen[use] = min(at, seen.get(use, at))
    return _replayed(told, seen, rules, sorted(map(named, hubs)))


def named(use: Use) -> str:
    return f"{short(use[0])}:{use[1]}"


def _hubs(messages: Sequence[Message], rules: IdentityRules) -> set[Use]:
    if rules.hubs is None:
        return set()
    met: dict[tuple[Use, str], set[Use]] = {}
    for _, _, uses in messages:
        for use in uses:
            others = [other for other in uses if other != use]
            best = min((STRENGTH[kind] for kind, _ in others), default=None)
            for other in others:
                if STRENGTH[other[0]] == best and use[0] in rules.hubs.types:
                    met.setdefault((use, other[0]), set()).add(other)
    return {use for (use, kind), others in met.items() if len(others) > rules.hubs.limit(kind)}


def _replayed(
    told: Sequence[tuple[str, int, list[Use]]], seen: dict[Use, int], rules: IdentityRules, hubs: list[str]
) -> World:
    def age(use: Use) -> tuple[int, int, str]:
        return seen[use], STRENGTH[use[0]], use[1]

    def strength(use: Use) -> tuple[int, int, str]:
        return STRENGTH[use[0]], seen[use], use[1]

    person: dict[Use, Person] = {use: Person({use}) for use in seen}
    merged = []
    for key, at, uses in sorted(told, key=lambda one: (one[1], one[0])):
        those: list[Person] = []
        for use in sorted(uses, key=strength):
            more = [*those, person[use]] if person[use] not in those else those
            if len(more) == 1 or not _breaks(_together(more, at, seen), at, seen, rules):
                those = more
        if len(those) < 2:
            continue
        one = _together(those, at, seen)
        oldest = min(one.uses, key=age)
        merged += [f"{named(first)} {key}" for each in those if (first := min(each.uses, key=age)) != oldest]
        person.update(dict.fromkeys(one.uses, one))
    everyone = {id(one): one for one in person.values()}.values()
    whose = {key: named(min(person[min(uses, key=strength)].uses, key=age)) for key, _, uses in told if uses}
    return World(sorted(" ".join(sorted(map(named, one.uses))) for one in everyone), sorted(merged), whose, hubs)


def _together(those: Sequence[Person], at: int, seen: dict[Use, int]) -> Person:
    there = sum(min(map(seen.__getitem__, each.uses)) < at for each in those)
    merges = sum(each.merges for each in those) + max(0, there - 1)
    return Person({use for each in those for use in each.uses}, merges)


def _breaks(one: Person, at: int, seen: dict[Use, int], rules: IdentityRules) -> bool:
    if len(one.uses) > rules.caps.identifiers or one.merges > rules.caps.merges:
        return True
    for kind in {kind for kind, _ in one.uses}:
        limit = rules.limits.of(kind)
        if limit is None:
            continue
        held = [seen[use] for use in one.uses if use[0] == kind]
        if limit.within is not None:
            held = [first for first in held if first > at - limit.within / timedelta(seconds=1)]
        if len(held) > limit.count:
            return True
    return False


__all__ = ["DEVICE_TYPES", "START", "World", "expected", "named"]
