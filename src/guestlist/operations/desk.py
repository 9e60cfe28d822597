"""Where an operation is done: the space and its stores, as far as they are at hand."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Protocol, Self

from guestlist.backups.backing_up import note_since
from guestlist.clock import Clock, microseconds
from guestlist.connected.connections import clock_of
from guestlist.erasures.erasing import carry_out
from guestlist.errors import IN_USE, GuestlistError
from guestlist.operations.operation import Role, Scope
from guestlist.records import Records, find_people, open_records, rules_changed
from guestlist.space import Space
from guestlist.store import Warehouse
from guestlist.store.ledger import Ledger
from guestlist.syncing import LEDGER_FILE, Syncing, open_ledger, open_to_sync
from guestlist.telling.people import NO_DATA, known_people


class KeeperTold(Protocol):
    """What a keeper is told."""

    @property
    def asked(self) -> frozenset[str]:
        """The syncs that were told to run and have not begun."""

    @property
    def running(self) -> str | None:
        """The sync that is running."""

    @property
    def keeps(self) -> bool:
        """Whether it has the space, and does not wait until another process lets go of it."""

    def run_now(self, key: str, *, full: bool = False) -> None:
        """Run a sync at the next opportunity."""

    def quota(self, destination: str) -> float | None:
        """Percent of its calls that the ad account has used up, as Meta said last; None where it said nothing yet."""

    def cancel(self, key: str) -> bool:
        """End a sync after its request in flight; False where it was not running."""


class Desk(ABC):
    """One operation's view of a space. `actor`: who is asking, for the record. `scopes`: what that one may do."""

    actor: str
    scopes: frozenset[Scope] = Role.ADMIN.scopes

    @property
    @abstractmethod
    def space(self) -> Space:
        """The space, by its files as they are now."""

    @property
    @abstractmethod
    def records(self) -> Records:
        """Journal and vault."""

    @property
    def clock(self) -> Clock:
        """The clock that the space goes by."""
        return clock_of(self.space)

    @property
    def now(self) -> int:
        """Microseconds since 1970."""
        return microseconds(self.clock.now())

    @abstractmethod
    def people(self) -> AbstractContextManager[Warehouse]:
        """The warehouse, to be read only, with people by the rules of now; an error where nobody is known yet."""

    @abstractmethod
    def ledger(self) -> AbstractContextManager[Ledger | None]:
        """What Meta has from us, to be read only; None while nothing was ever sent, or where it cannot be known now."""

    @abstractmethod
    def stores(self) -> AbstractContextManager[Syncing]:
        """All stores, to be written to; nobody else works in the space meanwhile."""

    @property
    def keeper(self) -> "KeeperTold | None":
        """Who keeps the space right on time, to be told what to do; None where this process does not."""
        return None

    @abstractmethod
    def obey(self) -> tuple[GuestlistError, ...] | None:
        """Do at once what the do-not-send list and erasures ask for; gives what stands in the way of removals at Meta.

        None where another has the stores, who finds what was asked in the records before its next batch.
        """

    @abstractmethod
    def came_in(self, messages: int) -> None:
        """Tell whoever keeps the space right that so many messages came in, with the stores still at hand."""

    def without_stores(self, error: GuestlistError) -> None:
        """Go on without the stores; raises what stands in the way where that is more than no data or another process."""
        if error.code not in {NO_DATA, IN_USE}:
            raise error

    def audit(self, action: str, about: str, **counts: int) -> None:
        """Record that something was changed, by whom."""
        self.records.journal.audit(actor=self.actor, action=action, about=about, counts=counts, now=self.now)


class OnDisk(Desk):
    """The desk of a command, in a space that it opens itself."""

    def __init__(self, space: Space, actor: str = "command line", *, served: bool = False) -> None:
        """`served`: whether a service may have the stores, which can be asked instead."""
        self.actor = actor
        self._served = served
        self._space = space
        self._records: Records | None = None
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def space(self) -> Space:
        return self._space

    @property
    def records(self) -> Records:
        if self._records is None:
            self._records = self._open.enter_context(open_records(self._space))
        return self._records

    @contextmanager
    def people(self) -> Iterator[Warehouse]:
        with known_people(self._space) as warehouse:
            if rules_changed(self._space, warehouse, self.records):
                find_people(self._space, warehouse, self.records)
            yield warehouse

    @contextmanager
    def ledger(self) -> Iterator[Ledger | None]:
        if not (self._space.private / LEDGER_FILE).exists():
            yield None
            return
        with open_ledger(self._space) as ledger:
            yield ledger

    def stores(self) -> AbstractContextManager[Syncing]:
        return open_to_sync(self._space)

    def obey(self) -> tuple[GuestlistError, ...] | None:
        note_since(self.records)
        try:
            carry_out(self._space, self.records, now=self.clock.now())
            return self._hand_over() if at_meta(self.records) else ()
        except GuestlistError as error:
            unless_in_use(error)
            return None

    def _hand_over(self) -> tuple[GuestlistError, ...]:
        try:
            with open_to_sync(self._space) as syncing:
                return tuple(report.error for _, report in syncing.hand_over() if report.error is not None)
        except GuestlistError as error:
            if error.code == IN_USE:
                raise
            return (error,)

    def came_in(self, messages: int) -> None:
        """Nobody else has the stores, so there is nobody to tell."""

    def without_stores(self, error: GuestlistError) -> None:
        if error.code == IN_USE and self._served:
            raise error
        super().without_stores(error)


def not_kept() -> GuestlistError:
    """The process does not hold the space, or is just opening its stores anew."""
    return GuestlistError(
        "space_not_kept",
        "This process does not have the space's stores open at the moment.",
        nothing_lost="Nothing was changed.",
        next_step="Try again in a few seconds; /readyz tells who holds the space.",
    )


def at_meta(records: Records) -> bool:
    """Whether there is any audience of the space at Meta."""
    return any(sync.remote_id for sync in records.journal.syncs())


def unless_in_use(error: GuestlistError) -> None:
    """Raise it, unless it says that another process has the stores open."""
    if error.code != IN_USE:
        raise error
