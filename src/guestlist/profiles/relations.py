"""The relations this stage reads and writes, and the protocol by which intermediate results reach the store."""

from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias

import ibis
import pyarrow as pa

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

MESSAGE_PROFILE: Mapping[str, str] = {"source": "string", "message_id": "string", "profile_id": "string"}

IDENTITY_DECISION: Mapping[str, str] = {
    "type": "string",
    "value": "string",
    "decision": "string",  # merged | set_aside | blocked
    "reason": "string",  # shared_message | limit | hub | blocked_value | not_valid
    "people": "int64",  # of a hub: how many it would have joined
    "profile_id": "string",  # merged: the profile; set aside by a limit: the profile that the message went to
    "source": "string",
    "message_id": "string",
    "at": AT,
}
"""Blocked values are kept as sent, all others in normal form."""


class Materialise(Protocol):
    """Write an intermediate result under a name, new within one resolution, and give back the table that reads it."""

    def __call__(self, name: str, expr: Table, /) -> Table: ...


def in_memory(columns: Mapping[str, list[Any]], schema: Mapping[str, str]) -> Table:
    """A table of values computed in Python."""
    return ibis.memtable(pa.table(dict(columns), schema=ibis.schema(schema).to_pyarrow()))
