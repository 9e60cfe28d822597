"""A space examined: every destination at Meta, and the disk, line by line as each is known."""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from guestlist.audiences.document import read_folder
from guestlist.clock import microseconds
from guestlist.connected import parking, watching
from guestlist.connected.connections import clock_of
from guestlist.destinations.meta.client import MetaClient
from guestlist.destinations.meta.connect import connection, kept_credentials, terms_link
from guestlist.destinations.meta.doctor import Health, Line, examine
from guestlist.destinations.meta.verdicts import to_type
from guestlist.destinations.settings import read_destination
from guestlist.errors import GuestlistError
from guestlist.records import Records
from guestlist.space import Space

_GB = 1e9
BY_ITSELF = frozenset({"meta_quota_high"})
"""What mends without a person."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """One line, of one destination or of the space."""

    destination: str
    line: Line

    @property
    def needs_a_person(self) -> bool:
        return self.line.health is not Health.OK and self.line.code not in BY_ITSELF


def examined(space: Space, records: Records, *, go_on: bool) -> Iterator[Found]:
    """Nobody is sent. `go_on`: a parked destination is called again where the reason is gone."""
    for name in space.settings.destinations:
        for line in _lines(space, records, name, _names(space, name), go_on=go_on):
            yield Found(destination=name, line=line)
    if space.settings.destinations:
        yield Found(destination="space", line=_disk(space))


def _names(space: Space, destination: str) -> list[str]:
    """The names of the audiences that go there; none while a file has a mistake, which `audiences check` tells."""
    try:
        definitions = read_folder(space.audiences)
    except GuestlistError:
        return []
    return [one.name for one in definitions if any(sync.to == destination for sync in one.syncs)]


def _disk(space: Space) -> Line:
    """An erasure writes a store anew, beside the old one."""
    free = shutil.disk_usage(space.private).free
    held = sum(_size(Path(folder) / name) for folder, _, names in os.walk(space.private) for name in names)
    found = f"{free / _GB:,.1f} GB of the disk are free; the space takes {held / _GB:,.1f} GB."
    if free >= max(held, _GB):
        return Line(check="disk", health=Health.OK, found=found)
    step = "Make room: an erasure and a full import write the data once more beside what is there."
    return Line(check="disk", health=Health.WARNING, found=found, next_step=step, code="disk_low")


def _size(file: Path) -> int:
    """A file that is gone by now, as whoever keeps the space works on, takes nothing."""
    with suppress(FileNotFoundError):
        return file.stat().st_size
    return 0


def _lines(space: Space, records: Records, name: str, names: list[str], *, go_on: bool) -> Iterator[Line]:
    try:
        settings = read_destination(space.settings, name)
        reached = connection(settings, kept_credentials(records.vault, name), name)
    except GuestlistError as error:
        yield Line(
            check="settings", health=Health.BROKEN, found=error.message, next_step=error.next_step, code=error.code
        )
        return
    now = microseconds(clock_of(space).now())
    with MetaClient(reached) as client:
        for line in examine(client, now=now // 1_000_000, names=names):
            yield _to_follow(line, settings.account, name)
        _know_token(records, name, client, now)
        yield from _parked(records, name, settings.account, client if go_on else None, now)


def _know_token(records: Records, name: str, client: MetaClient, now: int) -> None:
    """Once a day: what `status` tells of it without asking."""
    if watching.due(records.journal.known_token(name), now=now):
        with suppress(GuestlistError):
            facts = client.token()
            if facts.valid:
                watching.know(records.journal, name, facts, now=now)


def _parked(records: Records, name: str, account: str, client: MetaClient | None, now: int) -> Iterator[Line]:
    """What parked the destination may be over: then it goes on from here."""
    parked = records.journal.parked(name)
    if parked is None:
        return
    if client is not None and parking.look_whether_over(records.journal, parked, account, client, now=now):
        found = "It was parked, and goes on now: by itself where the service runs, else with: guestlist sync"
        yield Line(check="parked", health=Health.OK, found=found)
        return
    error = parking.error_of(records.journal.parked(name) or parked)
    yield Line(check="parked", health=Health.BROKEN, found=error.message, next_step=error.next_step, code=error.code)


def _to_follow(line: Line, account: str, name: str) -> Line:
    """What to do as it can be done: commands name the destination, and the link to the terms the account."""
    if line.check != "terms" or line.health is Health.OK:
        return replace(line, next_step=to_type(line.next_step, destination=name))
    step = f"Someone with a role in the business opens {terms_link(account)} and accepts. Then run: guestlist doctor"
    return replace(line, next_step=step)
