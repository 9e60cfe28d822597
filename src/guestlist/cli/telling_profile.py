"""One person in full, as text."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from guestlist.cli.frame import add_row, say, show, table
from guestlist.counts import counted
from guestlist.operations.people import Profile
from guestlist.profiles.biography import DecisionKnown
from guestlist.telling import masking
from guestlist.telling.explaining import clock

_WHY = {
    "limit": "a profile keeps {}",
    "merge_cap": "a profile comes of {} at most",
    "identifier_cap": "a profile keeps {}",
    "hub": "too many people share it",
    "split": "it was split off by hand",
    "blocked_value": "such a value points at nobody",
    "not_valid": "it cannot be read as one",
}


def tell_profile(one: Profile) -> None:
    """For a person to read."""
    zone = ZoneInfo(one.time_zone)
    say(f"Profile {one.profile_id}, {counted(one.messages, 'message')}. Times are those of {zone.key}.")
    _table(
        ("identifier", "value", "from", "first seen", "last seen"),
        (
            (
                *(known.type, known.value, ", ".join(known.sources)),
                *(clock(known.first_seen, zone), clock(known.last_seen, zone)),
            )
            for known in one.identifiers
        ),
    )
    _table(
        ("trait", "value", "from", "since"),
        ((known.key, known.value, known.source, clock(known.at, zone)) for known in one.traits),
    )
    _decisions("joined", one.merges, zone)
    _decisions("set aside", one.set_aside, zone)
    _table(
        ("audience", "in since", "exited"),
        (
            (stay.audience, clock(stay.entered_at, zone), clock(stay.exited_at, zone) if stay.exited_at else "")
            for stay in one.stays
        ),
    )
    say("", *_at_meta(one, zone))


def _decisions(title: str, decisions: Sequence[DecisionKnown], zone: ZoneInfo) -> None:
    _table(
        (title, "value", "at", "by message", "because"),
        (
            (
                one.type,
                one.value,
                clock(one.at, zone) if one.at else "",
                _message(one),
                _WHY.get(one.reason, "one message carried it and an older one").format(one.rule),
            )
            for one in decisions
        ),
    )


def _message(one: DecisionKnown) -> str:
    """A line of a file without an id of its own has a digest for one, which says nothing when masked."""
    if not one.message_id:
        return ""
    return f"{'one' if one.message_id == masking.HASHED else one.message_id} of {one.source}"


def _table(columns: Sequence[str], rows: Iterator[tuple[object, ...]]) -> None:
    made = table(*columns)
    for row in rows:
        add_row(made, row)
    if made.row_count:
        say("")
        show(made)


def _at_meta(one: Profile, zone: ZoneInfo) -> Iterator[str]:
    if one.at_meta is None:
        yield "What Meta has of this person is not known now: another process is at work in this space."
    elif not one.at_meta:
        yield "Meta has nothing of this person from here."
    for sent in one.at_meta or ():
        if sent.rows:
            rows = counted(sent.rows, "row")
            yield f"{sent.sync}: Meta has {rows}, sent at {_instant(sent.added_at, zone)}."
        elif sent.removed_at is not None:
            yield f"{sent.sync}: removal taken by Meta at {_instant(sent.removed_at, zone)}."
    for held in one.held_out:
        yield f"{held.audience}: {held.words}."
    for cell in one.blank_cells or ():
        yield f"{cell.destination}: {cell.words}."


def _instant(microseconds: int | None, zone: ZoneInfo) -> str:
    return clock(datetime.fromtimestamp((microseconds or 0) / 1_000_000, UTC), zone)
