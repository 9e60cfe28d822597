"""Audiences of Segment Engage of which messages tell: which there are, and taking one over as an audience of this space."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from guestlist.audiences.definition import Definition, External, Sync, external_keys
from guestlist.audiences.document import KEY, read_folder
from guestlist.audiences.mistakes import DefinitionError, did_you_mean
from guestlist.audiences.writing import as_yaml, definition_document
from guestlist.edits import audience_file, own_change
from guestlist.errors import WrongUseError
from guestlist.records import JOURNAL_FILE, Records, open_records
from guestlist.space import Space
from guestlist.store.journal_externals import ExternalAudience

_UNTOUCHED = "Nothing was written."


@dataclass(frozen=True, kw_only=True)
class Known:
    """An audience of Engage, and the audiences here that ask about it."""

    external: ExternalAudience
    asked_by: tuple[str, ...]


def known_externals(records: Records, definitions: Iterable[Definition]) -> tuple[Known, ...]:
    """All that were heard of so far, by key."""
    asking = {one.key: external_keys(one.who) for one in definitions}
    return tuple(
        Known(external=one, asked_by=tuple(sorted(key for key, asked in asking.items() if one.key in asked)))
        for one in records.journal.externals()
    )


def known_in(space: Space) -> tuple[Known, ...]:
    """The same for a space that may have no records, nor definitions that can be read."""
    if not (space.private / JOURNAL_FILE).exists():
        return ()
    with open_records(space) as records:
        return known_externals(records, readable_definitions(space))


def readable_definitions(space: Space) -> tuple[Definition, ...]:
    """All of them, or none where one has a mistake."""
    try:
        return tuple(read_folder(space.audiences))
    except DefinitionError:  # guestlist audiences check tells it
        return ()


def not_taken(known: Iterable[Known]) -> Iterator[str]:
    """What to do about those that nobody asks about, each in one sentence."""
    for one in known:
        if not one.asked_by:
            yield offer(one.external.key, one.external.people)


def offer(key: str, people: int) -> str:
    """What to do about one that nobody asks about."""
    told = f"Segment sends `{key}` ({people:,} {'person' if people == 1 else 'people'})"
    return f"{told}. To send it to Meta: guestlist audiences take {key}"


@dataclass(frozen=True, kw_only=True)
class Taken:
    """The file that was written, and the destination to which its audience goes, if there is one."""

    place: Path
    to: str | None


def take(
    space: Space, records: Records, key: str, *, to: str | None = None, name: str | None = None, now: int
) -> Taken:
    """Write the audience that has the people of one of Engage's; it runs whenever that changes.

    `to`: the destination, which can be left out while there is one, or none yet. The file is never written over.
    """
    known = known_externals(records, read_folder(space.audiences))
    found = next((one for one in known if one.external.key == key), None)
    if found is None:
        raise _unheard_of(key, known)
    if found.asked_by:
        raise _taken(key, found.asked_by[0])
    own = _own_key(key)
    place = space.audiences / f"{own}.yaml"
    destination = _destination(tuple(space.settings.destinations), to)
    syncs = (Sync(to=destination, when="on_change"),) if destination else ()
    told = Definition(key=own, name=name or key.replace("_", " ").capitalize(), who=External(audience=key), syncs=syncs)
    with own_change(space, records.journal, audience_file(space, place.name, own), now=now):
        _write(place, as_yaml(definition_document(told)))
    return Taken(place=place, to=destination)


def _own_key(key: str) -> str:
    plain = re.sub(r"[^a-z0-9]+", "_", key.casefold()).lstrip("_0123456789").rstrip("_")[:64]
    return plain if KEY.fullmatch(plain) else "external"


def _destination(known: Sequence[str], to: str | None) -> str | None:
    if to is None and len(known) < 2:
        return known[0] if known else None
    if to in known:
        return to
    told = "There are several destinations." if to is None else f"'{to}' is not a connected destination."
    connect = f"Connect it: guestlist destinations connect {to}"
    hint = f"Name one of them with --to: {', '.join(known)}" if known else connect
    raise WrongUseError("destination_not_named", told, nothing_lost=_UNTOUCHED, next_step=hint)


def _write(place: Path, text: str) -> None:
    try:
        with place.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise WrongUseError(
            "file_exists",
            f"{place} is there already.",
            nothing_lost=_UNTOUCHED,
            next_step="Write `external:` into the definition that you want yourself; docs/engage.md shows how.",
        ) from None


def _unheard_of(key: str, known: Sequence[Known]) -> WrongUseError:
    keys = [one.external.key for one in known]
    return WrongUseError(
        "unknown_external",
        f"No message told of an audience '{key}' of Segment.",
        nothing_lost=_UNTOUCHED,
        next_step=did_you_mean(key, keys) or "See what came: guestlist audiences external",
    )


def _taken(key: str, by: str) -> WrongUseError:
    return WrongUseError(
        "external_taken",
        f"The audience {by} has the people of '{key}' already.",
        nothing_lost=_UNTOUCHED,
        next_step=f"See it: guestlist audiences show {by}",
    )
