"""Who of an audience can be sent, before anything is planned."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from guestlist.audiences.definition import Definition, Sync
from guestlist.destinations.meta.schemas import RELATIONS
from guestlist.destinations.settings import DestinationSettings
from guestlist.operations.desk import Desk
from guestlist.operations.questions import read_one
from guestlist.operations.standing import expected_size
from guestlist.space import make_private
from guestlist.store.ledger import Ledger
from guestlist.syncing import LEDGER_FILE, Bound, Syncing
from guestlist.telling.answer import Value

_UNCONNECTED = "unconnected"


class Sending(Value):
    """Of one sync: how many can be sent, who cannot and why, and what size that should come to at Meta.

    `not_chosen`: members of groups that it does not send, such as `holdout`.
    """

    sync: str
    people: int
    cannot: dict[str, int]
    not_chosen: dict[str, int]
    expected_at_meta: int | None


class Sendable(Value):
    """How many a destination with the usual settings could be sent, who cannot and why; the hold-out is `not_chosen`."""

    people: int
    cannot: dict[str, int]
    not_chosen: dict[str, int]


def sending(desk: Desk, key: str) -> tuple[tuple[Sending, ...], Sendable | None]:
    """What would become of the people at each destination that is connected, or else at one as is usual."""
    definitions, one = read_one(desk.space, key)
    connected = [sync for sync in one.syncs if sync.to in desk.space.settings.destinations]
    with desk.stores() as syncing:
        if not connected:
            return (), _sendable(syncing, one, definitions)
        bounds = [syncing.bind(one, sync) for sync in connected]
        known = syncing.records.journal.syncs()
        reached = [(bound, syncing.reach(bound, definitions)) for bound in bounds]
        return tuple(
            Sending(
                sync=bound.key,
                people=wanted.people,
                cannot=dict(wanted.cannot),
                not_chosen=dict(not_chosen),
                expected_at_meta=expected_size(known, bound.wish.to, wanted.people),
            )
            for bound, (wanted, not_chosen) in reached
        ), None


def _sendable(syncing: Syncing, one: Definition, definitions: Sequence[Definition]) -> Sendable:
    with _unconnected(syncing, one) as (at_usual, bound):
        wanted, not_chosen = at_usual.reach(bound, definitions)
        return Sendable(people=wanted.people, cannot=dict(wanted.cannot), not_chosen=dict(not_chosen))


@contextmanager
def _unconnected(syncing: Syncing, definition: Definition) -> Iterator[tuple[Syncing, Bound]]:
    """An audience as if it went to a destination with the usual settings; what is made for that ends with it."""
    place = syncing.space.private / _UNCONNECTED
    shutil.rmtree(place, ignore_errors=True)  # what a process left that ended on its way
    usual = DestinationSettings(account="act_0")
    bound = Bound(key=definition.key, definition=definition, wish=Sync(to=_UNCONNECTED), destination=usual)
    try:
        with Ledger(make_private(place) / LEDGER_FILE, RELATIONS) as ledger:
            yield replace(syncing, ledger=ledger), bound
    finally:
        shutil.rmtree(place)
