"""The stores that a keeper has open, for requests: to read beside it, or to have for themselves while it waits."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition, Event, Thread
from typing import TypeVar

from guestlist.clock import stopwatch
from guestlist.errors import GuestlistError
from guestlist.operations.desk import not_kept
from guestlist.store import Warehouse
from guestlist.syncing import Syncing

S = TypeVar("S", bound=Warehouse)
LONGEST_LOOK = 60.0
"""Seconds after which a look at the stores is ended: while it lasts, the keeper cannot tidy them."""
LONGEST_WAIT = 60.0
"""Seconds for which a request waits until the keeper has finished what it is at."""
REOPENED_WITHIN = 5.0
"""Seconds for which a request waits where the stores are closed to be opened anew, such as for other settings."""
_LET_READERS_END = 10.0
_INTERRUPTED_EVERY = 0.5


class Lending:
    """Between a keeper and requests. The keeper offers its stores between two pieces of work."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._changed = Condition()
        self._syncing: Syncing | None = None
        self._were_open = False
        self._readers: set[Warehouse] = set()
        self._waiting = 0
        self._offered = False
        self._lent = False

    # --- by the keeper ------------------------------------------------------------------------------------------------

    @contextmanager
    def opened(self, syncing: Syncing) -> Iterator[None]:
        """While the stores are open; at the end who reads beside has a while to finish."""
        self._were_open = True
        self._set(syncing)
        try:
            yield
        finally:
            self._set(None)
            self._wait_for_readers()

    def end(self) -> None:
        """The stores will not be opened again."""
        with self._changed:
            self._were_open = False
            self._changed.notify_all()

    def _set(self, syncing: Syncing | None) -> None:
        with self._changed:
            self._syncing = syncing
            self._changed.notify_all()

    def _wait_for_readers(self) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: not self._readers, _LET_READERS_END):
                while self._readers:  # one that was between two queries goes on with the next
                    for reader in self._readers:
                        reader.interrupt()
                    self._changed.wait_for(lambda: not self._readers, _INTERRUPTED_EVERY)

    @property
    def wanted(self) -> bool:
        """Whether a request waits to have the stores for itself."""
        return self._waiting > 0

    def lend(self) -> None:
        """Let those who wait have the stores, one after the other."""
        with self._changed:
            if not self._waiting:
                return
            self._offered = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._waiting and not self._lent)
            self._offered = False

    # --- by requests --------------------------------------------------------------------------------------------------

    @contextmanager
    def beside(self, chosen: Callable[[Syncing], S]) -> Iterator[S]:
        """One of the stores, to read while the keeper goes on."""
        with self._changed:
            self._await_opening()
            if self._syncing is None:
                raise not_kept()
            store = chosen(self._syncing).beside()
            self._readers.add(store)
        gone, over = stopwatch(), Event()
        try:
            Thread(target=self._end_late, args=(store, over), name="look at the stores", daemon=True).start()
            yield store
        except GuestlistError:
            raise
        except Exception as error:
            if gone() < LONGEST_LOOK and self._syncing is not None:
                raise
            raise _too_long() from error
        finally:
            over.set()
            with self._changed:
                store.close()
                self._readers.discard(store)
                self._changed.notify_all()

    def _end_late(self, store: Warehouse, over: Event) -> None:
        """After the longest look, again and again: one that was between two queries goes on with the next."""
        late = not over.wait(LONGEST_LOOK)
        while late:
            with self._changed:
                if store in self._readers:
                    store.interrupt()
            late = not over.wait(_INTERRUPTED_EVERY)

    @contextmanager
    def borrow(self) -> Iterator[Syncing]:
        """All stores, to write to them; the keeper waits meanwhile."""
        with self._changed:
            self._await_opening()
            if self._syncing is None:
                raise not_kept()
            self._waiting += 1
            self._wake()
            had = self._changed.wait_for(self._mine, LONGEST_WAIT)
            self._waiting -= 1
            syncing = self._syncing
            if not had or syncing is None:
                self._changed.notify_all()
                raise busy() if syncing else not_kept()
            self._lent = True
        try:
            yield syncing
        finally:
            with self._changed:
                self._lent = False
                self._changed.notify_all()

    def _await_opening(self) -> None:
        if self._syncing is None and self._were_open:
            self._changed.wait_for(lambda: self._syncing is not None or not self._were_open, REOPENED_WITHIN)

    def _mine(self) -> bool:
        gone = self._syncing is None and not self._were_open  # else the stores are only opened anew
        return gone or (self._offered and not self._lent)


def busy() -> GuestlistError:
    """The keeper did not come to an end in time."""
    return GuestlistError(
        "space_busy",
        f"The space is busy: what it is at did not end within {LONGEST_WAIT:.0f} seconds.",
        nothing_lost="Nothing was changed.",
        next_step="Try again in a minute.",
    )


def _too_long() -> GuestlistError:
    return GuestlistError(
        "look_too_long",
        "That took too long to work out and was stopped.",
        nothing_lost="Nothing was changed.",
        next_step="Try again when less is going on, or ask for less.",
    )
