"""What is the matter with a space, from its records: in plain words, with the next step, and nothing of anybody."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from guestlist.alerting.settings import AlertSettings
from guestlist.audiences.document import read_usable
from guestlist.counts import counted
from guestlist.errors import GuestlistError
from guestlist.space import Space
from guestlist.store.journal import Journal
from guestlist.store.journal_alerts import Size
from guestlist.store.journal_keeping import Timing
from guestlist.store.journal_tables import Sync

TOKEN_STEPS = (14, 3, 1, 0)
"""Days before a token's end at which it is told, each once."""
_SECOND = 1_000_000
_DAY = 86_400 * _SECOND
_FEW = 100
_TROUBLED_FOR = timedelta(minutes=5)
_TAKEN = "taken"


@dataclass(frozen=True, kw_only=True)
class Cause:
    """One thing that is the matter. It is told once it has lasted for `patience`, and again when `level` rises.

    `since`: since when it is known to be so, None where that is since it was first seen. `quiet`: its end is no news.
    """

    key: str
    happened: str
    next_step: str
    nothing_lost: str | None = None
    since: int | None = None
    patience: timedelta = timedelta()
    level: int = 0
    quiet: bool = False

    @property
    def text(self) -> str:
        """What is told of it."""
        parts = (self.happened, self.nothing_lost, f"What to do: {self.next_step}")
        return "\n".join(part for part in parts if part)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What causes are looked for in. `token_ends` by destination, in microseconds since 1970; `trouble` of the keeper."""

    space: Space
    journal: Journal
    settings: AlertSettings
    now: int
    token_ends: Mapping[str, int] = field(default_factory=dict)
    trouble: GuestlistError | None = None


def causes(scene: Scene) -> list[Cause]:
    """All of them, now."""
    timings, syncs = scene.journal.timings(), scene.journal.syncs()
    found: list[Cause] = []
    for sync in syncs:
        if not sync.paused_at(scene.now):
            found += _of_sync(scene, sync, timings.get(sync.key))
    found += _mistaken(scene)
    return [*found, *_sizes(scene, syncs), *_tokens(scene), *_silence(scene), *_backup(scene), *_trouble(scene)]


def _mistaken(scene: Scene) -> Iterator[Cause]:
    """Which audiences, not what stands in their files: that may name people."""
    for audience in sorted(read_usable(scene.space.audiences)[1]):
        yield Cause(
            key=f"mistaken {audience}",
            happened=f"The file of the audience '{audience}' has a mistake, so what it says now is not gone by.",
            nothing_lost="What it said before still holds while the service runs; nothing is lost.",
            next_step="See the mistake, and correct it: guestlist audiences check",
            patience=scene.settings.failing_for,
        )


def _of_sync(scene: Scene, sync: Sync, timing: Timing | None) -> Iterator[Cause]:
    name = sync.remote_name or sync.audience
    held = scene.journal.held_plan(sync.key)
    if held is not None and held.confirmed_at is None:
        there = counted(held.people_there, "person")
        yield Cause(
            key=f"held {sync.key}",
            happened=f"'{name}' waits for a yes: {held.people_leaving:,} of {there} would leave.",
            nothing_lost="Nothing is lost. Until then nobody is added or removed, but for who must never be sent.",
            next_step=f"Look at it with guestlist plan. If it is right: guestlist sync --confirm {held.id}",
        )
    if timing is None:
        return
    if timing.code is not None and (sync.right_at or 0) <= timing.at:
        by_itself = timing.again_at is not None
        yield Cause(
            key=f"failing {sync.key}",
            happened=f"'{name}' is not kept right at Meta. {timing.happened or ''}".strip(),
            nothing_lost=timing.nothing_lost,
            next_step=f"{timing.next_step or 'See guestlist status.'} [{timing.code}]",
            patience=scene.settings.failing_for if by_itself else timedelta(),
        )
    if timing.removal_since is not None:
        yield Cause(
            key=f"removal {sync.key}",
            happened=f"People who left '{name}' are still in it at Meta: Meta has not acknowledged their removal.",
            nothing_lost="It is kept, and goes first as soon as Meta takes it.",
            next_step="See guestlist status. Until then think of stopping the ads that use this audience.",
            since=timing.removal_since,
            patience=scene.settings.removal_waits,
        )


def _sizes(scene: Scene, syncs: Sequence[Sync]) -> Iterator[Cause]:
    known = scene.journal.sizes()
    for sync in syncs:
        before = known.get(sync.key)
        if before is None or scene.settings.size_jump is None:
            continue
        change = abs(sync.people_sent - before.people)
        if change > _FEW and change * 100 > before.people * scene.settings.size_jump:
            name = sync.remote_name or sync.audience
            yield Cause(
                key=f"size {sync.key} {sync.people_sent}",
                happened=f"'{name}' went from {before.people:,} to {counted(sync.people_sent, 'person')} at Meta.",
                next_step=f"If that is not what you meant, see why: guestlist audiences history {sync.audience}",
                quiet=True,
            )


def sizes_now(journal: Journal, now: int) -> list[Size]:
    """What the next jump is measured by: the people that Meta has when all is right."""
    return [Size(sync=one.key, people=one.people_sent, at=now) for one in journal.syncs() if one.right_at]


def _tokens(scene: Scene) -> Iterator[Cause]:
    for destination, ends in sorted(scene.token_ends.items()):
        left = (ends - scene.now) / _DAY
        reached = [level for level, days in enumerate(TOKEN_STEPS) if left <= days]
        if not reached:
            continue
        days = max(round(left), 0)
        when = "has ended" if left <= 0 else f"ends in {counted(days, 'day')}"
        yield Cause(
            key=f"token {destination}",
            happened=f"The token by which '{destination}' is reached at Meta {when}.",
            nothing_lost="Nothing is lost; without a token nobody is added or removed.",
            next_step="Make a new token, best one of a system user, and run: "
            f"guestlist destinations connect {destination} --ad-account act_… --token-file FILE",
            level=max(reached),
        )


def _silence(scene: Scene) -> Iterator[Cause]:
    last: dict[str, int] = {}
    for one in scene.journal.arrivals():
        if one.outcome == _TAKEN:
            last[one.source] = max(last.get(one.source, 0), one.last_at)
    made = {one.key: one.made_at for one in scene.journal.sources()}
    for source, limit in sorted(scene.settings.silence.items()):
        if source in made:
            hours = limit.total_seconds() / 3600
            yield from _silent(scene, source, max(last.get(source, 0), made[source]), limit, f"{hours:g} hours")


def _silent(scene: Scene, source: str, since: int, limit: timedelta, told: str) -> Iterator[Cause]:
    if scene.now - since <= limit.total_seconds() * _SECOND:
        return
    yield Cause(
        key=f"silence {source}",
        happened=f"Nothing has come from the source '{source}' for more than {told}.",
        nothing_lost="Audiences go on by what is known.",
        next_step="See whether what sends there still runs, and whether its write key is right: guestlist sources list",
        since=since,
    )


def _backup(scene: Scene) -> Iterator[Cause]:
    limit = scene.settings.backup_older_than
    if limit is None:
        return
    made = [one.made_at for one in scene.journal.backups() if one.made_at is not None]
    if not made or scene.now - max(made) > limit.total_seconds() * _SECOND:
        yield Cause(
            key="backup",
            happened="The last backup of this space is too old." if made else "There is no backup of this space.",
            next_step="Make one: guestlist backup DIR. If a timer should have, see why it did not.",
        )


def _trouble(scene: Scene) -> Iterator[Cause]:
    if scene.trouble is not None:
        yield Cause(
            key="trouble",
            happened=f"The space cannot be worked on. {scene.trouble.message}",
            nothing_lost=scene.trouble.nothing_lost,
            next_step=f"{scene.trouble.next_step} [{scene.trouble.code}]",
            patience=_TROUBLED_FOR,
        )
