"""`guestlist sync` by a service: told to run, and looked at until every sync has run since. Ends like a run here."""

from collections.abc import Sequence
from dataclasses import dataclass

from guestlist.cli.frame import answer, say
from guestlist.cli.remote import Remote
from guestlist.clock import pause, stopwatch
from guestlist.errors import GuestlistError, WrongUseError
from guestlist.operations.syncs import Ordered, RunSyncs, ShowSync, SyncInFull
from guestlist.runs.ending import Ending, worst

LOOK_EVERY = 2.0
"""Seconds between two looks."""
_FOR_NOW = frozenset({"service_not_reached", "space_not_kept", "space_busy"})
"""Codes of a service that is being started anew."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a service is to do. `key`: None for all syncs; `patience`: seconds to wait, None to say what was ordered."""

    key: str | None
    full: bool
    patience: float | None

    def given_to(self, service: Remote, *, as_json: bool) -> Ending:
        """Give it; how it ended, where it was waited for."""
        ordered = service.ask(RunSyncs(key=self.key, full=self.full))
        found = Ending.PERSON if ordered.mistaken else Ending.RIGHT
        if self.patience is None:
            resting = [one.sync for one in self._named(service, ordered) if one.paused]
            _tell(ordered, None, resting, as_json=as_json)
            return Ending.PERSON if resting else found
        standing, waited = self._wait(service, ordered, self.patience)
        _tell(ordered, standing, as_json=as_json)
        return worst((found, waited))

    def _named(self, service: Remote, ordered: Ordered) -> list[SyncInFull]:
        return [] if self.key is None else [service.ask(ShowSync(key=key)) for key in ordered.syncs]

    def _wait(self, service: Remote, ordered: Ordered, seconds: float) -> tuple[list[SyncInFull], Ending]:
        took = stopwatch()
        while True:
            standing, found = self._look(service, ordered)
            if found is not Ending.LATER or took() >= seconds:
                return standing, found
            pause(min(LOOK_EVERY, max(seconds - took(), 0.0)))

    def _look(self, service: Remote, ordered: Ordered) -> tuple[list[SyncInFull], Ending]:
        try:
            standing = [service.ask(ShowSync(key=key)) for key in ordered.syncs]
        except GuestlistError as error:
            if error.code not in _FOR_NOW:
                raise
            return [], Ending.LATER
        return standing, worst(self._ending(one, ordered.at) for one in standing)

    def _ending(self, one: SyncInFull, at: str) -> Ending:
        """Of one sync since then. `at` and the times of the sync are of one zone, so that they compare as they stand."""
        if one.schedule is None:  # its audience is no longer defined, and left as it is at Meta
            return Ending.RIGHT
        if one.paused:
            return Ending.RIGHT if self.key is None else Ending.PERSON
        if one.asked or one.running:
            return Ending.LATER
        if one.plan_waiting:
            return Ending.PERSON
        if one.last_right is not None and one.last_right >= at:
            return Ending.RIGHT
        stopped = one.last_run is not None and one.last_run >= at and one.error is not None
        return Ending.PERSON if stopped and one.again_at is None else Ending.LATER


def rests(key: str | None) -> WrongUseError:
    """A service was to run a sync though it is paused."""
    return WrongUseError(
        "not_by_a_service",
        "--anyway is not for a sync that a service runs: it obeys a pause.",
        nothing_lost="Nothing was sent.",
        next_step=f"Let it run again: guestlist resume {key or '--all'}",
    )


def _tell(
    ordered: Ordered, standing: Sequence[SyncInFull] | None, resting: Sequence[str] = (), *, as_json: bool
) -> None:
    if as_json:
        facts = {"ordered": ordered.syncs, "at": ordered.at, "mistaken": ordered.mistaken, "paused": resting}
        answer(facts if standing is None else {**facts, "syncs": [one.facts() for one in standing]})
        return
    for audience in ordered.mistaken:
        say(f"{audience}: its file has a mistake, so what it says now is not gone by: guestlist audiences check")
    if resting:
        say(f"{', '.join(resting)} is paused: it runs once it is resumed (guestlist resume {resting[0]}).")
    elif standing is None:
        say(f"The service runs {', '.join(ordered.syncs) or 'nothing'} now. See how it goes: guestlist status")
    else:
        for one in standing:
            _tell_one(one)


def _tell_one(one: SyncInFull) -> None:
    say(f"{one.sync}  {one.now}")
    if one.plan_waiting:
        say(f"  Plan {one.plan_waiting} waits for a yes: too many people would leave at once. See: guestlist plan",
            f"  If that is right: guestlist sync --confirm {one.plan_waiting}")  # fmt: skip
    if one.error is not None:
        say(f"  {one.error.message}", f"  {one.error.next}", f"  [{one.error.code}]")
