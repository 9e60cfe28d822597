"""Which sources an audience depends on, and what that means while one of them was not loaded.

Whatever cannot be told from a definition counts as depending: to hold an addition back for an hour costs little, to add
somebody who had left costs more.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from guestlist.asking import together
from guestlist.audiences.definition import Definition, Event, asked_lists, asked_traits, every, steps
from guestlist.audiences.traits.definition import TraitDefinition
from guestlist.audiences.traits.working import needed
from guestlist.destinations.meta.plan import Scope
from guestlist.errors import GuestlistError
from guestlist.loads.loading import GOOD, scheduled_sources
from guestlist.sources.pulled import Pulled
from guestlist.sources.pulling import End
from guestlist.space import Space
from guestlist.store.journal_pulls import Pull

_SAFE = "Who leaves is removed as ever, and the rest is added after the next good load."
_IDS = frozenset({"email", "phone", "userid", "anonymousid"})


def depends_on(
    space: Space, definition: Definition, others: Iterable[Definition], traits: Sequence[TraitDefinition]
) -> frozenset[str]:
    """The names of the sources, those with a mistake in their entry among them."""
    found, wrong = scheduled_sources(space)
    if not found and not wrong:
        return frozenset()
    asked = _asked(together(others, definition), traits)
    return frozenset([*wrong, *(one.name for one in found if asked.anything or asked.reads(one.source))])


class _Asked:
    """What audiences ask of people: traits and events by name, or anything at all."""

    def __init__(self) -> None:
        self.traits: set[str] = set()
        self.events: set[str] = set()
        self.anything = False

    def reads(self, source: Pulled) -> bool:
        mapping = source.mapping
        if mapping.reading == "events":
            return bool(self.events) and (mapping.event is None or mapping.event in self.events)
        told = {_plain(key) for key in mapping.facts().values()} | _IDS
        return bool({_plain(key) for key in self.traits} & told)


def _asked(definitions: Iterable[Definition], traits: Sequence[TraitDefinition]) -> _Asked:
    found = _Asked()
    for one in definitions:
        keys = asked_traits(one.who)
        found.traits |= keys
        found.anything |= any(each.query for each in asked_lists(one.who))
        # Of what a trait is worked out, its own definition says in many ways.
        found.anything |= bool(needed(traits, keys))
        found.events |= {step.event for each in every(one.who) if isinstance(each, Event) for step in steps(each.step)}
    return found


def _plain(key: str) -> str:
    return "".join(letter for letter in key.partition(".")[0].lower() if letter.isalnum())


def held_back(depends: Iterable[str], pulls: Mapping[str, Pull]) -> GuestlistError | None:
    """Why nobody new may be taken in: a source was never loaded, or its last load was not applied."""
    for name in sorted(depends):
        pull = pulls.get(name) or Pull(source=name, at=0)
        if pull.state in GOOD:
            continue
        why = pull.happened if pull.state else f"The source {name} was not loaded yet."
        happened = f"Nobody new is taken in, as this depends on the source {name}. {why}"
        step = pull.next_step or f"Load it: guestlist sources load {name}"
        if pull.state in {End.EMPTY.value, End.SHRUNK.value}:
            return GuestlistError("source_refused", happened, nothing_lost=_SAFE, next_step=step)
        return GuestlistError("source_not_loaded", happened, nothing_lost=_SAFE, next_step=step)
    return None


def narrowed(mode: str) -> Scope:
    """What may still move: people who leave; where nobody ever does, only who must never be sent."""
    return Scope.HELD if mode == "add_only" else Scope.STALE


def source_settings(space: Space, depends: Iterable[str]) -> dict[str, str]:
    """What a person can change in sources, by their names."""
    found, _ = scheduled_sources(space)
    return {one.name: one.source.digest for one in found if one.name in set(depends)}


def digests(facts: Mapping[str, Any]) -> dict[str, str]:
    """Short names of facts, that differ when the facts do."""
    return {name: hashlib.sha256(orjson.dumps(fact)).hexdigest()[:16] for name, fact in facts.items()}
