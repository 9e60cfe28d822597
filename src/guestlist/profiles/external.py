"""What Segment Engage says of who is in its audiences: one line for each call that says it, beside whose it is.

Engage tells of a change by a track call ("Audience Entered", "Audience Exited"; a team may call them otherwise) and by an
identify call. Both carry the audience's key and, under that key, whether the person is in it.
https://segment.com/docs/engage/using-engage-data/
"""

import ibis

from guestlist.profiles.relations import AT, Column, Table
from guestlist.store import Warehouse
from guestlist.store.functions import json_text, json_text_under, microseconds_of
from guestlist.values.engage import COMPUTATION, EXITED, KEY_PROPERTY, KINDS, MOVES

EXTERNAL_MEMBERSHIP = {
    "profile_id": "string",
    "audience": "string",
    "inside": "boolean",
    "at": AT,
    "source": "string",
    "message_id": "string",
    "ordinal": "int64",
}
"""Key ordinal, that of the message: a call speaks of one audience."""
_IDENTIFY, _TRACK = "identify", "track"


def tells_membership(message: Table) -> Column:
    """Whether a message is a call by which Engage tells of one of its audiences."""
    # To look for a text is cheaper than to read a document, and most messages have none.
    of_engage = message.context.contains(f'"{COMPUTATION}"').ifelse(_kind(message).isin(KINDS), False)
    by_name = message.event.isin(MOVES).ifelse(_key_property(message).notnull(), False)
    return ((message.type == _IDENTIFY) & of_engage) | ((message.type == _TRACK) & (of_engage | by_name))


def _kind(message: Table) -> Column:
    return json_text(message.context.cast("json"), COMPUTATION, "computation_class")


def _key_property(message: Table) -> Column:
    return json_text(message.properties.cast("json"), KEY_PROPERTY).nullif("")


def external_membership(message: Table, message_profile: Table) -> Table:
    """Relation `external_membership`, of these messages; those that say neither yes nor no are left out."""
    told = message.filter(tells_membership(message))
    named = json_text(told.context.cast("json"), COMPUTATION, "computation_key").nullif("")
    document = (told.type == _IDENTIFY).ifelse(told.traits, told.properties)
    told = told.mutate(audience=ibis.coalesce(_key_property(told), named), document=document)
    # Older documents of Segment show the flag as a text.
    flag = json_text_under(told.document.cast("json"), told.audience).lower()
    by_name = told.event.isin(MOVES).ifelse(told.event != EXITED, ibis.null("boolean"))
    told = told.mutate(inside=flag.cases(("true", True), ("false", False), else_=by_name))
    told = told.filter(told.audience.notnull(), told.inside.notnull())
    told = told.select("audience", "inside", "at", "source", "message_id", "ordinal")
    return told.join(message_profile, "ordinal").select(*EXTERNAL_MEMBERSHIP)


def count_external(external: Table) -> Table:
    """(key, people, told_at, source): of each audience how many are in it, when it was told of last, by which source."""
    newest = [external["at"].desc(), external.message_id.desc(), external.source.desc()]
    placed = external.mutate(place=ibis.row_number().over(group_by=["audience", "profile_id"], order_by=newest))
    last = placed.filter(placed.place == 0)
    return last.group_by(key="audience").aggregate(
        people=last.count(where=last.inside),
        told_at=microseconds_of(last["at"].max()),
        source=last.source.argmax(last["at"]),
    )


def write_external(warehouse: Warehouse, message: Table, message_profile: Table) -> None:
    """Make the relation anew."""
    warehouse.replace("external_membership", external_membership(message, message_profile).order_by("ordinal"))


def renew_external(warehouse: Warehouse, message: Table, changed: Table) -> None:
    """What is said by messages that went from one person to another, or came."""
    warehouse.delete_keys(
        "external_membership", changed.filter(changed.before.notnull()).select("ordinal"), ["ordinal"]
    )
    now = changed.filter(changed.now.notnull()).select("ordinal", profile_id="now")
    warehouse.append("external_membership", external_membership(message, now))
