"""What is most often a slip of whoever wrote a definition: names that the data does not know. Never an error.

The data may still come. But a slip in an exclusion sends everybody, so whoever looks at an audience is told.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from guestlist.audiences import definition as d
from guestlist.audiences.comparing import is_date, property_value, trait_value
from guestlist.audiences.identifier_lists import IDENTIFIERS
from guestlist.audiences.mistakes import OTHER_NAMES, did_you_mean, nearest
from guestlist.audiences.steps import EACH, split_path
from guestlist.audiences.traits.definition import ComputedTrait, SqlTrait, TraitDefinition, compared_with
from guestlist.audiences.traits.document import REFUNDED
from guestlist.counts import counted
from guestlist.profiles.lookup import PROFILE
from guestlist.store import Warehouse
from guestlist.telling import wording
from guestlist.telling.people import names_of

Names = Mapping[str, Collection[tuple[str, str]]]
"""What each definition names, by its key: (`event`, `trait` or `identifier`, name)."""
NEWEST = 10_000
"""So many events of a name are looked at for their properties: the cost is the same however much data there is."""
_FEW = 1_000
"""Of so many the properties are listed, to find what was meant."""
_DEEPEST, _LONGEST = 8, 50
_COLUMNS = {"event": "event", "trait": "key", "identifier": "type"}
_TOLD = {
    "event": "nobody has done `{}` yet.",
    "trait": "nobody has the trait `{}` yet.",
    "identifier": "nobody is known by an identifier of type `{}` yet, so nobody is found by one.",
}
_HAS = {
    "event": ("There is 1 such event.", "It has {:,} events."),
    "trait": ("1 person has it.", "{:,} people have it."),
    "identifier": ("There is 1 of these.", "There are {:,} of these."),
}
_SIGN = re.compile(r"\s*(>=|<=|<>|!=|==|=|>|<)\s*(\S.*)", re.DOTALL)
_BRACKETS = re.compile(r"\[(\d*|\*)\]")


def unheard_of(
    warehouse: Warehouse, definitions: Iterable[d.Definition], traits: Iterable[TraitDefinition]
) -> tuple[str, ...]:
    """Events and traits of audiences that nobody has, and types of identifiers by which nobody is known."""
    given = {key for trait in traits for key in trait.keys}
    asked = {one.key: frozenset(wording.names(one.who)) for one in definitions}
    return tuple(_unheard_of(warehouse, asked, given))


def unheard_of_traits(warehouse: Warehouse, traits: Sequence[TraitDefinition]) -> tuple[str, ...]:
    """Events and traits that nobody has, of which traits are made, and types of identifiers by which nobody is known."""
    given = {key for trait in traits for key in trait.keys}
    asked = {one.key: frozenset(_names_of_trait(one)) for one in traits}
    return tuple(_unheard_of(warehouse, asked, given))


def _names_of_trait(one: TraitDefinition) -> Iterator[tuple[str, str]]:
    if isinstance(one, SqlTrait):
        if one.identifier is not None:
            yield "identifier", one.identifier
        return
    for event in wording.events_of(one):
        # A lifetime value takes refunds off as soon as there are any; most shops begin without.
        if not (one.less and one.less.step.event == event == REFUNDED):
            yield "event", event
    for trait in compared_with(one):
        yield "trait", trait


def _unheard_of(warehouse: Warehouse, asked: Names, given: Collection[str]) -> Iterator[str]:
    missing = {kind: _missing(warehouse, kind, asked, given) for kind in _COLUMNS}
    known = {kind: _known(warehouse, kind, given) for kind, names in missing.items() if names}
    for key, names in asked.items():
        for kind, name in sorted(names):
            if name in missing[kind]:
                # What the definition asks for beside it was not meant here.
                others = known[kind].keys() - {other for _, other in names}
                yield f"{key}: {_TOLD[kind].format(name)} {_meant(kind, name, known[kind], others)}".rstrip()


def _missing(warehouse: Warehouse, kind: str, asked: Names, given: Collection[str]) -> frozenset[str]:
    wanted = {name for names in asked.values() for of, name in names if of == kind} - {PROFILE}
    wanted -= set(given) if kind == "trait" else set()
    for relation in (kind, "computed_trait") if kind == "trait" else (kind,):
        if wanted and warehouse.has(relation):
            names = warehouse.table(relation)[_COLUMNS[kind]]
            found = names.as_table().filter(names.isin(sorted(wanted))).distinct()
            wanted -= {row[_COLUMNS[kind]] for row in warehouse.read(found).to_pylist()}
    return frozenset(wanted)


def _known(warehouse: Warehouse, kind: str, given: Collection[str]) -> Mapping[str, int]:
    known = names_of(warehouse, kind)
    if kind == "identifier":
        return dict.fromkeys((*IDENTIFIERS, PROFILE), 0) | known
    if kind == "trait":
        worked_out = names_of(warehouse, "computed_trait") if warehouse.has("computed_trait") else {}
        return known | dict.fromkeys(given, 0) | worked_out
    return known


def _meant(kind: str, name: str, known: Mapping[str, int], others: Collection[str]) -> str:
    near = nearest(name, others)
    if near is None:
        return ""
    one, several = _HAS[kind]
    number = (one if known[near] == 1 else several.format(known[near])) if known[near] else ""
    return f"Did you mean `{near}`? {number}".rstrip()


# What events do not have


def unknown_properties(warehouse: Warehouse, definitions: Iterable[d.Definition]) -> Iterator[str]:
    """Properties and sources that audiences compare, and that no event has."""
    for one in definitions:
        events = [condition for condition in d.every(one.who) if isinstance(condition, d.Event)]
        yield from _unknown(warehouse, one.key, [event.step for event in events], _measured(events))


def unknown_properties_of_traits(warehouse: Warehouse, traits: Iterable[TraitDefinition]) -> Iterator[str]:
    """The same of what traits are made of."""
    for one in traits:
        if isinstance(one, ComputedTrait):
            taken = [(one.step, one.path), *([(one.less.step, one.less.path)] if one.less else [])]
            read = [(step.event, path) for step, path in taken if path]
            yield from _unknown(warehouse, one.key, [step for step, _ in taken], read)


def _measured(events: Iterable[d.Event]) -> list[tuple[str, str]]:
    return [(event.step.event, event.measure.property) for event in events if isinstance(event.measure, d.Aggregate)]


def _unknown(
    warehouse: Warehouse, key: str, steps: Iterable[d.Step], measured: Iterable[tuple[str, str]]
) -> Iterator[str]:
    every = [each for step in steps for each in d.steps(step)]
    asked: dict[str, set[str]] = defaultdict(set)
    for event, path in (*measured, *(pair for step in every for pair in _read_by(step))):
        asked[event].add(path)
    for event in sorted(asked):
        for told in _not_in(warehouse, event, sorted(asked[event])):
            yield f"{key}: {told}"
    sources = {str(value) for step in every if step.source is not None for value in _whole(step.source)}
    if sources:
        rows = warehouse.read(warehouse.table("event").select("source").distinct()).to_pylist()
        known = {row["source"] for row in rows if row["source"] is not None}
        for source in sorted(sources - known) if known else ():
            hint = did_you_mean(source, known)
            yield f"{key}: no event comes from the source `{source}`. {hint}".rstrip()


def _read_by(step: d.Step) -> Iterator[tuple[str, str]]:
    """(event, property) that a step and the steps after it compare."""
    for test in d.property_tests(step.where):
        yield step.event, test.path
    for then in d.nexts(step.where):
        for test in d.property_tests(then.step.where):
            if isinstance(test.test, d.Like) and test.test.reference.of == "parent":
                yield step.event, test.test.reference.path


def _whole(test: d.Matches) -> tuple[d.Scalar, ...]:
    """Values that are compared as they stand."""
    return test.values if test.comparator in {"equals", "not_equals", "one_of", "none_of"} else ()


def _not_in(warehouse: Warehouse, event: str, paths: Sequence[str]) -> Iterator[str]:
    every = warehouse.table("event")
    newest = every.filter(every.event == event).order_by(every["at"].desc()).limit(NEWEST).select("properties")
    counted = {
        f"has_{n}": newest.count(where=property_value(newest, path).present.fill_null(False))
        for n, path in enumerate(paths)
    }
    (row,) = warehouse.read(newest.aggregate(seen=newest.count(), **counted)).to_pylist()
    missing = [path for n, path in enumerate(paths) if row["seen"] and not row[f"has_{n}"]]
    known = _paths_in(warehouse, newest) if missing else frozenset()
    for path in missing:
        if _anywhere(path) not in known:
            whose = f"no `{event}` has" if row["seen"] < NEWEST else f"none of the last {NEWEST:,} `{event}` has"
            yield f"{whose} a property `{path}`. {_meant_path(path, known)}".rstrip()


def _paths_in(warehouse: Warehouse, events: Any) -> frozenset[str]:
    """The properties of some events, places in lists as `$`."""
    some = warehouse.read(events.filter(events.properties.notnull()).limit(_FEW)).to_pylist()
    return frozenset(path for row in some for path in _paths(orjson.loads(row["properties"]), ()))


def _paths(value: object, way: tuple[str, ...]) -> Iterator[str]:
    if way:
        yield ".".join(part.replace(".", "\\.") for part in way)
    if len(way) < _DEEPEST:
        if isinstance(value, dict):
            for name, part in value.items():
                yield from _paths(part, (*way, name))
        elif isinstance(value, list):
            for part in value[:_LONGEST]:
                yield from _paths(part, (*way, EACH))


def _anywhere(path: str) -> str:
    return ".".join(EACH if part.isdecimal() else part.replace(".", "\\.") for part in split_path(path))


def _meant_path(path: str, known: frozenset[str]) -> str:
    """The nearest property; what stands in brackets elsewhere is a place in a list here."""
    ours = _BRACKETS.sub(lambda found: f".{found[1] if found[1].isdecimal() else EACH}", path)
    if ours != path and _anywhere(ours) in known:
        return f"Did you mean `{ours}`?"
    return did_you_mean(ours, known)


# Dates that cannot be read


def unread_dates(warehouse: Warehouse, trait: Any, definitions: Iterable[d.Definition]) -> Iterator[str]:
    """Traits of which audiences ask for dates, and how many people have something else there; by relation `trait`."""
    asked = {one.key: sorted(set(_dated(one.who))) for one in definitions}
    wanted = sorted({name for names in asked.values() for name in names})
    if not wanted:
        return
    held = trait.filter(trait.key.isin(wanted), trait.value.notnull())
    held = held.filter(~is_date(trait_value(held.value, held.number)).fill_null(False))
    lines = warehouse.read(held.group_by("key").aggregate(people=held.profile_id.nunique())).to_pylist()
    people = {line["key"]: line["people"] for line in lines}
    for key, names in asked.items():
        for name in (name for name in names if name in people):
            whose = f"{counted(people[name], 'person')} {'has' if people[name] == 1 else 'have'}"
            yield f"{key}: {whose} a `{name}` that is no date, so no test of it is true. Dates are written as 2023-12-31."


def _dated(who: d.Condition) -> Iterator[str]:
    """The traits of which a date is asked."""
    for condition in d.every(who):
        if isinstance(condition, d.Trait) and isinstance(condition.test, d.Moment | d.Relative):
            yield condition.trait


# Comparators in quotes


def quoted_comparators(definitions: Iterable[d.Definition]) -> Iterator[str]:
    """Texts that values are compared with, and that begin with a sign, such as `> 80`."""
    for one in definitions:
        for condition in d.every(one.who):
            match condition:
                case d.Trait(trait=trait, test=test):
                    yield from _quoted(one.key, trait, test)
                case d.Event(step=step, measure=measure):
                    yield from _quoted_in(one.key, step)
                    if isinstance(measure, d.Aggregate):
                        yield from _quoted(one.key, measure.property, measure.test)


def quoted_comparators_of_traits(traits: Iterable[TraitDefinition]) -> Iterator[str]:
    """The same in what traits are made of."""
    for one in traits:
        if isinstance(one, ComputedTrait):
            for step in (one.step, *([one.less.step] if one.less else [])):
                yield from _quoted_in(one.key, step)


def _quoted_in(key: str, step: d.Step) -> Iterator[str]:
    for each in d.steps(step):
        for test in d.property_tests(each.where):
            yield from _quoted(key, test.path, test.test)


def _quoted(key: str, name: str, test: d.Test | d.Like) -> Iterator[str]:
    for value in test.values if isinstance(test, d.Matches) else ():
        found = _SIGN.fullmatch(value) if isinstance(value, str) else None
        if found is not None:
            meant = f"Did you mean `{OTHER_NAMES[found[1]]}: {found[2]}`?"
            yield f"{key}: `{name}` is compared with the text `{value}`, sign and all. {meant}"
