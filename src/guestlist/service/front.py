"""Where messages come into one space while it is served: its door, and how what came lands."""

from guestlist.clock import Clock
from guestlist.connected.connections import clock_of
from guestlist.records import Records
from guestlist.service.tracking import Door
from guestlist.service.write_keys import WriteKeys
from guestlist.sources.arrivals import Arrivals
from guestlist.sources.arriving import land_inbox
from guestlist.space import Space
from guestlist.store import Warehouse
from guestlist.store.inbox import Inbox

_INBOX = "inbox"


class Front:
    """The front of one space. Its door takes messages from when the space is held, and until it is closed."""

    def __init__(self, space: Space, records: Records) -> None:
        self._clock: Clock = clock_of(space)
        self._inbox = Inbox(space.private / _INBOX)
        self._arrivals = Arrivals(records.journal)
        self._open = False
        self.journal = records.journal
        self.door = Door(
            name=space.folder.name,
            keys=WriteKeys(records.journal),
            inbox=self._inbox,
            arrivals=self._arrivals,
            clock=self._clock,
            zone=space.settings.zone,
        )

    def take_in(self, warehouse: Warehouse) -> int:
        """Land what came; to be called by who holds the space, for the door opens with the first call."""
        if not self._open:
            self._inbox.start()
            self._open = True
        return land_inbox(warehouse, self._inbox, self._arrivals, self._clock)

    def close(self) -> None:
        """Keep what still waits; it lands when the space is next served."""
        if self._open:
            self._inbox.stop()
            self._arrivals.save()
            self._open = False
