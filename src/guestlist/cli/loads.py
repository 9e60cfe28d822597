"""`guestlist sources add | show | load` for sources that are loaded on a schedule: parsed and rendered."""

import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from guestlist.cli.frame import DONE, NEEDS_A_PERSON, add_row, answer, console, say, show, table
from guestlist.cli.imports import settle_mapping
from guestlist.clock import microseconds
from guestlist.connected.connections import clock_of
from guestlist.errors import GuestlistError, WrongUseError
from guestlist.loads import loading, sourcing
from guestlist.loads.loading import GOOD, Standing
from guestlist.operations.imports import proposal
from guestlist.records import Records, find_people, open_records
from guestlist.sources.mapping import Wish
from guestlist.sources.pulled import SEALED, Load
from guestlist.space import Space, open_space
from guestlist.store.journal_pulls import Pull
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


def load_one(folder: Path, name: str, *, accept: bool, as_json: bool) -> int:
    """Load a source now; where a service keeps the space, ask that to."""
    space = open_space(folder)
    clock = clock_of(space)
    loading.one_source(space, name)
    with open_records(space) as records:
        try:
            pull = _load_here(space, records, name, accept=accept)
        except GuestlistError as error:
            if error.code != "space_in_use":
                raise
            records.journal.ask_load(name, accept=accept, now=microseconds(clock.now()))
            return _tell_asked(name, as_json=as_json)
    if as_json:
        answer({"source": _pull_facts(pull)})
    else:
        _tell_loaded(pull)
    return DONE if pull.state in GOOD else NEEDS_A_PERSON


def _load_here(space: Space, records: Records, name: str, *, accept: bool) -> Pull:
    with space.open_warehouse() as warehouse:
        pull = loading.load_now(space, records, warehouse, name, clock_of(space), accept=accept)
        if warehouse.has("message"):
            find_people(space, warehouse, records)
        warehouse.checkpoint()
    return pull


def _tell_asked(name: str, *, as_json: bool) -> int:
    if as_json:
        answer({"source": {"key": name, "asked": True}})
    else:
        say(f"The service that keeps this space loads {name} now. See how it went: guestlist sources show {name}")
    return DONE


def _tell_loaded(pull: Pull) -> None:
    if pull.state in GOOD:
        numbers = f"{pull.came:,} new or changed, {pull.went:,} gone, {pull.rejected:,} left out"
        say(f"{pull.source}: {pull.lines:,} lines, {numbers}.")
        return
    say(f"{pull.source}: not loaded.", *_trouble(pull))


def _trouble(pull: Pull) -> list[str]:
    told = [line for line in (pull.happened, pull.nothing_lost, pull.next_step) if line]
    return [f"  {line}" for line in told] + [f"  [{pull.code}]"] if pull.code else []


# Telling


def tell_loads(found: list[Standing]) -> None:
    """A table of all of them, and below it what is wrong with which."""
    numbers = ("lines", "new", "gone", "left out")
    made = table("source", "state", "last good load", *numbers, "next", right=numbers)
    for one in found:
        pull = one.pull
        counts = (f"{n:,}" for n in (pull.lines, pull.came, pull.went, pull.rejected))
        add_row(made, (one.name, _state(one), _time(pull.good_at), *counts, _when(one.next_at)))
    show(made)
    for one in found:
        say(*_wrong(one))


def show_load(folder: Path, name: str, *, as_json: bool) -> int:
    """One source that is loaded."""
    space = open_space(folder)
    if name not in space.settings.sources or "load" not in space.settings.sources[name]:
        loading.one_source(space, name)
    with open_records(space) as records:
        found = [one for one in loading.standings(space, records, now=clock_of(space).now()) if one.name == name]
    if as_json:
        answer({"source": load_facts(found[0])})
        return DONE
    tell_loads(found)
    entry = space.settings.sources[name]
    say(f"as {entry.get('as')}, key {entry['load'].get('key', 'none: a line is what it says')}")
    return DONE


def _wrong(one: Standing) -> list[str]:
    if one.error is not None:
        return [f"{one.name}: {one.error.message}", f"  {one.error.next_step}", f"  [{one.error.code}]"]
    return [f"{one.name}:", *_trouble(one.pull)] if one.pull.code else []


def _state(one: Standing) -> str:
    return "mistake" if one.error is not None else one.pull.state or "not loaded yet"


def load_facts(one: Standing) -> dict[str, Any]:
    """For machines."""
    facts = _pull_facts(one.pull)
    if one.error is not None:
        error = {"code": one.error.code, "message": one.error.message, "next": one.error.next_step}
        facts |= {"state": "mistake", "error": error}
    return {**facts, "next_at": one.next_at.isoformat() if one.next_at else None}


def _pull_facts(pull: Pull) -> dict[str, Any]:
    error = {"code": pull.code, "message": pull.happened, "next": pull.next_step} if pull.code else None
    return {
        "key": pull.source,
        "state": pull.state,
        "good_at": loading.instant(pull.good_at).isoformat() if pull.good_at else None,
        "lines": pull.lines,
        "came": pull.came,
        "went": pull.went,
        "left_out": pull.rejected,
        "error": error,
    }


def _time(microseconds: int | None) -> str:
    return _when(loading.instant(microseconds)) if microseconds else "none"


def _when(instant: datetime | None) -> str:
    return instant.strftime("%Y-%m-%d %H:%M UTC") if instant else "when asked"
