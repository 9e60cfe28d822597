"""Sources that are loaded on a schedule: when, from where, what came of it.

A load has two halves. What the location has now is fetched into files, which may take long and touches no store; then
it lands in one transaction, or is not applied: then the last good one stands, and audiences that depend on the source
take in nobody new until a load is good again.
"""

import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from guestlist.audiences.definition import Duration, Schedule
from guestlist.audiences.mistakes import DefinitionError, Mistakes, did_you_mean
from guestlist.audiences.schedule import Past, due, read_schedule
from guestlist.clock import Clock, microseconds
from guestlist.counts import counted
from guestlist.errors import GuestlistError, WrongUseError
from guestlist.owning.holding import SpaceLock
from guestlist.records import Records
from guestlist.settings import SecretReference
from guestlist.sources.fetching import Fetcher
from guestlist.sources.landing import Clocks
from guestlist.sources.pulled import Load, Pulled, is_pulled, read_pulled
from guestlist.sources.pulling import End, Landing, known, land_pulled
from guestlist.sources.staging import Known, Staged, Where, stage
from guestlist.space import Space, make_private
from guestlist.store import Warehouse
from guestlist.store.journal_pulls import Pull
from guestlist.store.vault import Secret

FOLDER = "pulled"
"""In the folder of the stores: what was fetched and has not landed."""
SAMPLE = "-sample-"
"""In the names of folders there, of some first lines that a mapping is proposed from."""
_LOOKED_AT = timedelta(hours=1)
USUAL = Duration(amount=1, unit="hours")
FAILED = "failed"
GOOD = frozenset({End.LOADED.value, End.UNCHANGED.value})
_FIRST_WAIT, _LONGEST_WAIT = timedelta(minutes=1), timedelta(minutes=15)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, kw_only=True)
class Scheduled:
    """A source that is loaded, and when."""

    source: Pulled
    when: Schedule

    @property
    def name(self) -> str:
        return self.source.name


@dataclass(frozen=True, kw_only=True)
class Job:
    """One load that was begun."""

    scheduled: Scheduled
    known: Known
    where: Where
    folder: Path
    accept: bool
    began: int

    def fetch(self) -> Staged:
        """The first half. Touches no store."""
        return stage(self.scheduled.source, self.where, self.known, self.folder)

    def clear(self) -> None:
        """Take away what was fetched."""
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A source, how it stands, when it is loaded next; `error` where its settings cannot be used."""

    name: str
    scheduled: Scheduled | None
    pull: Pull
    next_at: datetime | None
    error: GuestlistError | None = None


# What there is


def scheduled_sources(space: Space) -> tuple[list[Scheduled], dict[str, GuestlistError]]:
    """The sources that are loaded, by name; and those whose entry has a mistake, which costs only them."""
    found: list[Scheduled] = []
    wrong: dict[str, GuestlistError] = {}
    for name, entry in sorted(space.settings.sources.items()):
        if is_pulled(entry):
            try:
                found.append(scheduled(read_pulled(name, entry)))
            except GuestlistError as error:
                wrong[name] = error
    return found, wrong


def scheduled(source: Pulled) -> Scheduled:
    """The source with its schedule: every hour where it says nothing."""
    return Scheduled(source=source, when=read_when(source.name, source.load))


def read_when(name: str, load: Load) -> Schedule:
    """When a source is loaded, as `every:` or `cron:` of its entry say."""
    said = {key: value for key, value in (("every", load.every), ("cron", load.cron)) if value is not None}
    mistakes = Mistakes()
    when = read_schedule(said, f"sources.{name}.load", mistakes) if said else USUAL
    if mistakes.found:
        raise DefinitionError(mistakes.found)
    if when is None or when == "on_change":
        raise GuestlistError(
            "source_settings",
            f"guestlist.yaml cannot be used: sources.{name}.load.every: on_change is for audiences.",
            nothing_lost="Nothing was changed: what was loaded last stands.",
            next_step="Write an amount of time such as 1h, or manual.",
        )
    return when


def one_source(space: Space, name: str) -> Scheduled:
    """The source of this name that is loaded."""
    entry = space.settings.sources.get(name)
    if entry is not None and is_pulled(entry):
        return scheduled(read_pulled(name, entry))
    raise unknown_source(space, name)


def unknown_source(space: Space, name: str) -> WrongUseError:
    """A source was named that is none, or none that is loaded."""
    return WrongUseError(
        "unknown_source",
        f"There is no source '{name}' that is loaded from somewhere.",
        nothing_lost="Nothing was changed.",
        next_step=did_you_mean(name, scheduled_names(space)) or "See them with: guestlist sources list",
    )


def scheduled_names(space: Space) -> list[str]:
    """The names of all sources that are loaded, whatever their entries say."""
    return [name for name, entry in space.settings.sources.items() if is_pulled(entry)]


def standings(space: Space, records: Records, *, now: datetime) -> list[Standing]:
    """How all sources that are loaded stand. Reads nothing but settings and journal, so it works beside an owner."""
    found, wrong = scheduled_sources(space)
    pulls = records.journal.pulls()
    told = [
        Standing(name=one.name, scheduled=one, pull=pull, next_at=next_time(space, one, pull, now=now))
        for one in found
        for pull in (pulls.get(one.name) or Pull(source=one.name, at=microseconds(now)),)
    ]
    told += [
        Standing(name=name, scheduled=None, pull=pulls.get(name) or Pull(source=name, at=microseconds(now)),
                 next_at=None, error=error)
        for name, error in wrong.items()
    ]  # fmt: skip
    return sorted(told, key=lambda one: one.name)


def next_time(space: Space, one: Scheduled, pull: Pull, *, now: datetime) -> datetime | None:
    """When it is to be loaded, which may be long past: times that were missed are made up for once."""
    if pull.asked_at is not None:
        return instant(pull.asked_at)
    past = Past(at=instant(pull.at), ran=pull.state is not None).seen_at(now)
    regular = due(one.when, past, zone=space.settings.zone, changed=False)
    if pull.again_at is None:
        return regular
    again = instant(pull.again_at)
    return again if regular is None else min(regular, again)


def instant(microseconds_since_1970: int) -> datetime:
    """As the journal keeps instants."""
    return datetime.fromtimestamp(0, UTC) + microseconds_since_1970 * _MICROSECOND


# Loading


def begin(
    space: Space,
    records: Records,
    warehouse: Warehouse,
    one: Scheduled,
    clock: Clock,
    *,
    accept: bool = False,
    whole: bool = False,
    halted: Callable[[], bool] = lambda: False,
) -> Job:
    """Make ready what fetching needs, so that it can go on beside all else."""
    clocks = clocks_of(space, clock)
    before = known(warehouse, one.source, clocks)
    folder = make_private(space.private / FOLDER) / f"{one.name}-{secrets.token_hex(4)}"
    return Job(
        scheduled=one,
        known=replace(before, whole=True) if whole else before,
        where=where(space, records, one.source, halted=halted),
        folder=folder,
        accept=accept,
        began=microseconds(clocks.now),
    )


def where(space: Space, records: Records, source: Pulled, *, halted: Callable[[], bool] = lambda: False) -> Where:
    """How the location is reached."""
    return reach(space, address(space, records, source), halted=halted)


def reach(space: Space, secret: Secret | None, *, halted: Callable[[], bool] = lambda: False) -> Where:
    """How a location with this secret address is reached."""
    allowed = frozenset(host.lower() for host in space.settings.allowed_hosts)
    return Where(folder=space.folder, address=secret, fetcher=Fetcher(allowed=allowed, halted=halted), halted=halted)


def address(space: Space, records: Records, source: Pulled) -> Secret | None:
    """The address of its database, None for all else."""
    said = source.load.postgres
    if isinstance(said, SecretReference):
        return Secret(said.read(space.folder))
    if said is None:
        return None
    sealed = records.vault.load(secret_name(source.name))
    if sealed is None:
        raise GuestlistError(
            "source_address_missing",
            f"The database address of the source {source.name} is not kept in this space.",
            nothing_lost="Nothing was changed: what was loaded last stands.",
            next_step=f"Give it again: guestlist sources add {source.name} --dsn-file FILE",
        )
    return sealed


def secret_name(source: str) -> str:
    """Under which an address is sealed."""
    return f"source {source} address"


def clocks_of(space: Space, clock: Clock) -> Clocks:
    """How times in lines are read."""
    return Clocks(now=clock.now(), zone=space.settings.time_zone, date_order=space.settings.date_order)


def land_load(space: Space, warehouse: Warehouse, job: Job, staged: Staged, clock: Clock) -> Landing:
    """The second half: all of it, or nothing."""
    return land_pulled(warehouse, job.scheduled.source, staged, clocks_of(space, clock), accept=job.accept)


def sweep(space: Space, clock: Clock) -> None:
    """Take away what a process that was killed had fetched. By whoever has the space, while none of its loads goes on.

    Samples are left for an hour: somebody may be looking at one.
    """
    now = clock.now()
    for folder in (space.private / FOLDER).glob("*"):
        if SAMPLE not in folder.name or _age(folder, now) > _LOOKED_AT:
            shutil.rmtree(folder, ignore_errors=True)


def _age(folder: Path, now: datetime) -> timedelta:
    try:
        return abs(now - datetime.fromtimestamp(folder.stat().st_mtime, UTC))
    except FileNotFoundError:
        return timedelta()


def load_now(space: Space, records: Records, warehouse: Warehouse, name: str, clock: Clock, *, accept: bool) -> Pull:
    """Load one source, here and now; how it stands then. Nobody else has the warehouse."""
    one = one_source(space, name)
    lock = SpaceLock(space)
    if lock.take():  # else a service fetches beside this
        sweep(space, clock)
        lock.let_go()
    whole = False
    began = microseconds(clock.now())
    try:
        while True:
            job = begin(space, records, warehouse, one, clock, accept=accept, whole=whole)
            try:
                landing = land_load(space, warehouse, job, job.fetch(), clock)
            finally:
                job.clear()
            if landing.end is not End.AGAIN:
                break
            whole = True
    except GuestlistError as error:
        return note_failed(records, one.name, error, began=began, now=microseconds(clock.now()))
    return note_landed(records, one.name, landing, began=began)


# What came of it


def note_landed(records: Records, name: str, landing: Landing, *, began: int) -> Pull:
    """Keep how a load ended."""
    before = _before(records, name, began)
    if landing.end.value in GOOD:
        found = Pull(
            source=name,
            at=began,
            state=landing.end.value,
            good_at=began,
            lines=landing.lines,
            came=landing.came,
            went=landing.went,
            rejected=landing.rejected if landing.end is End.LOADED else before.rejected,
        )
    else:
        found = _refused(before, not_applied(name, landing), state=landing.end.value, began=began)
    records.journal.save_pull(found)
    return found


def note_failed(records: Records, name: str, error: GuestlistError, *, began: int, now: int) -> Pull:
    """Keep why a load failed; it is tried again after growing waits."""
    before = _before(records, name, began)
    wait = min(_FIRST_WAIT * 2 ** min(before.failures, 20), _LONGEST_WAIT)
    found = _refused(before, error, state=FAILED, began=began)
    found = replace(found, failures=before.failures + 1, again_at=now + wait // _MICROSECOND)
    records.journal.save_pull(found)
    return found


def _before(records: Records, name: str, began: int) -> Pull:
    return records.journal.pulls().get(name) or Pull(source=name, at=began)


def _refused(before: Pull, error: GuestlistError, *, state: str, began: int) -> Pull:
    return replace(
        before,
        at=began,
        state=state,
        failures=0,
        again_at=None,
        code=error.code,
        happened=error.message,
        nothing_lost=error.nothing_lost,
        next_step=error.next_step,
    )


def not_applied(name: str, landing: Landing) -> GuestlistError:
    """Why a load that went well is not applied."""
    accept = f"If that is right: guestlist sources load {name} --accept"
    safe = "What was loaded last stands; audiences that depend on it take in nobody new."
    if landing.end is End.EMPTY:
        there = f"; there were {landing.before:,} before" if landing.before else ""
        told = f"The source {name} has no line that can be used{there}."
        return GuestlistError("source_empty", told, nothing_lost=safe, next_step=accept)
    told = (
        f"The source {name} has {counted(landing.lines, 'line')}; there were {landing.before:,} before, "
        "more than twice as many."
    )
    return GuestlistError("source_shrunk", told, nothing_lost=safe, next_step=accept)
