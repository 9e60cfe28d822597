"""What other rules of identity would do, worked out on a copy of the warehouse; the space stays as it is."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from filelock import FileLock, Timeout

from guestlist import asking, pipeline
from guestlist.audiences.definition import Definition
from guestlist.audiences.evaluate import members
from guestlist.audiences.traits.document import read_folder as read_traits
from guestlist.errors import GuestlistError
from guestlist.profiles.rules import IdentityRules
from guestlist.space import Space, make_private
from guestlist.store import Warehouse

_TRIAL = "trial"


@dataclass(frozen=True, kw_only=True)
class AudienceChange:
    """Of one audience: how many people are in, and how many would come and go."""

    key: str
    before: int
    after: int
    entering: int
    leaving: int


@dataclass(frozen=True, kw_only=True)
class Difference:
    """`merged`: people of today who would become one with others; `split`: people who would become several."""

    before: int
    after: int
    merged: int
    split: int
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
        warehouse.replace("trial_identifier", warehouse.table("identifier").select("type", "value", "profile_id"))
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


def _people(warehouse: Warehouse) -> dict[str, int]:
    old = warehouse.table("trial_identifier").select("type", "value", old="profile_id")
    new = warehouse.table("identifier").select("type", "value", new="profile_id")
    pair = warehouse.materialise("trial_pair", old.join(new, ["type", "value"]).select("old", "new").distinct())
    joined = pair.group_by("new").having(pair.count() > 1).aggregate(n=pair.count())
    parted = pair.group_by("old").having(pair.count() > 1).aggregate(n=pair.count())
    return {
        "before": _number(warehouse, old.select("old").distinct()),
        "after": _number(warehouse, new.select("new").distinct()),
        "merged": _number(warehouse, pair.semi_join(joined, "new").select("old").distinct()),
        "split": _number(warehouse, parted),
    }


def _changes(warehouse: Warehouse, key: str) -> AudienceChange:
    """Somebody of today stays in if the person who has the oldest identifier then is in."""
    before, after = (warehouse.table(_name(key, when)) for when in ("before", "after"))
    alias = warehouse.table("alias")
    told = before.left_join(alias, "profile_id")
    # Who has no identifier any more that counts is nobody, and leaves.
    there = told.select(profile_id=told.survivor.fill_null(told.profile_id)).distinct()
    return AudienceChange(
        key=key,
        before=_number(warehouse, before),
        after=_number(warehouse, after),
        entering=_number(warehouse, after.anti_join(there, "profile_id")),
        leaving=_number(warehouse, there.anti_join(after, "profile_id")),
    )


def _number(warehouse: Warehouse, lines: Any) -> int:
    return int(warehouse.read(lines.count()).as_py())
