"""An identifier taken off the profile that it joined by mistake, and let join again."""

from dataclasses import dataclass
from datetime import datetime

from guestlist.clock import microseconds
from guestlist.errors import WrongUseError
from guestlist.profiles.do_not_send import identifier_token
from guestlist.profiles.erasure import earlier_ids
from guestlist.profiles.nodes import own_id_of
from guestlist.records import Records, find_people, salt_of
from guestlist.space import Space
from guestlist.store import Warehouse
from guestlist.store.journal_splits import Split


@dataclass(frozen=True, kw_only=True)
class Splitting:
    """What was done. `changed`: it was not so before; `split_off`: how many identifiers stand alone now."""

    changed: bool
    split_off: int


def split_off(
    space: Space,
    warehouse: Warehouse,
    records: Records,
    *,
    kind: str,
    value: str,
    profile_id: str,
    now: datetime,
    actor: str = "command line",
) -> Splitting:
    """Take it, its value in normal form, off the profile that it stands in."""
    split = Split(
        token=identifier_token(records.pepper, kind, value),
        kind=kind,
        split_at=microseconds(now),
        own_id=own_id_of(salt_of(records), kind, value),
    )
    changed = records.journal.split(split, earlier_ids(warehouse, [profile_id]))
    return _done(space, warehouse, records, "identifier split off" if changed else None, kind, now, actor)


def undo_split(
    space: Space,
    warehouse: Warehouse,
    records: Records,
    *,
    kind: str,
    value: str,
    now: datetime,
    actor: str = "command line",
) -> Splitting:
    """Let it join whom its messages join it to; it is sent for them again."""
    if not records.journal.undo_split(identifier_token(records.pepper, kind, value)):
        raise WrongUseError(
            "not_split",
            f"This {kind} was never split off.",
            nothing_lost="Nothing was changed.",
            next_step="Check the value.",
        )
    return _done(space, warehouse, records, "split undone", kind, now, actor)


def _done(
    space: Space, warehouse: Warehouse, records: Records, action: str | None, kind: str, now: datetime, actor: str
) -> Splitting:
    if action is not None:
        records.journal.audit(actor=actor, action=action, about=kind, counts={"identifiers": 1}, now=microseconds(now))
    # Also when it was recorded before: the process that did so may have ended before people were found anew.
    find_people(space, warehouse, records)
    return Splitting(changed=action is not None, split_off=len(records.journal.splits()))
