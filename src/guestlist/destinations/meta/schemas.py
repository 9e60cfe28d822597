"""The lasting relations that this destination keeps in the ledger's file."""

from collections.abc import Mapping

from guestlist.destinations.meta.flags import FLAGGED
from guestlist.destinations.meta.pack import PLANNED_OP
from guestlist.destinations.meta.prepare import BLANK_CELL, PROFILE_ROW, ROW
from guestlist.destinations.meta.refusals import REFUSED_UNDER, WITHHELD
from guestlist.destinations.meta.relations import LEDGER, LEDGER_PERSON, NAMED, OP_PERSON

FOLLOWED = {"resolved": "string"}
"""One line: up to which resolving of the warehouse merged profiles were followed."""
AWAITED = {
    "sync": "string",
    "profile_id": "string",
    "leaving": "boolean",
    "received_at": "int64",
    "moved_at": "int64",
}
"""Key (sync, profile_id): whom Meta has yet to be told of, since when, and when the message came that moved them."""
MEASURED = {"ordinal": "int64"}
"""One line: up to which message people were looked at."""
RELATIONS: Mapping[str, Mapping[str, str]] = {
    "row": ROW,
    "profile_row": PROFILE_ROW,
    "blank_cell": BLANK_CELL,
    "flagged": FLAGGED,
    "refused_under": REFUSED_UNDER,
    "withheld": WITHHELD,
    "ledger": LEDGER,
    "ledger_person": LEDGER_PERSON,
    "op": PLANNED_OP,
    "op_person": OP_PERSON,
    "named": NAMED,
    "followed": FOLLOWED,
    "awaited": AWAITED,
    "measured": MEASURED,
}
