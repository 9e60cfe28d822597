"""Sources that are loaded: added with a mapping that is proposed from their first lines, taken away."""

import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from guestlist.clock import Clock, microseconds
from guestlist.edits import own_change, setting
from guestlist.errors import WrongUseError
from guestlist.loads.loading import FOLDER, SAMPLE, address, reach, read_when, secret_name
from guestlist.records import Records
from guestlist.sources.columns import told_columns
from guestlist.sources.files import DataFile
from guestlist.sources.mapping import MESSAGES, Chosen, Wish, propose
from guestlist.sources.pulled import SEALED, Load, Pulled, is_pulled, read_pulled
from guestlist.sources.staging import sample
from guestlist.space import Space, make_private
from guestlist.store.journal_pulls import Pull
from guestlist.store.vault import Secret

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_NOTHING = "Nothing was changed."


@dataclass(frozen=True, kw_only=True)
class Proposed:
    """A source as it would be, its first lines, and the mapping that they suggest."""

    source: Pulled
    file: DataFile
    chosen: Chosen
    secret: Secret | None


def check_name(space: Space, records: Records, name: str) -> None:
    """Refuse what cannot be a name, and names of sources that are there."""
    if not NAME.fullmatch(name):
        raise WrongUseError(
            "source_name",
            "That cannot be a source's name.",
            nothing_lost=_NOTHING,
            next_step="Use small letters, digits, _ and -, such as website.",
        )
    entry = space.settings.sources.get(name)
    is_key = name in {one.key for one in records.journal.sources()}
    if is_key or name == MESSAGES or (entry is not None and not is_pulled(entry) and entry.get("as") != "messages"):
        what = "with a write key" if is_key else "of files"
        raise WrongUseError(
            "source_exists",
            f"There is a source '{name}' already, {what}.",
            nothing_lost=_NOTHING,
            next_step="Choose another name.",
        )


@contextmanager
def proposal(
    space: Space, records: Records, name: str, load: Load, wish: Wish, secret: Secret | None = None
) -> Iterator[Proposed]:
    """Reach the location, and propose what its columns mean. What is known of the source already is kept.

    The first lines are on the disk until the block ends.
    """
    check_name(space, records, name)
    read_when(name, load)
    entry = space.settings.sources.get(name)
    before = read_pulled(name, entry) if entry is not None and is_pulled(entry) else None
    if secret is None and load.postgres is not None:
        secret = address(space, records, _of(name, load))
    folder = make_private(space.private / FOLDER) / f"{name}{SAMPLE}{secrets.token_hex(4)}"
    try:
        file = sample(load, reach(space, secret), folder)
        if before is not None and wish == Wish() and set(before.mapping.columns) <= set(file.columns):
            chosen = Chosen(source=name, mapping=before.mapping, proposed=False)
        else:
            chosen = Chosen(source=name, mapping=propose(file, wish), proposed=True)
        _check_columns(load, file)
        source = Pulled(name=name, mapping=chosen.mapping, load=load)
        yield Proposed(source=source, file=file, chosen=chosen, secret=secret)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _of(name: str, load: Load) -> Pulled:
    return read_pulled(name, {"as": "people", "load": load.entry()})


def _check_columns(load: Load, file: DataFile) -> None:
    for option, column in (("--key", load.key), ("--changed", load.changed)):
        if column is not None and column not in file.columns:
            raise WrongUseError(
                "unknown_column",
                f"There is no column '{column}' ({option}).",
                nothing_lost=_NOTHING,
                next_step=told_columns(file),
            )


def keep(space: Space, records: Records, proposed: Proposed, clock: Clock) -> None:
    """Write the source into `guestlist.yaml`, its address into the vault; nothing is loaded yet."""
    source, now = proposed.source, microseconds(clock.now())
    if source.load.postgres == SEALED and proposed.secret is not None:
        records.vault.save(secret_name(source.name), proposed.secret, now=now)
    with own_change(space, records.journal, setting("sources", source.name), now=now):
        space.write_entry("sources", source.name, source.entry())
    if source.name not in records.journal.pulls():
        records.journal.save_pull(Pull(source=source.name, at=now))


def remove(space: Space, records: Records, name: str, *, now: int) -> bool:
    """Take a source away that is loaded; what it said stays as it is. False where there is none of that name."""
    if not is_pulled(space.settings.sources.get(name, {})):
        return False
    with own_change(space, records.journal, setting("sources", name), now=now):
        space.remove_entry("sources", name)
    records.vault.delete(secret_name(name))
    records.journal.forget_pull(name)
    return True
