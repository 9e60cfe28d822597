"""Audiences at Meta emptied or deleted on request, and kept so: nobody is put back until somebody says so.

Emptying is a sync like any other, of an audience that nobody is in: intents first, removals in batches, in doubt what
was not answered, and again after the delays of Meta's pipeline. So it can be interrupted at any point and asked again.
"""

from contextlib import suppress
from dataclasses import dataclass, replace

from guestlist.connected.at_meta import kept_there
from guestlist.destinations.meta.account import Upkeep
from guestlist.destinations.meta.client import MetaError
from guestlist.destinations.meta.deliver import Report, State
from guestlist.destinations.meta.plan import Scope
from guestlist.destinations.meta.sweep import forget_sync
from guestlist.destinations.settings import read_destination
from guestlist.errors import GuestlistError
from guestlist.space import Space
from guestlist.store.journal import Journal
from guestlist.store.journal_keeping import Timing
from guestlist.store.journal_tables import Sync
from guestlist.syncing import Bound, Syncing

_NOBODY = ""
"""No audience has this key, so nobody is a member of it."""


@dataclass(frozen=True, kw_only=True)
class Stake:
    """What would go: the audience, and how many people it has from us. An adopted one may have others' people too."""

    sync: str
    audience: str
    name: str
    people: int
    adopted: bool


def stake(journal: Journal, key: str) -> Stake:
    """What emptying or deleting would take."""
    sync = kept_there(journal, key)
    return Stake(
        sync=sync.key,
        audience=str(sync.remote_id),
        name=sync.remote_name or sync.audience,
        people=sync.people_sent,
        adopted=sync.adopted,
    )


def empty(syncing: Syncing, key: str, *, actor: str) -> Report:
    """Take out everybody whom Meta has from us, and keep it so. The caller has asked a person."""
    with suppress(GuestlistError):  # a mistake in a file says nothing about who is to go
        syncing.read_again()
    syncing.keep_definitions()
    bound = _bound(syncing, kept_there(syncing.records.journal, key))
    # Before anything is sent: from here on no run puts anybody in, whatever becomes of this one.
    order(syncing.space, syncing.records.journal, key, actor=actor, now=syncing.now)
    return keep_empty(syncing, bound)


def order(space: Space, journal: Journal, key: str, *, actor: str, now: int) -> None:
    """Put on record that nobody is to be in it: whoever runs the sync next takes everybody out.

    Refused where its destination cannot be used, as nobody could do it.
    """
    sync = kept_there(journal, key)
    read_destination(space.settings, sync.destination)
    journal.empty_sync(sync.key, now=now)
    counts = {"people": sync.people_sent}
    journal.audit(actor=actor, action="audience emptied", about=sync.key, counts=counts, now=now)


def keep_empty(syncing: Syncing, bound: Bound) -> Report:
    """Send what removals are due of an audience that is to be empty. The yes to emptying it covers all of them."""
    nobody = replace(
        bound,
        definition=replace(bound.definition, key=_NOBODY),
        wish=replace(bound.wish, rename="keep", groups=()),
    )
    report = syncing.sync(nobody, scope=Scope.MIRROR)
    if report.state is State.HELD and report.held is not None:
        syncing.records.journal.confirm(report.held, now=syncing.now)
        report = syncing.sync(nobody, scope=Scope.MIRROR)
    return report


def delete(syncing: Syncing, key: str, *, actor: str) -> Stake:
    """Delete the audience at Meta; its sync is paused, and makes a new one once it is resumed."""
    journal, gone = syncing.records.journal, stake(syncing.records.journal, key)
    sync = kept_there(journal, key)
    client = syncing.connections.client(sync.destination)
    keeper = Upkeep(journal=journal, client=client, clock=syncing.clock)
    if not keeper.is_gone(sync):
        try:
            client.delete_audience(gone.audience)
        except MetaError:
            # The answer may be lost, and the audience with it.
            if not keeper.is_gone(sync):
                raise
    # The ledger first: rows that it believed at Meta would never be sent to the audience made next.
    forget_sync(syncing.ledger, sync.key)
    keeper.forget(
        replace(
            sync,
            paused=True,
            people_sent=0,
            right_at=None,
            removals_due=0,
            size_lower=None,
            size_upper=None,
            size_of=None,
        )
    )
    journal.pause_sync(replace(sync, paused_until=None))
    stopped = journal.timings().get(sync.key)
    if stopped is not None:  # what stopped it was about the audience that is gone
        journal.save_timing(Timing(sync=sync.key, at=stopped.at, ran=stopped.ran))
    counts = {"people": gone.people}
    journal.audit(actor=actor, action="audience deleted", about=sync.key, counts=counts, now=syncing.now)
    return gone


def _bound(syncing: Syncing, sync: Sync) -> Bound:
    """As the files say, or as it was where they no longer name it."""
    wished = syncing.wished().get(sync.key)
    return syncing.bind_kept(sync) if wished is None else syncing.bind(*wished)
