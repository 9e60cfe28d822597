"""What other rules of identity would do, worked out on a copy of the warehouse; the space stays as it is."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import ibis
from filelock import FileLock, Timeout

from guestlist import asking, pipeline
from guestlist.audiences.definition import Definition
from guestlist.audiences.evaluate import members
from guestlist.audiences.traits.document import read_folder as read_traits
from guestlist.errors import GuestlistError
from guestlist.profiles.rules import IdentityRules
from guestlist.space import Space, make_private
from guestlist.store import Table, Warehouse

_TRIAL = "trial"


@dataclass(frozen=True, kw_only=True)
class AudienceChange:
    """Of one audience: how many people are in, and how many would come and go.

    `joined`: by how many there would be fewer because members are one person then; so
    after = before + entering - leaving - joined.
    """

    key: str
    before: int
    after: int
    entering: int
    leaving: int
    joined: int


@dataclass(frozen=True, kw_only=True)
class Difference:
    """`merged`: people of today who would be one with others, as `merged_into` people. `split`: who would be several.

    `split_off`: who comes of them beside themselves; `vanishing`: of whom nothing would count; `appearing`: of whom
    nothing counts today. So after = before - merged + merged_into + split_off - vanishing + appearing.
    """

    before: int
    after: int
    merged: int
    merged_into: int
    split: int
    split_off: int
    vanishing: int
    appearing: int
    audiences: tuple[AudienceChange, ...]


def difference(
    space: Space,
    people: Callable[[], AbstractContextManager[Warehouse]],
    rules: IdentityRules,
    definitions: Sequence[Definition],
    *,
    at: datetime,
) -> Difference:
    """Resolve a copy by these rules and compare. `people`: opens what is copied, to be read only."""
    with _copy(space, people) as warehouse:
        _keep_members(warehouse, definitions, space, at, "before")
        warehouse.replace("trial_identifier", _before(warehouse))
        unified = space.settings.traits.unify_spellings
        pipeline.resolve(warehouse, rules, fingerprint=_TRIAL, unify_spellings=unified)
        _keep_members(warehouse, definitions, space, at, "after")
        return Difference(**_people(warehouse), audiences=tuple(_changes(warehouse, one.key) for one in definitions))


@contextmanager
def _copy(space: Space, people: Callable[[], AbstractContextManager[Warehouse]]) -> Iterator[Warehouse]:
    """Relation by relation, as another thread may be writing to the file."""
    folder = make_private(space.private) / _TRIAL
    with _alone(space):
        shutil.rmtree(folder, ignore_errors=True)  # what a process left that ended on its way
        make_private(folder)
        try:
            limit = space.settings.memory_limit
            with Warehouse(folder / "warehouse.duckdb", memory_limit=limit, spill=folder / "spill") as trial:
                with people() as warehouse:
                    warehouse.copy_to(trial)
                yield trial
        finally:
            shutil.rmtree(folder)


@contextmanager
def _alone(space: Space) -> Iterator[None]:
    """One copy at a time: each takes as much room as the data."""
    lock = FileLock(space.private / f"{_TRIAL}.lock", mode=0o600)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise GuestlistError(
            "space_busy",
            "Other rules are being tried already.",
            nothing_lost="Nothing was changed.",
            next_step="Try again in a minute.",
        ) from None
    try:
        yield
    finally:
        lock.release()


def _keep_members(
    warehouse: Warehouse, definitions: Sequence[Definition], space: Space, at: datetime, when: str
) -> None:
    with warehouse.transaction():
        question = asking.question(space, warehouse, definitions, read_traits(space.traits), at=at)
        for definition in definitions:
            found = members(definition, question, definitions)
            warehouse.replace(_name(definition.key, when), found.select("profile_id"))


def _name(key: str, when: str) -> str:
    return f"trial_{when}_{key}"


def _before(warehouse: Warehouse) -> Table:
    return warehouse.table("identifier").select("type", "value", "profile_id", "first_seen")


def _people(warehouse: Warehouse) -> dict[str, int]:
    old = warehouse.table("trial_identifier")
    new = warehouse.table("identifier").select("type", "value", new="profile_id")
    whose = warehouse.materialise("trial_whose", old.join(new, ["type", "value"]))
    then = warehouse.materialise("trial_then", _then(old, whose, warehouse.table("alias")))
    pair = whose.select("profile_id", "new").distinct()
    joined = then.group_by("new").aggregate(n=then.count()).filter(lambda t: t.n > 1)
    parted = pair.group_by("profile_id").aggregate(n=pair.count()).filter(lambda t: t.n > 1)
    people, anew = new.select("new").distinct(), new.select("new").distinct().anti_join(then, "new")
    return {
        "before": _number(warehouse, old.select("profile_id").distinct()),
        "after": _number(warehouse, people),
        "merged": _number(warehouse, then.semi_join(joined, "new")),
        "merged_into": _number(warehouse, joined),
        "split": _number(warehouse, parted),
        "split_off": _number(warehouse, anew.semi_join(whose, "new")),
        "vanishing": _number(warehouse, old.select("profile_id").distinct().anti_join(then, "profile_id")),
        "appearing": _number(warehouse, anew.anti_join(whose, "new")),
    }


def _then(old: Table, whose: Table, alias: Table) -> Table:
    """(profile_id, new): who each person of today would be, so everybody of whom anything counts is somebody.

    That is whoever has their oldest identifier then, or else the oldest of those that count then.
    """
    at_home = old.select("profile_id").distinct().join(alias, "profile_id").select("profile_id", new="survivor")
    left = whose.anti_join(at_home, "profile_id")
    place = ibis.row_number().over(group_by=left.profile_id, order_by=[left.first_seen, left.type, left.value])
    return at_home.union(left.mutate(place=place).filter(lambda t: t.place == 0).select("profile_id", "new"))


def _changes(warehouse: Warehouse, key: str) -> AudienceChange:
    """Somebody of today stays in if the person who they would be is in."""
    before, after = (warehouse.table(_name(key, when)) for when in ("before", "after"))
    then = warehouse.table("trial_then").semi_join(before, "profile_id")
    staying = then.semi_join(after.select(new="profile_id"), "new")
    stay, as_people = _number(warehouse, staying), _number(warehouse, staying.select("new").distinct())
    inside, now_in = _number(warehouse, before), _number(warehouse, after)
    return AudienceChange(
        key=key,
        before=inside,
        after=now_in,
        entering=now_in - as_people,
        leaving=inside - stay,
        joined=stay - as_people,
    )


def _number(warehouse: Warehouse, lines: Any) -> int:
    return int(warehouse.read(lines.count()).as_py())
