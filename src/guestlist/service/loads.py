"""Sources loaded on time, beside all else: fetched each in a thread of its own, landed by the keeper in its turn."""

from dataclasses import dataclass, field
from threading import Event, Thread

from guestlist.clock import microseconds
from guestlist.errors import GuestlistError
from guestlist.loads.loading import (
    Job,
    Scheduled,
    begin,
    land_load,
    next_time,
    note_failed,
    note_landed,
    scheduled_sources,
    sweep,
)
from guestlist.service.failing import LOST, strange
from guestlist.service.logs import Log
from guestlist.sources.pulling import End
from guestlist.sources.staging import Staged
from guestlist.store.journal_pulls import Pull
from guestlist.syncing import Syncing

AT_ONCE = 3
"""So many sources are fetched at the same time; the others wait for their turn."""


@dataclass
class _Fetching:
    """A load under way. Its thread knows no store."""

    job: Job
    halted: Event
    pull: Pull
    staged: Staged | None = None
    error: GuestlistError | None = None
    over: Event = field(default_factory=Event)

    def run(self) -> None:
        try:
            self.staged = self.job.fetch()
        except GuestlistError as error:
            self.error = error
        except Exception as error:  # noqa: BLE001 whatever it is, only this source has to do with it
            self.error = strange(error)
        finally:
            self.over.set()


class Loads:
    """The loads of one space. They outlive the closing and opening of its stores."""

    def __init__(self) -> None:
        self._under_way: dict[str, _Fetching] = {}
        self._again: set[str] = set()
        self._swept = False

    def look(self, syncing: Syncing, log: Log) -> int:
        """Land what was fetched, begin what is due; gives how many lines came, changed or vanished."""
        self._sweep(syncing)
        moved = sum(self._end(name, syncing, log) for name in self._ended())
        self._begin_due(syncing)
        return moved

    def stop(self) -> None:
        """End the fetching; nothing of it lands."""
        for one in list(self._under_way.values()):  # told by another thread
            one.halted.set()

    def _sweep(self, syncing: Syncing) -> None:
        """What an earlier process fetched and did not land."""
        if not self._swept:
            sweep(syncing.space, syncing.clock)
            self._swept = True

    def _ended(self) -> list[str]:
        return [name for name, one in self._under_way.items() if one.over.is_set()]

    # --- beginning ----------------------------------------------------------------------------------------------------

    def _begin_due(self, syncing: Syncing) -> None:
        now = syncing.clock.now()
        found, wrong = scheduled_sources(syncing.space)
        if not found and not wrong:
            return
        pulls = syncing.records.journal.pulls()
        for name, error in wrong.items():
            if name not in pulls or pulls[name].code != error.code:
                note_failed(syncing.records, name, error, began=syncing.now, now=syncing.now)
        for one in found:
            pull = pulls.get(one.name)
            if pull is None:
                pull = Pull(source=one.name, at=microseconds(now))
                syncing.records.journal.save_pull(pull)
            when = next_time(syncing.space, one, pull, now=now)
            due = one.name in self._again or (when is not None and when <= now)
            if due and one.name not in self._under_way and len(self._under_way) < AT_ONCE:
                self._begin(syncing, one, pull)

    def _begin(self, syncing: Syncing, one: Scheduled, pull: Pull) -> None:
        halted = Event()
        began = syncing.now
        records = syncing.records
        try:
            job = begin(syncing.space, records, syncing.warehouse, one, syncing.clock, accept=pull.accept,
                        whole=one.name in self._again, halted=halted.is_set)  # fmt: skip
        except GuestlistError as error:
            note_failed(records, one.name, error, began=began, now=began)
            records.journal.load_done(pull)
            return
        finally:
            self._again.discard(one.name)
        fetching = _Fetching(job, halted, pull)
        self._under_way[one.name] = fetching
        Thread(target=fetching.run, name=f"load of {one.name}", daemon=True).start()

    # --- ending -------------------------------------------------------------------------------------------------------

    def _end(self, name: str, syncing: Syncing, log: Log) -> int:
        fetching = self._under_way.pop(name)
        try:
            return self._land(name, fetching, syncing, log)
        finally:
            fetching.job.clear()

    def _failed(self, name: str, error: GuestlistError, fetching: _Fetching, syncing: Syncing, log: Log) -> int:
        note_failed(syncing.records, name, error, began=fetching.job.began, now=syncing.now)
        syncing.records.journal.load_done(fetching.pull)
        log.event("loaded", source=name, state="failed", code=error.code, space=syncing.space.folder.name)
        return 0

    def _land(self, name: str, fetching: _Fetching, syncing: Syncing, log: Log) -> int:
        job = fetching.job
        space = syncing.space.folder.name
        try:
            if fetching.error is not None:
                raise fetching.error
            assert fetching.staged is not None
            landing = land_load(syncing.space, syncing.warehouse, job, fetching.staged, syncing.clock)
        except GuestlistError as error:
            if error.code == LOST:
                raise
            return self._failed(name, error, fetching, syncing, log)
        except Exception as error:  # noqa: BLE001 what one source cannot land must not keep the space from its syncs
            return self._failed(name, strange(error), fetching, syncing, log)
        if landing.end is End.AGAIN:
            self._again.add(name)
            return 0
        note_landed(syncing.records, name, landing, began=job.began)
        # Only now: a load that a process ends in the middle of, or that reads all once more, is still the one asked for.
        syncing.records.journal.load_done(fetching.pull)
        log.event("loaded", source=name, state=landing.end.value, came=landing.came, went=landing.went,
                  left_out=landing.rejected, space=space)  # fmt: skip
        return landing.came + landing.went
