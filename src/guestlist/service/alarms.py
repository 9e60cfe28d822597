"""Alerts of one space, told beside its keeper: nothing that goes wrong here holds the keeper up.

Only who holds the space tells: a standby sees the same records.
"""

from threading import Event, Thread

from guestlist.alerting.causes import Scene
from guestlist.alerting.channels import channels
from guestlist.alerting.notices import look
from guestlist.alerting.settings import read_alerts
from guestlist.clock import Clock, microseconds
from guestlist.connected.connections import clock_of
from guestlist.errors import GuestlistError
from guestlist.service.failing import strange
from guestlist.service.keeper import Keeper, Stand
from guestlist.service.logs import Log
from guestlist.service.metrics import TokenEnds, no_token_ends
from guestlist.space import open_space
from guestlist.store.journal import Journal

LOOK_EVERY = 15.0


class Alarms:
    """A thread that looks what is the matter. Start it once; `stop` waits until it has ended."""

    def __init__(
        self,
        keeper: Keeper,
        journal: Journal,
        log: Log,
        *,
        look_every: float = LOOK_EVERY,
        token_ends: TokenEnds = no_token_ends,
    ) -> None:
        self._keeper, self._journal, self._log = keeper, journal, log
        self._look_every = look_every
        self._token_ends = token_ends
        self._clock: Clock = clock_of(keeper.space)
        self._over = Event()
        self._said: str | None = None
        self._thread = Thread(target=self._run, name=f"alerts of {keeper.space.folder.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(self._look_every)

    def _run(self) -> None:
        while not self._over.wait(self._look_every):
            if self._keeper.stand not in {Stand.KEEPING, Stand.TROUBLED}:
                continue
            try:
                self._look()
            except GuestlistError as error:
                self._say(error.code)
            except Exception as error:  # noqa: BLE001 whatever it is, the keeper has nothing to do with it
                self._say(strange(error).code)

    def _look(self) -> None:
        space = open_space(self._keeper.space.folder)
        settings = read_alerts(space)
        scene = Scene(
            space=space,
            journal=self._journal,
            settings=settings,
            now=microseconds(self._clock.now()),
            token_ends=self._token_ends(space, self._journal),
            trouble=self._keeper.trouble,
        )
        states = look(scene, channels(settings, space.folder))
        self._say(next((state.code for state in states if state.failures), None))

    def _say(self, code: str | None) -> None:
        """Once per code, not at every look."""
        if code != self._said:
            self._said = self._keeper.alerts_failing = code
            state = "failing" if code else "working"
            self._log.event("alerts", code=code, state=state, space=self._keeper.space.folder.name)
