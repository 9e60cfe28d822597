"""The relations this stage reads and writes."""

from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias

Table: TypeAlias = Any
Column: TypeAlias = Any
"""Ibis has no usable types for columns reached by name."""

AT = "timestamp('UTC')"

IDENTIFIER_USE: Mapping[str, str] = {
    "source": "string",
    "message_id": "string",
    "type": "string",
    "value": "string",
    "country": "string",
    "at": AT,
    "ordinal": "int64",
}
"""Key (source, message_id, type, value): every identifier a message carries, as sent, and the country it tells."""

IDENTIFIER: Mapping[str, str] = {
    "type": "string",
    "value": "string",
    "profile_id": "string",
    "first_seen": AT,
    "last_seen": AT,
    "ordinal": "int64",
}
"""Key (type, value), value in normal form. `ordinal` counts from 0 in the order first seen, per profile and type."""

ALIAS: Mapping[str, str] = {"profile_id": "string", "survivor": "string"}
"""Key profile_id: every id that a profile may ever have had, the present one too."""

MESSAGE_PROFILE: Mapping[str, str] = {"ordinal": "int64", "profile_id": "string"}
"""Key ordinal, that of the message."""

MESSAGE_OWNER: Mapping[str, str] = {"ordinal": "int64", "node": "int64"}
"""Key ordinal: the same by the number of the profile's oldest identifier."""

IDENTITY_DECISION: Mapping[str, str] = {
    "type": "string",
    "value": "string",
    "decision": "string",  # merged | set_aside | blocked
    "reason": "string",  # shared_message | limit | merge_cap | identifier_cap | hub | split | blocked_value | not_valid
    "rule": "string",  # limit, merge_cap, identifier_cap: what would have been broken, such as `1 user_id, ever`
    "people": "int64",  # of a hub: how many it would have joined
    "profile_id": "string",  # merged: the profile; set aside by a limit: the profile that the message went to
    "ordinal": "int64",  # of the message that caused it
}
"""Blocked values are kept as sent, all others in normal form."""

# What a resolution remembers, so that the next one can begin from it. Instants are whole microseconds.

SPELLING: Mapping[str, str] = {
    "type": "string",
    "raw": "string",
    "country": "string",
    "reason": "string",
    "node": "int64",
}
"""Key (type, raw, country): the node of a value as sent, or the reason why it points at nobody."""

NODE: Mapping[str, str] = {
    "node": "int64",
    "type": "string",
    "value": "string",
    "own_id": "string",
    "first_seen": "int64",
    "last_seen": "int64",
    "hub": "boolean",
    "alone": "boolean",
    "component": "int64",
    "oldest": "int64",
    "merged_by": "int64",
    "profile_id": "string",
    "place": "int64",
}
"""Key node: the identifiers that count. What all but hubs connect is one `component`; `oldest` is of the profile.

`merged_by` is the ordinal of the message by which this one ceased to be the oldest of a profile; `place` counts from 0
in the order first seen, per profile and type.
"""

MEETING: Mapping[str, str] = {"node": "int64", "met": "int64"}
"""Which strongest other identifiers an identifier was seen with that may be a hub."""

SPLIT_FROM: Mapping[str, str] = {"own_id": "string", "profile_id": "string"}
"""The own id of an identifier that was split off, and an id of the profile it stood in before."""

SPLIT_OFF: Mapping[str, str] = {"profile_id": "string", "type": "string", "value": "string"}
"""Which identifiers were split off from a profile, or from one that became part of it."""
LAPSED: Mapping[str, str] = {"node": "int64"}
"""Identifiers that only withdrawn messages carry."""

LOST_SENDER: Mapping[str, str] = {"type": "string", "value": "string"}
"""Who sent a national phone number without a country: when they tell one, that number is read anew."""


class Materialise(Protocol):
    """Write an intermediate result under a name and give back the table that reads it."""

    def __call__(self, name: str, expr: Table, /) -> Table: ...
