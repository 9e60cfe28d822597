"""What people did: messages with an event, beside the profile that they belong to now."""

from guestlist.profiles.relations import Table
from guestlist.store import Warehouse

_CALLS = ("track", "page", "screen")


def events(message: Table, message_profile: Table) -> Table:
    """Relation `event`; what nobody did (no identifier that counts) is left out."""
    done = message.filter(message.type.isin(_CALLS) & message.event.notnull())
    done = done.select("source", "message_id", "event", "at", "properties", "ordinal")
    whose = done.join(message_profile, "ordinal")
    return whose.select("profile_id", "event", "at", "source", "message_id", "properties", "ordinal")


def renew_events(warehouse: Warehouse, message: Table, changed: Table) -> int:
    """Events of messages that went from one person to another, or came; gives how many were written."""
    warehouse.delete_keys("event", changed.filter(changed.before.notnull()).select("ordinal"), ["ordinal"])
    now = changed.filter(changed.now.notnull()).select("ordinal", profile_id="now")
    return warehouse.append("event", events(message.semi_join(now, "ordinal"), now))
