"""Hooks at work: a thread for each while a service has the space, or all of them once, one after the other."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Condition, Event, Lock, Thread

from guestlist.clock import Clock
from guestlist.errors import GuestlistError
from guestlist.hooks.moves import Moves
from guestlist.hooks.posting import SECONDS, Poster
from guestlist.hooks.stream import Note, Stream
from guestlist.records import Records
from guestlist.space import Space
from guestlist.store import Warehouse

LOOK_EVERY = 2.0
_TROUBLED = 5.0
"""Seconds to the next try where the space's own stores made it fail."""
_IN_FLIGHT = SECONDS + 5


@dataclass(frozen=True, kw_only=True)
class Sent:
    """What a hook came to: moves sent, and why there are more, if there are."""

    name: str
    sent: int
    code: str | None


def send_waiting(space: Space, records: Records, warehouse: Warehouse, clock: Clock, name: str | None) -> list[Sent]:
    """All that waits, of one hook or all, until it is sent or an address is to be waited for."""
    done = []
    stores = Stores()
    with stores.attached(space, warehouse):
        for hook in records.journal.hooks():
            if name in {None, hook.name}:
                with _opened(stores, records, hook.name, clock, lambda *_: None) as stream:
                    while stream.step() == 0:
                        pass
                    after = stream.hook()
                if after is not None:
                    letters = [one.code for one in records.journal.letters(hook.name)]
                    code = after.stopped or (after.code if after.failures else None) or next(iter(letters), None)
                    done.append(Sent(name=hook.name, sent=after.sent - hook.sent, code=code))
    return done


class Stores:
    """The warehouse as hooks may read it while another thread has it, and only while it is open."""

    def __init__(self) -> None:
        self._reading = Lock()
        self._beside: Warehouse | None = None
        self._work = Condition()
        self._open = False
        self._busy = 0
        self.allowed: tuple[str, ...] = ()
        self.opened = 0
        """Rises with each opening: what was read before may be erased by now."""

    @contextmanager
    def attached(self, space: Space, warehouse: Warehouse) -> Iterator[None]:
        """By the thread that has the warehouse, for as long as it is open."""
        self.attach(space, warehouse)
        try:
            yield
        finally:
            self.detach()

    def attach(self, space: Space, warehouse: Warehouse) -> None:
        self._beside = warehouse.beside()
        with self._work:
            self.allowed, self.opened, self._open = space.settings.allowed_hosts, self.opened + 1, True

    def detach(self) -> None:
        """Nobody reads or begins a request from here on.

        Requests in flight are waited for, as long as one may take once its host was looked up. One that takes longer goes
        on without the stores: what it came to is recorded, and what it would read next is not there.
        """
        with self._work:
            self._open = False
            self._work.wait_for(lambda: not self._busy, timeout=_IN_FLIGHT)
        with self._reading:
            if self._beside is not None:
                self._beside.close()
            self._beside = None

    @contextmanager
    def at_work(self) -> Iterator[bool]:
        """Whether a request may begin; until this ends, the stores stay open."""
        with self._work:
            may = self._open
            self._busy += may
        try:
            yield may
        finally:
            with self._work:
                self._busy -= may
                self._work.notify_all()

    @contextmanager
    def reading(self) -> Iterator[Warehouse | None]:
        """One reads at a time; None where the warehouse is closed."""
        with self._reading:
            yield self._beside


@contextmanager
def _opened(stores: Stores, records: Records, name: str, clock: Clock, note: Note) -> Iterator[Stream]:
    poster = Poster(lambda: stores.allowed)
    try:
        yield Stream(name=name, records=records, moves=Moves(stores), poster=poster, clock=clock, note=note)
    finally:
        poster.close()


class Senders:
    """A thread for each hook, for as long as a service has a space."""

    def __init__(self, records: Records, clock: Clock, *, note: Note, trouble: Callable[[str, str], None]) -> None:
        self._stores = Stores()
        self._records, self._clock = records, clock
        self._note, self._trouble = note, trouble
        self._stopping = Event()
        self._threads: dict[str, tuple[Thread, Event]] = {}

    @contextmanager
    def sending(self, space: Space, warehouse: Warehouse) -> Iterator[None]:
        """While the stores are open."""
        with self._stores.attached(space, warehouse):
            yield

    def look(self) -> None:
        """Begin with hooks that are new; wake those that are there, as there may be something to send."""
        for name in [one for one, (thread, _) in self._threads.items() if not thread.is_alive()]:
            del self._threads[name]
        for hook in self._records.journal.hooks():
            if hook.name in self._threads:
                self._threads[hook.name][1].set()
                continue
            wake = Event()
            # A daemon: an address that answers a letter an hour must not keep the process alive.
            thread = Thread(target=self._keep_sending, args=(hook.name, wake), name=f"hook {hook.name}", daemon=True)
            self._threads[hook.name] = (thread, wake)
            thread.start()

    def stop(self) -> None:
        """End after the requests in flight."""
        self._stopping.set()
        for _, wake in self._threads.values():
            wake.set()
        for thread, _ in self._threads.values():
            thread.join(_IN_FLIGHT)

    def _keep_sending(self, name: str, wake: Event) -> None:
        with _opened(self._stores, self._records, name, self._clock, self._note) as stream:
            while not self._stopping.is_set():
                wait = self._step(stream)
                if wait is None:
                    return
                if wait:
                    wake.wait(wait)
                    wake.clear()

    def _step(self, stream: Stream) -> float | None:
        """Seconds to the next; None where the hook was taken away."""
        try:
            if stream.hook() is None:
                return None
            with self._stores.at_work() as may:
                wait = stream.step() if may else None
        except GuestlistError as error:
            self._trouble(stream.name, error.code)
            return _TROUBLED
        except Exception as error:  # noqa: BLE001 whatever it is: the space's other work has nothing to do with it
            self._trouble(stream.name, type(error).__name__)
            return _TROUBLED
        return LOOK_EVERY if wait is None else min(wait, LOOK_EVERY)
