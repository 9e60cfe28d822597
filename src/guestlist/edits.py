"""What people change in files of a space is noted in the audit, once, by whoever of us sees it first.

Who it was cannot be known here: that is in git, or nowhere. What our own commands write into the files has its entry
already, under the name of who had it done.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import orjson
from filelock import FileLock

from guestlist.audiences.document import ENDINGS, KEY, keys_by_file
from guestlist.errors import GuestlistError
from guestlist.space import SETTINGS_FILE, Space, make_private, open_space
from guestlist.store.journal import Journal

_NAMED = frozenset({"destinations", "sources", "tables"})
"""Sections of the settings whose entries are told one by one."""


def note_edits(space: Space, journal: Journal, *, now: int) -> None:
    """Note what has changed since anybody looked; the first look of all only remembers what is there.

    While one of the files cannot be read none is looked at.
    """
    with _alone(space), suppress(GuestlistError, OSError):
        journal.note_files(_found(space), now=now)


@contextmanager
def own_change(space: Space, journal: Journal, *items: str, now: int) -> Iterator[None]:
    """A change of these by one of our commands, which has an entry of its own; what others changed before is noted."""
    with _alone(space):
        with suppress(GuestlistError, OSError):
            journal.note_files(_found(space), now=now)
        try:
            yield
        finally:
            with suppress(GuestlistError, OSError):
                found = _found(space)
                journal.remember_files({item: found.get(item) for item in items}, now=now)


def setting(section: str, name: str) -> str:
    """How an entry of the settings is named."""
    return f"{SETTINGS_FILE}: {section}.{name}"


def audience_file(space: Space, file: str, key: str) -> str:
    """How the file of an audience is named; what can be no key, and so may be anything, is not repeated."""
    return f"{space.audiences.name}/{file}" + (f": {key}" if KEY.fullmatch(key) else "")


def _alone(space: Space) -> FileLock:
    """Between a change of ours and its note nobody else looks."""
    return FileLock(make_private(space.private) / "edits.lock", mode=0o600)


def _found(space: Space) -> dict[str, str]:
    """Digests of what people may edit, by how it is named."""
    found: dict[str, str] = {}
    said = open_space(space.folder).settings.model_dump(mode="json", exclude_unset=True)
    for section, value in said.items():
        if section in _NAMED and isinstance(value, dict):
            found |= {setting(section, name): _digest(orjson.dumps(_plain(entry))) for name, entry in value.items()}
        else:
            found[f"{SETTINGS_FILE}: {section}"] = _digest(orjson.dumps(_plain(value)))
    for file, key in keys_by_file(space.audiences).items():
        found[audience_file(space, file, key)] = _digest((space.audiences / file).read_bytes())
    for place in sorted(space.traits.glob("*")):
        if place.suffix in ENDINGS:
            found[f"{space.traits.name}/{place.name}"] = _digest(place.read_bytes())
    return found


def _plain(value: Any) -> Any:
    """In one order, however it is written."""
    if isinstance(value, dict):
        return {str(key): _plain(value[key]) for key in sorted(value, key=str)}
    return [_plain(one) for one in value] if isinstance(value, list) else value


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
