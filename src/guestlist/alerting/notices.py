"""Who was told what: each cause once for each channel, its end once, across restarts. A channel that fails waits."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from guestlist.alerting.causes import Cause, Scene, causes, sizes_now
from guestlist.alerting.channels import Channel
from guestlist.errors import GuestlistError
from guestlist.store.journal import Journal
from guestlist.store.journal_alerts import Alert, ChannelState

_SECOND = 1_000_000
_FIRST_WAIT, _LONGEST_WAIT = 60, 900


def look(scene: Scene, ways: Sequence[Channel]) -> list[ChannelState]:
    """Tell what is new and what is over; gives how the channels stand. Fails only where the records do."""
    if not ways and not scene.journal.channels():
        return []  # nobody is to be told, and nobody was
    found = {one.key: one for one in causes(scene)}
    states = [_Telling(scene, way).tell(found) for way in ways]
    untold = {one.cause for way in ways for one in scene.journal.alerts(way.name) if one.told_at is None}
    sizes = sizes_now(scene.journal, scene.now)
    scene.journal.keep_sizes(one for one in sizes if f"size {one.sync} {one.people}" not in untold)
    scene.journal.keep_channels([way.name for way in ways])
    return states


class _Telling:
    """One channel, at one look."""

    def __init__(self, scene: Scene, way: Channel) -> None:
        self._journal: Journal = scene.journal
        self._way, self._now = way, scene.now
        self._space = scene.space.folder.resolve().name
        known = scene.journal.channel(way.name)
        self._state = known or ChannelState(name=way.name)
        waits = min(_FIRST_WAIT * 2 ** max(self._state.failures - 1, 0), _LONGEST_WAIT) * _SECOND
        self._stuck = self._state.failures > 0 and self._now < (self._state.failed_at or 0) + waits

    def tell(self, found: dict[str, Cause]) -> ChannelState:
        known = {one.cause: one for one in self._journal.alerts(self._way.name)}
        for key, cause in found.items():
            self._new(cause, known.get(key))
        for key, alert in known.items():
            if key not in found:
                self._over(alert)
        return self._state

    def _new(self, cause: Cause, known: Alert | None) -> None:
        alert = known or Alert(
            channel=self._way.name, cause=cause.key, since=cause.since or self._now, happened=cause.happened,
            quiet=cause.quiet,
        )  # fmt: skip
        if known is None:
            self._journal.save_alert(alert)
        lasted = self._now - alert.since >= cause.patience.total_seconds() * _SECOND
        told = alert.told_at is not None and alert.level >= cause.level
        if lasted and not told and self._send(f"Guestlist {self._space}: {_title(cause.happened)}", cause.text):
            self._journal.save_alert(replace(alert, told_at=self._now, level=cause.level, happened=cause.happened))

    def _over(self, alert: Alert) -> None:
        subject = f"Guestlist {self._space}: solved: {_title(alert.happened)}"
        news = alert.told_at is not None and not alert.quiet
        if not news or self._send(subject, f"This is over: {alert.happened}"):
            self._journal.forget_alert(alert)

    def _send(self, subject: str, text: str) -> bool:
        if self._stuck:
            return False
        try:
            self._way.send(subject, text)
        except GuestlistError as error:
            self._stuck = True
            self._state = replace(
                self._state, failures=self._state.failures + 1, failed_at=self._now, code=error.code,
                happened=error.message, next_step=error.next_step,
            )  # fmt: skip
        else:
            self._state = ChannelState(name=self._way.name, sent_at=self._now)
        self._journal.save_channel(self._state)
        return not self._stuck


def _title(happened: str) -> str:
    first = happened.partition(". ")[0].rstrip(".")
    return first if len(first) <= 100 else f"{first[:99]}…"


def try_out(ways: Sequence[Channel], space: str) -> list[tuple[str, GuestlistError | None]]:
    """Send a message that says that it is a test; gives what became of it, by channel."""
    return [(way.name, _tried(way.send, space)) for way in ways]


def _tried(send: Callable[[str, str], None], space: str) -> GuestlistError | None:
    try:
        send(f"Guestlist {space}: a test", "This is a test: alerts of this space come here. Nothing is the matter.")
    except GuestlistError as error:
        return error
    return None
