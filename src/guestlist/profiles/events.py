"""What people did: messages with an event, beside the profile that they belong to now."""

from guestlist.profiles.relations import Table

_CALLS = ("track", "page", "screen")


def events(message: Table, message_profile: Table) -> Table:
    """Relation `event`; what nobody did (no identifier that counts) is left out."""
    done = message.filter(message.type.isin(_CALLS) & message.event.notnull())
    done = done.select("source", "message_id", "event", "at", "properties")
    whose = done.join(message_profile, ["source", "message_id"])
    return whose.select("profile_id", "event", "at", "source", "message_id", "properties")
