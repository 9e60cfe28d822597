"""`guestlist sources add | show | load` for sources that are loaded on a schedule: parsed and rendered."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from guestlist.cli.frame import DONE, NEEDS_A_PERSON, add_row, answer, console, say, show, table
from guestlist.cli.imports import settle_mapping
from guestlist.cli.place import Place
from guestlist.connected.connections import clock_of
from guestlist.errors import WrongUseError
from guestlist.loads import sourcing
from guestlist.loads.loading import GOOD
from guestlist.operations.imports import proposal
from guestlist.operations.loads import Asked, LoadError, LoadSource, LoadStanding, ShowLoad, SourceLoad
from guestlist.records import open_records
from guestlist.sources.mapping import Wish
from guestlist.sources.pulled import SEALED, Load
from guestlist.space import Space
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


def add_load(space: Space, name: str, given: Given, wish: Wish, *, yes: bool, as_json: bool) -> int:
    """Add or change a source that is loaded."""
    out = console(sys.stderr if as_json else None)
    clock = clock_of(space)
    secret = _secret(given.dsn_file) if given.dsn_file else None
    with open_records(space) as records:
        try:
            proposed = sourcing.proposal(space, records, name, _load(space, name, given), wish, secret)
            if proposed.chosen.proposed:
                settle_mapping(out, proposal(proposed.file, proposed.chosen), yes=yes)
            sourcing.keep(space, records, proposed, clock)
        finally:
            sourcing.done(space)
    if as_json:
        answer({"key": name, "entry": proposed.source.entry()})
        return DONE
    say(f"Source {name} is there: guestlist.yaml has what its columns mean and when it is loaded.")
    say(f"Load it now: guestlist sources load {name}", "The service loads it on time: guestlist serve")
    return DONE


def _load(space: Space, name: str, given: Given) -> Load:
    """What was typed, beside what `guestlist.yaml` says of the source already."""
    before = dict(space.settings.sources.get(name, {}).get("load", {}))
    postgres: Any = SEALED if given.dsn_file else {"env": given.dsn_env} if given.dsn_env else None
    said = {
        "postgres": postgres,
        "table": given.table,
        "query": given.query or (_text(given.query_file, "--query-file") if given.query_file else None),
        "files": given.files,
        "url": given.url,
        "key": given.key,
        "changed": given.changed,
        "every": given.every,
        "cron": given.cron,
        "gone": "keep" if given.keep_gone else None,
    }
    for one, others in (("every", ("cron",)), ("cron", ("every",)), ("table", ("query",)), ("query", ("table",)),
                        ("postgres", ("files", "url")), ("files", ("postgres", "url", "table", "query")),
                        ("url", ("postgres", "files", "table", "query"))):  # fmt: skip
        if said[one]:
            before = {key: value for key, value in before.items() if key not in others}
    try:
        return Load.model_validate({**before, **{key: value for key, value in said.items() if value is not None}})
    except ValidationError as error:
        first = str(error.errors(include_input=False, include_url=False)[0]["msg"]).removeprefix("Value error, ")
        raise WrongUseError(
            "source_settings",
            f"That does not say where to load from: {first}.",
            nothing_lost="Nothing was changed.",
            next_step="See: guestlist sources add --help",
        ) from None


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
        say(f"{one.key}: {one.lines:,} lines, {numbers}.")
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
