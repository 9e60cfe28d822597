"""`guestlist sources add | show | load` for sources that are loaded on a schedule: parsed and rendered."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from guestlist.cli.frame import DONE, NEEDS_A_PERSON, add_row, answer, console, say, show, table
from guestlist.cli.imports import As, settle_mapping
from guestlist.cli.place import Place
from guestlist.cli.remote import Remote
from guestlist.counts import counted
from guestlist.errors import WrongUseError
from guestlist.loads.loading import GOOD
from guestlist.operations.hidden import hide
from guestlist.operations.imports import Proposal
from guestlist.operations.loads import (
    AddLoad,
    Asked,
    LoadAdded,
    LoadError,
    LoadSource,
    LoadStanding,
    ShowLoad,
    SourceLoad,
)
from guestlist.store.vault import Secret

_LARGEST = 100_000


@dataclass(frozen=True, kw_only=True)
class Given:
    """A location as it was typed; None where nothing was said."""

    dsn_file: Path | None = None
    dsn_env: str | None = None
    table: str | None = None
    query: str | None = None
    query_file: Path | None = None
    files: str | None = None
    url: str | None = None
    key: str | None = None
    changed: str | None = None
    every: str | None = None
    cron: str | None = None
    keep_gone: bool = False

    @property
    def said(self) -> bool:
        return self != Given()

    def order(self, name: str, *, reading: As | None, event: str | None, time: str | None, id_: str | None) -> AddLoad:
        """As a space takes it, with what the lines are."""
        return AddLoad(
            name=name,
            address=hide(_secret(self.dsn_file)) if self.dsn_file else None,
            env=self.dsn_env,
            table=self.table,
            query=self.query or (_text(self.query_file, "--query-file") if self.query_file else None),
            files=self.files,
            url=self.url,
            key=self.key,
            changed=self.changed,
            every=self.every,
            cron=self.cron,
            gone="keep" if self.keep_gone else None,
            reading=reading.value if reading else None,
            event=event,
            time=time,
            id=id_,
        )


def add_load(space: Place, order: AddLoad, *, yes: bool, as_json: bool) -> int:
    """Add or change a source that is loaded."""
    out = console(sys.stderr if as_json else None)

    def settle(proposed: Proposal) -> None:
        settle_mapping(out, proposed, yes=yes)

    def there(service: Remote) -> LoadAdded:
        asks = not yes and sys.stdin.isatty()
        told = service.ask(order.model_copy(update={"propose": True}) if asks else order)
        if told.proposed is not None:
            settle(told.proposed)
        return service.ask(order) if asks else told

    told = space.either(lambda desk: order.add(desk, settle), there)
    if as_json:
        answer({"key": told.key, "entry": told.entry})
        return DONE
    say(f"Source {told.key} is there: guestlist.yaml has what its columns mean and when it is loaded.")
    say(f"Load it now: guestlist sources load {told.key}", "The service loads it on time: guestlist serve")
    return DONE


def _secret(place: Path) -> Secret:
    """The address in a file. What the file holds is never repeated, whatever it is."""
    words = _text(place, "--dsn-file").split()
    if len(words) != 1 or not words[0].startswith(("postgres://", "postgresql://")):
        raise WrongUseError(
            "source_address",
            f"{place} does not hold the address of a Postgres database.",
            nothing_lost="Nothing was changed.",
            next_step="Write one line into it, such as postgresql://role:password@host:5432/database",
        )
    return Secret(words[0])


def _text(place: Path, option: str) -> str:
    try:
        with place.open(encoding="utf-8") as file:
            return file.read(_LARGEST)
    except (OSError, UnicodeDecodeError):
        raise WrongUseError(
            "no_file",
            f"The file of {option} cannot be read: {place}.",
            nothing_lost="Nothing was changed.",
            next_step="Check its name and where you are.",
        ) from None


# Loading


def load_one(space: Place, name: str, *, accept: bool, as_json: bool) -> int:
    """Load a source now; where a service keeps the space, ask that to."""
    told = space.ask(LoadSource(name=name, accept=accept))
    if as_json:
        answer(told)
    elif isinstance(told.source, Asked):
        say(f"The service that keeps this space loads {name} now. See how it went: guestlist sources show {name}")
    else:
        _tell_loaded(told.source)
    return DONE if isinstance(told.source, Asked) or told.source.state in GOOD else NEEDS_A_PERSON


def _tell_loaded(one: SourceLoad) -> None:
    if one.state in GOOD:
        numbers = f"{one.came:,} new or changed, {one.went:,} gone, {one.left_out:,} left out"
        say(f"{one.key}: {counted(one.lines, 'line')}, {numbers}.")
        return
    say(f"{one.key}: not loaded.", *_trouble(one.error))


def _trouble(error: LoadError | None) -> list[str]:
    if error is None:
        return []
    told = [line for line in (error.message, error.nothing_lost, error.next) if line]
    return [f"  {line}" for line in told] + [f"  [{error.code}]"]


# Telling


def tell_loads(found: Sequence[LoadStanding]) -> None:
    """A table of all of them, and below it what is wrong with which."""
    numbers = ("lines", "new", "gone", "left out")
    made = table("source", "state", "last good load", *numbers, "next", right=numbers)
    for one in found:
        counts = (f"{n:,}" for n in (one.lines, one.came, one.went, one.left_out))
        state = one.state or "not loaded yet"
        add_row(made, (one.key, state, _when(one.good_at, "none"), *counts, _when(one.next_at, "when asked")))
    show(made)
    for one in found:
        if one.error is not None:
            say(f"{one.key}:", *_trouble(one.error))


def show_load(space: Place, name: str, *, as_json: bool) -> int:
    """One source that is loaded."""
    told = space.ask(ShowLoad(name=name))
    if as_json:
        answer(told)
        return DONE
    tell_loads([told.source])
    say(f"as {told.source.reading}, key {told.source.line_key or 'none: a line is what it says'}")
    return DONE


def _when(instant: str | None, never: str) -> str:
    return f"{datetime.fromisoformat(instant):%Y-%m-%d %H:%M} UTC" if instant else never
