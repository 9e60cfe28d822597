"""What people did: messages with an event, beside the profile that they belong to now."""

from collections.abc import Iterator, Sequence

from guestlist.profiles.relations import Table
from guestlist.store import Warehouse

_CALLS = ("track", "page", "screen")
_AT_ONCE = 2_000_000
"""So many events are put in order at once: what fits into memory is sorted twice as fast."""


def events(message: Table, message_profile: Table) -> Table:
    """Relation `event`; what nobody did (no identifier that counts) is left out."""
    done = message.filter(message.type.isin(_CALLS) & message.event.notnull())
    done = done.select("source", "message_id", "event", "at", "properties", "ordinal")
    whose = done.join(message_profile, "ordinal")
    return whose.select("profile_id", "event", "at", "source", "message_id", "properties", "ordinal")


def write_events(warehouse: Warehouse, message: Table, message_profile: Table) -> None:
    """Make relation `event` anew, in order of name and time: a condition then reads little but what it asks for."""
    write = warehouse.replace
    for names in _parts(warehouse, message):
        part = events(message.filter(message.event.isin(names)), message_profile)
        write("event", part.order_by("event", "at"))
        write = warehouse.append


def _parts(warehouse: Warehouse, message: Table) -> Iterator[Sequence[str]]:
    """The names of events in order, as many at a time as are to be sorted at once; at least one part, if empty."""
    counts = message.filter(message.event.notnull()).group_by("event").aggregate(lines=lambda t: t.count())
    names: list[str] = []
    lines = 0
    for row in warehouse.read(counts.order_by("event")).to_pylist():
        if names and lines + row["lines"] > _AT_ONCE:
            yield names
            names, lines = [], 0
        names.append(row["event"])
        lines += row["lines"]
    yield names


def renew_events(warehouse: Warehouse, message: Table, changed: Table) -> int:
    """Events of messages that went from one person to another, or came; gives how many were written."""
    warehouse.delete_keys("event", changed.filter(changed.before.notnull()).select("ordinal"), ["ordinal"])
    now = changed.filter(changed.now.notnull()).select("ordinal", profile_id="now")
    return warehouse.append("event", events(message, now))
