"""All traits that are worked out, as of one instant: written down where something changed, or only for a question."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

import ibis
import ibis.expr.types as ir

from guestlist.audiences.evaluate import relations
from guestlist.audiences.question import Question
from guestlist.audiences.traits import keeping
from guestlist.audiences.traits.computing import computed
from guestlist.audiences.traits.definition import (
    COMPUTED,
    SQL,
    ComputedTrait,
    SqlTrait,
    TraitDefinition,
    compared_with,
)
from guestlist.audiences.traits.querying import Answer, FindPeople, values
from guestlist.errors import GuestlistError

Ask = Callable[[Question, SqlTrait], Answer]
"""Run the query of a trait over what a question is asked of."""


@dataclass(frozen=True, kw_only=True)
class Ways:
    """What working out needs of others: queries run, and identifiers brought to people."""

    ask: Ask
    find_people: FindPeople


def needed(traits: Iterable[TraitDefinition], keys: Iterable[str]) -> tuple[TraitDefinition, ...]:
    """Those traits that give these keys, and all that they are made from."""
    every = tuple(traits)
    wanted = set(keys)
    if any(isinstance(one, SqlTrait) and wanted & set(one.keys) for one in every):
        # What a query reads of traits is not known.
        wanted |= {one.key for one in every if isinstance(one, ComputedTrait)}
    while more := {
        key
        for one in every
        if isinstance(one, ComputedTrait) and one.key in wanted
        for key in compared_with(one) - wanted
    }:
        wanted |= more
    return tuple(one for one in every if wanted & set(one.keys))


def keep_traits(
    warehouse: keeping.Warehouse, traits: Sequence[TraitDefinition], at: datetime, zone: ZoneInfo, ways: Ways
) -> Mapping[str, GuestlistError]:
    """Bring relation `computed_trait` up to `at`. A query that fails leaves its values: gives why, by key of the trait."""
    warehouse.create(keeping.NAME, keeping.COMPUTED_TRAIT)
    keeping.keep_only(warehouse, [key for trait in traits for key in trait.keys])
    keeping.forget_dropped(warehouse, [trait.key for trait in _asked(traits)])

    def question() -> Question:
        return Question(relations=relations(warehouse), as_of=at, zone=zone)

    for trait, found in computed(_computed(traits), question, warehouse.materialise):
        keeping.keep(warehouse, trait.key, found, source=COMPUTED, at=at)
    failed: dict[str, GuestlistError] = {}
    for query in _asked(traits):
        try:
            answer = ways.ask(question(), query)
            for key, found in values(query, answer.rows, ways.find_people):
                keeping.keep(warehouse, key, found, source=SQL, at=at)
            keeping.note_dropped(warehouse, query.key, answer.dropped)
        except GuestlistError as error:
            failed |= dict.fromkeys(query.keys, error)
    return failed


def with_traits(
    warehouse: keeping.Warehouse, traits: Sequence[TraitDefinition], question: Question, ways: Ways
) -> Question:
    """The same question, its people with these traits as they are as of it; nothing is written that lasts."""
    kept = warehouse.table(keeping.NAME) if warehouse.has(keeping.NAME) else None
    done: list[ir.Table] = []

    def so_far() -> Question:
        if not done:
            return question
        keys = [key for trait in traits for key in trait.keys]
        trait = keeping.beside(question.relations.trait, ibis.union(*done), keys)
        return replace(question, relations=replace(question.relations, trait=trait))

    for number, (key, source, found) in enumerate(_worked_out(traits, so_far, warehouse, ways)):
        fresh = keeping.dated(found, key, source=source, at=question.as_of)
        told = fresh if kept is None else keeping.since(fresh, keeping.of_key(kept, key), question.as_of)
        done.append(warehouse.materialise(f"trait_as_of_{number}", told))
    return so_far()


def _worked_out(
    traits: Sequence[TraitDefinition], question: Callable[[], Question], warehouse: keeping.Warehouse, ways: Ways
) -> Iterator[tuple[str, str, ir.Table]]:
    for trait, found in computed(_computed(traits), question, warehouse.materialise):
        yield trait.key, COMPUTED, found
    for query in _asked(traits):
        for key, found in values(query, ways.ask(question(), query).rows, ways.find_people):
            yield key, SQL, found


def _computed(traits: Iterable[TraitDefinition]) -> list[ComputedTrait]:
    return [trait for trait in traits if isinstance(trait, ComputedTrait)]


def _asked(traits: Iterable[TraitDefinition]) -> list[SqlTrait]:
    return sorted((trait for trait in traits if isinstance(trait, SqlTrait)), key=lambda trait: trait.key)
