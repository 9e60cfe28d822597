"""The destinations of an open space, looked after beside its syncs: tokens watched, parked ones gone on with in time."""

from collections.abc import Iterable

from guestlist.clock import stopwatch
from guestlist.connected import login, watching
from guestlist.connected.watching import DestinationStanding
from guestlist.destinations.meta.token_life import PARKING_CODES
from guestlist.errors import GuestlistError
from guestlist.service.failing import LOST, Backoff
from guestlist.service.logs import Log
from guestlist.syncing import Bound, Syncing

LOOKED_EVERY = 2.0
"""Seconds."""
SWEPT_EVERY = 60.0


class Destinations:
    """Looks again and again whether each destination may be called, and for how long."""

    def __init__(self, syncing: Syncing, log: Log) -> None:
        self._syncing = syncing
        self._journal = syncing.records.journal
        self._log = log
        self._since = stopwatch()
        self._swept = stopwatch()
        self._first = True
        self._stopped: set[tuple[str, int]] = set()
        self._parked: set[str] = set()
        self._told: set[str] = set()
        self._waits: dict[str, Backoff] = {}

    def look(self, bounds: Iterable[Bound]) -> list[str]:
        """Give the syncs that may go on now, because their destination does."""
        if not self._first and self._since() < LOOKED_EVERY:
            return []
        if self._first or self._swept() >= SWEPT_EVERY:
            self._swept = stopwatch()
            login.sweep(self._syncing.records, now=self._syncing.now)
        self._first, self._since = False, stopwatch()
        self._note_stopped()
        resumed = {name for name in self._syncing.space.settings.destinations if self._goes_on(name)}
        return [bound.key for bound in bounds if bound.wish.to in resumed]

    def _note_stopped(self) -> None:
        """What a sync was stopped by may be over before anybody looked: it is gone on with all the same."""
        timings = self._journal.timings().items()
        stopped = {(key, timing.at) for key, timing in timings if timing.code in PARKING_CODES}
        keys = {key for key, _ in stopped - self._stopped}
        self._parked |= {sync.destination for sync in self._journal.syncs() if sync.key in keys}
        self._stopped = stopped

    def _goes_on(self, name: str) -> bool:
        try:
            standing = self._looked_after(name)
        except GuestlistError as error:
            if error.code == LOST:
                raise
            return False  # a mistake in its settings; its syncs say so
        if standing.parked is not None:
            self._tell_parked(name, standing.parked)
            return False
        if not standing.token_kept:
            self._parked.add(name)
        if not standing.token_kept or name not in self._parked:
            return False
        self._parked.discard(name)
        self._told.discard(name)
        self._log.event("destination_resumed", destination=name, space=self._space)
        return True

    def _looked_after(self, name: str) -> DestinationStanding:
        syncing = self._syncing
        standing = watching.standing_of(syncing.space, self._journal, name, now=syncing.now)
        if standing.parked is not None:
            self._ask(name)  # whether it is over, where it is time to
            return watching.standing_of(syncing.space, self._journal, name, now=syncing.now)
        if standing.token_kept:
            standing = self._watched(standing)
            soon = watching.newly_ending(self._journal, standing)
            if soon is not None:
                self._log.event("token_ends_soon", destination=name, days=soon.days, kind=soon.what, space=self._space)
        return standing

    def _watched(self, standing: DestinationStanding) -> DestinationStanding:
        """Meta asked about the token where it is time to; where it does not answer, after growing waits."""
        syncing, name = self._syncing, standing.name
        waits = self._waits.setdefault(name, Backoff(first=60, longest=900))
        if not watching.due(standing.known, now=syncing.now) or not waits.over:
            return standing
        standing = watching.look(syncing.space, self._journal, syncing.connections, name, now=syncing.now)
        if watching.due(standing.known, now=syncing.now):
            waits.failed()
        else:
            waits.passed()
        return standing

    def _ask(self, name: str) -> None:
        try:
            self._syncing.connections.client(name)
        except GuestlistError as error:
            if error.code == LOST:
                raise

    def _tell_parked(self, name: str, why: GuestlistError) -> None:
        self._parked.add(name)
        if name not in self._told:
            self._told.add(name)
            self._log.event("destination_parked", destination=name, code=why.code, space=self._space)

    @property
    def _space(self) -> str:
        return self._syncing.space.folder.name
