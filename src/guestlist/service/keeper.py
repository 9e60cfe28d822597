"""Keeps one space right on time: waits until it may have it, shows that it lives, gives every sync its turn.

A keeper is a thread of its own that owns the space's stores; others speak to it by `run_now`, `cancel`, `stop`.
"""

import ctypes
import gc
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from threading import Event, Lock, Thread

from guestlist.backups.backing_up import make_asked
from guestlist.clock import Clock, microseconds
from guestlist.connected.connections import clock_of
from guestlist.errors import GuestlistError
from guestlist.hooks.sending import Senders
from guestlist.importing import UPLOADS
from guestlist.owning.holding import SpaceLock, Watch, end, fence, here, named
from guestlist.owning.reaching import Address, announce, withdraw
from guestlist.records import Records, open_records
from guestlist.service.failing import LOST, Backoff, strange
from guestlist.service.lending import Lending
from guestlist.service.logs import Log
from guestlist.service.orders import Orders
from guestlist.service.turns import Memory, TakeIn, Turns
from guestlist.space import Space, open_space
from guestlist.store.journal_file import BUSY
from guestlist.store.journal_hooks import Hook
from guestlist.store.journal_tables import Owner
from guestlist.syncing import open_to_sync

NAME = "service"


def give_back_memory() -> None:
    """To the system, what was freed: the C library keeps it for later use, which may be hours away."""
    gc.collect()
    with suppress(OSError, AttributeError):  # where the C library is not GNU's there is no such thing
        ctypes.CDLL(None).malloc_trim(0)


class Stand(Enum):
    """How far a keeper is."""

    STARTING = "starting"
    STANDBY = "standby"  # another process holds the space
    KEEPING = "keeping"
    TROUBLED = "troubled"  # holds the space, but cannot use its stores or settings just now
    ENDED = "ended"


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How a keeper goes about it, in seconds. `end_hung`: end the process of an owner that gives no sign of life."""

    look_every: float = 2.0
    beat_every: float = 5.0
    hung_after: float = 60.0
    end_hung: bool = True


class Keeper:
    """The keeper of one space. Start it once."""

    def __init__(self, space: Space, *, take_in: TakeIn, log: Log, manner: Manner | None = None) -> None:
        self.space = space
        self.stand = Stand.STARTING
        self.waits_for: Owner | None = None
        self.trouble: GuestlistError | None = None
        self.error: GuestlistError | None = None
        self.alerts_failing: str | None = None
        """The code of why nobody can be told what is the matter, see `alarms`."""
        self.settled = Event()
        """Set once it is known whether the space can be had: it is kept, waited for, or the keeper ended."""
        self._address: Address | None = None
        self._take_in = take_in
        self._log = log
        self._manner = manner or Manner()
        self._orders = Orders()
        self.lending = Lending(self._orders.wake)
        self._memory = Memory()
        self._taking = Lock()
        self._looked_at = 0
        self._clock: Clock = clock_of(space)
        self._thread = Thread(target=self._run, name=f"keeper of {space.folder.name}")

    # --- told by others -----------------------------------------------------------------------------------------------

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Finish the request in flight, begin no new one, close the stores."""
        self._memory.loads.stop()
        self._orders.stop()

    def join(self, seconds: float | None = None) -> bool:
        """Wait until it has ended; says whether it has."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def run_now(self, key: str, *, full: bool = False) -> None:
        """Run a sync (audience@destination) at the next opportunity."""
        self._orders.run_now(key, full=full)

    @property
    def asked(self) -> frozenset[str]:
        """The syncs that were told to run and have not begun."""
        return self._orders.asked()

    @property
    def running(self) -> str | None:
        """The sync that is running."""
        return self._orders.running

    @property
    def keeps(self) -> bool:
        """Whether it has the space; one that waits for it obeys only once it has."""
        return self.stand in {Stand.KEEPING, Stand.TROUBLED}

    def quota(self, destination: str) -> float | None:
        """Percent of its calls that the ad account has used up, as Meta said last."""
        return self._memory.quota.get(destination)

    def came_in(self, messages: int) -> None:
        """So many messages came in while the stores were lent: syncs that go by changes are due."""
        self._memory.data += messages

    def look_now(self) -> None:
        """Look at once what there is to do: something was written into the records."""
        self._orders.wake()

    def cancel(self, key: str) -> bool:
        """End a sync after its request in flight; it runs again at its next time. False where it was not running."""
        return self._orders.cancel(key)

    def is_served_at(self, address: Address) -> None:
        """Where requests about the space come in: told to commands on this machine while the space is kept."""
        self._address = address
        if self.stand is Stand.KEEPING:
            announce(self.space, address)

    # --- the thread ---------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            with open_records(self.space) as records:
                lock = SpaceLock(self.space)
                try:
                    if self._have(lock, records):
                        self._keep(records)
                finally:
                    if lock.is_ours:
                        withdraw(self.space)
                    lock.let_go()
        except GuestlistError as error:
            self._end_with(error)
        except Exception as error:  # noqa: BLE001 the thread's last place to say why it ends
            self._end_with(strange(error))
        finally:
            self.lending.end()
            self._stands(Stand.ENDED)

    def _end_with(self, error: GuestlistError) -> None:
        self.error = error
        self._log.event("keeper_failed", code=error.code, space=self._name)

    def _stands(self, stand: Stand) -> None:
        if stand is not self.stand:
            self.stand = stand
            self._log.event("keeper", state=stand.value, space=self._name)
        self.settled.set()

    @property
    def _name(self) -> str:
        return self.space.folder.name

    # --- having the space ---------------------------------------------------------------------------------------------

    def _have(self, lock: SpaceLock, records: Records) -> bool:
        """Wait until the space is ours; False when told to stop before."""
        watch = Watch(longest_look=2 * self._manner.look_every + 1)
        while not self._orders.stopping:
            if lock.take():
                self.waits_for = None
                self._take(records, records.journal.owner())
                return True
            owner = records.journal.owner()
            self._wait_for(owner)
            if owner is not None and watch.silent(owner) >= self._manner.hung_after:
                self._put_aside(owner, records)
            self._orders.wait(self._manner.look_every)
        return False

    def _wait_for(self, owner: Owner | None) -> None:
        if self.waits_for is None or owner is None or owner.epoch != self.waits_for.epoch:
            pid = owner.pid if owner else None
            self._log.event("waits", owner=owner.name if owner else None, pid=pid, space=self._name)
        self.waits_for = owner
        self._stands(Stand.STANDBY)

    def _put_aside(self, hung: Owner, records: Records) -> None:
        """The epoch first: what the hung one had in hand when it wakes up, it can no longer record.

        One that hangs while it writes into the journal keeps everybody else from writing there, the epoch too.
        """
        code = None
        try:
            fence(records.journal, hung, clock=self._clock)
        except GuestlistError as error:
            if error.code == LOST:
                return  # it woke up, or another was faster
            if error.code != BUSY:
                raise
            code = error.code
        ended = self._manner.end_hung and end(hung)
        name = "not_fenced" if code and not ended else "fenced"
        self._log.event(name, owner=named(hung), state="ended" if ended else "left", code=code, space=self._name)

    def _take(self, records: Records, before: Owner | None) -> None:
        records.journal.take_over(NAME, now=microseconds(self._clock.now()), process=here(), instead_of=before)

    def _take_again(self, records: Records) -> None:
        """What an error may have left half done is in doubt from here on; but only while the space is still ours."""
        with self._taking:
            now = microseconds(self._clock.now())
            records.journal.beat(now=now)  # fails where it is not
            records.journal.take_over(NAME, now=now, process=here(), instead_of=records.journal.owner())

    def _mind_the_clock(self, records: Records) -> None:
        """Before anything goes by a clock that was set back, what waits is told of it."""
        now = microseconds(self._clock.now())
        if now < self._looked_at:
            with self._taking:
                records.journal.beat(now=now)
        self._looked_at = now

    # --- keeping it ---------------------------------------------------------------------------------------------------

    def _keep(self, records: Records) -> None:
        waits = Backoff(first=1, longest=60)
        # Files that were sent to a process that ended on its way.
        shutil.rmtree(self.space.private / UPLOADS, ignore_errors=True)
        with self._beating(records), self._senders(records) as senders:
            while not self._orders.stopping:
                try:
                    self._work(records, senders)
                    waits.passed()
                except GuestlistError as error:
                    self._bear(error, waits, records)
                except Exception as error:  # noqa: BLE001 such as a full disk: the stores are opened anew
                    self._bear(strange(error), waits, records)
            if self.error is not None:
                raise self.error

    def _bear(self, error: GuestlistError, waits: Backoff, records: Records) -> None:
        if error.code == LOST:
            raise error
        self.trouble = error
        self._log.event("trouble", code=error.code, space=self._name)
        self._stands(Stand.TROUBLED)
        self._orders.wait(waits.failed())
        self._take_again(records)

    @contextmanager
    def _senders(self, records: Records) -> Iterator[Senders]:
        """What hooks are told of goes out by threads of its own: an address that hangs holds back nothing here."""

        def note(name: str, hook: Hook, code: str | None, moves: int) -> None:
            self._log.event(name, hook=hook.name, code=code, moves=moves or None, space=self._name)

        def trouble(hook: str, code: str) -> None:
            self._log.event("hook_trouble", hook=hook, code=code, space=self._name)

        senders = Senders(records, self._clock, note=note, trouble=trouble)
        try:
            yield senders
        finally:
            senders.stop()

    def _work(self, records: Records, senders: Senders) -> None:
        """With the stores open, until they are to be opened anew."""
        self.space = open_space(self.space.folder)
        for made in make_asked(self.space, records, now=self._clock.now()):
            self._log.event("backup", code=made.code, state="failed" if made.code else "made", space=self._name)
        with (
            open_to_sync(self.space, records) as syncing,
            self.lending.opened(syncing),
            senders.sending(self.space, syncing.warehouse),
        ):
            turns = Turns(
                syncing,
                take_in=self._take_in,
                orders=self._orders,
                lending=self.lending,
                log=self._log,
                memory=self._memory,
                evaluated=senders.look,
            )
            syncing.interlude = turns
            self.trouble = None
            self._stands(Stand.KEEPING)
            if self._address is not None:
                announce(self.space, self._address)
            while not (self._orders.stopping or turns.to_reopen):
                self._mind_the_clock(records)
                turns.look()
                senders.look()
                self.lending.lend()
                self._orders.wait(self._manner.look_every)
            if not self._orders.stopping:
                # Before an erasure: what waits in the inbox may be about that person, too.
                turns.take_in()
        give_back_memory()

    @contextmanager
    def _beating(self, records: Records) -> Iterator[None]:
        """Signs of life, also while the stores are rewritten; who gets none recorded has lost the space and ends."""
        over = Event()
        thread = Thread(target=self._beat, args=(records, over), name=f"beats of {self._name}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _beat(self, records: Records, over: Event) -> None:
        while not over.wait(self._manner.beat_every):
            try:
                with self._taking:
                    records.journal.beat(now=microseconds(self._clock.now()))
            except GuestlistError as error:
                if error.code == LOST:
                    self.error = error
                    self._orders.stop()
                    return
                self._log.event("trouble", code=error.code, space=self._name)
