"""The `who` of a document -> the condition tree."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from guestlist.audiences import definition as d
from guestlist.audiences.comparators import COMPARATORS, read_test
from guestlist.audiences.events import read_event
from guestlist.audiences.identifier_lists import read_list
from guestlist.audiences.mistakes import Mistakes, did_you_mean, nearest
from guestlist.audiences.query import read_query
from guestlist.audiences.reading import (
    BESIDE_WHO,
    join,
    known_keys,
    read_mapping,
    read_text,
    shown,
    tell_beside_who,
)
from guestlist.audiences.steps import DEEPEST


@dataclass(frozen=True, kw_only=True, slots=True)
class Inside:
    """Where a condition stands: how deep, and among which audiences."""

    depth: int = 0
    audiences: frozenset[str] = frozenset()

    def deeper(self) -> "Inside":
        return Inside(depth=self.depth + 1, audiences=self.audiences)


TOP = Inside()


def read_condition(value: object, path: str, mistakes: Mistakes, inside: Inside = TOP) -> d.Condition | None:
    """A mapping, or the text of a query."""
    if isinstance(value, str) and "(" not in value:
        told = "must be a mapping (`event: ...`) or a query (`event('...').count() >= 1`), not plain text."
        mistakes.add(path, told)
        return None
    if isinstance(value, str):
        return read_query(value, path, mistakes, depth=inside.depth, audiences=inside.audiences)
    if isinstance(value, list):
        mistakes.add(path, "is a list: say whether all or any of it must be true.", "Did you mean `all: [...]`?")
        return None
    if inside.depth > DEEPEST:
        mistakes.add(path, f"is nested deeper than {DEEPEST} levels.")
        return None
    body = read_mapping(value, path, mistakes)
    if body is None:
        return None
    kinds = [kind for kind in KINDS if kind in body]
    if len(kinds) == 1:
        kind = kinds[0]
        return _GROUPS[kind](body, path, mistakes, inside) if kind in _GROUPS else _LEAVES[kind](body, path, mistakes)
    if kinds:
        both = " and ".join(f"`{kind}`" for kind in kinds)
        mistakes.add(path, f"mixes {both}: a condition is one of them.", "Put them in a list under `all:` or `any:`.")
    else:
        _tell_no_kind(body, path, mistakes, inside)
    return None


def _tell_no_kind(body: Mapping[str, object], path: str, mistakes: Mistakes, inside: Inside) -> None:
    beside = [key for key in body if key in BESIDE_WHO]
    for key in beside:
        tell_beside_who(key, path, mistakes)
    if beside and len(beside) == len(body):
        return
    meant = {key: kind for key in body if key not in beside and (kind := nearest(key, KINDS)) is not None}
    hint = did_you_mean(next(iter(meant)), KINDS) if meant else ""
    mistakes.add(path, f"needs one of {', '.join(KINDS)}.", hint)
    if len(meant) == 1:  # what else is wrong in it is told as well
        corrected = {meant.get(key, key): part for key, part in body.items() if key not in beside}
        read_condition(corrected, path, mistakes, inside)


def _read_group(body: Mapping[str, object], path: str, mistakes: Mistakes, inside: Inside) -> d.Condition | None:
    kind = "all" if "all" in body else "any"
    known_keys(body, (kind,), path, mistakes)
    parts = body[kind]
    if not isinstance(parts, list) or not parts:
        mistakes.add(join(path, kind), f"must be a list of at least one condition, not {shown(parts)}.")
        return None
    read = [read_condition(part, f"{join(path, kind)}[{n}]", mistakes, inside.deeper()) for n, part in enumerate(parts)]
    found = tuple(part for part in read if part is not None)
    return d.All(conditions=found) if kind == "all" else d.AnyOf(conditions=found)


def _read_not(body: Mapping[str, object], path: str, mistakes: Mistakes, inside: Inside) -> d.Condition | None:
    known_keys(body, ("not",), path, mistakes)
    condition = read_condition(body["not"], join(path, "not"), mistakes, inside.deeper())
    return None if condition is None else d.Not(condition=condition)


def _read_member(body: Mapping[str, object], path: str, mistakes: Mistakes) -> d.Condition | None:
    kind = "member_of" if "member_of" in body else "not_member_of"
    known_keys(body, (kind,), path, mistakes)
    audience = read_text(body[kind], join(path, kind), mistakes)
    return None if audience is None else d.Member(audience=audience, inside=kind == "member_of")


def _read_external(body: Mapping[str, object], path: str, mistakes: Mistakes) -> d.Condition | None:
    known_keys(body, ("external",), path, mistakes)
    audience = read_text(body["external"], join(path, "external"), mistakes)
    return None if audience is None else d.External(audience=audience)


def _read_trait(body: Mapping[str, object], path: str, mistakes: Mistakes) -> d.Condition | None:
    trait = read_text(body["trait"], join(path, "trait"), mistakes)
    known_keys(body, ("trait", *COMPARATORS), path, mistakes)
    tests = {key: part for key, part in body.items() if key in COMPARATORS}
    if len(tests) != 1:
        _tell_number_of_tests(body, tests, path, mistakes)
        return None
    comparator, value = next(iter(tests.items()))
    test = read_test(comparator, value, join(path, comparator), mistakes)
    return None if trait is None or test is None else d.Trait(trait=trait, test=test)


def _tell_number_of_tests(
    body: Mapping[str, object], tests: Mapping[str, object], path: str, mistakes: Mistakes
) -> None:
    if tests:
        both = " and ".join(f"`{name}`" for name in tests)
        mistakes.add(path, f"has {both}: a trait has one comparator.", "Put two conditions in a list under `all:`.")
    elif len(body) == 1:
        mistakes.add(path, "needs a comparator, such as `equals: ...` or `exists: true`.")


_GROUPS: dict[str, Callable[[Mapping[str, object], str, Mistakes, Inside], d.Condition | None]] = {
    "all": _read_group,
    "any": _read_group,
    "not": _read_not,
}
_LEAVES: dict[str, Callable[[Mapping[str, object], str, Mistakes], d.Condition | None]] = {
    "event": read_event,
    "trait": _read_trait,
    "member_of": _read_member,
    "not_member_of": _read_member,
    "in_list": read_list,
    "not_in_list": read_list,
    "external": _read_external,
}
KINDS = (*_GROUPS, *_LEAVES)
