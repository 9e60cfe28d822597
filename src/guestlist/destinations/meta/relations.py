"""The relations between which plan, gate and fold work: columns, types, keys, who writes them.

Every relation leads with `sync`, and no line of one sync ever meets a line of another: many syncs (or, in the tests,
thousands of simulated worlds) are planned in one call. Keys and row keys may be of any type that has equality; the
store uses UUID (128 bits of a digest). An instant is a whole number of microseconds since 1970 UTC; within a sync no
two batches have the same one, and a later batch has a later one. Masks are those of `keymask`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import ibis

from guestlist.destinations.meta.keymask import KEY_COLUMNS, KINDS, Table

Materialise: TypeAlias = Callable[[str, Table], Table]
"""Write an intermediate result under a name and give back the table that reads it. The name is new within one plan."""

SYNC, KEY, PERSON = "string", "uuid", "string"
REMOVED = {kind: f"removed_{kind}" for kind in KINDS}
KEY_SCHEMA = dict.fromkeys(KEY_COLUMNS, KEY)

SYNCS = {
    "sync": SYNC,
    "now": "int64",
    "removes": "string",  # all | listed: only what do-not-send and erasure ask for
    "adds": "string",  # all | people: only those already there | rows: only rows already there | none
    "reassert_before": "int64",  # or null: rows last added before this instant are sent again
}
WANTED = {"sync": SYNC, "row_key": KEY, **KEY_SCHEMA}
"""The rows of today's members. `weak` digests the weak cells where they are a key; `name` then digests FN and LN."""
WANTED_PERSON = {"sync": SYNC, "row_key": KEY, "profile_id": PERSON}
LEDGER = {
    **WANTED,
    "known": "string",  # in | maybe | out | declined
    "live": "int32",  # mask of the keys Meta still has from us through this row
    "add_sent_at": "int64",  # latest addition, null if none
    "add_lost": "boolean",  # its answer was lost
    "remove_sent_at": "int64",  # latest removal, null if none
    "remove_lost": "boolean",  # its answer was lost, or had invalid entries that may be this row
    "remove_sent": "int32",  # mask of the keys it sent
    "remove_blanked": "int32",  # mask of the keys blanked in it because wanted rows carry them
    **dict.fromkeys(REMOVED.values(), "int64"),  # latest removal that sent this key, null after a new addition
    "tries": "int32",  # removals in a row that were answered with invalid entries; at 3 a person is asked
    "stays": "boolean",  # the latest removal was of a row whose person stayed in the audience
    "folded_at": "int64",  # instant of the latest batch folded into this row
    "reason": "string",  # why Meta declined the row, or IN_DOUBT
}
"""Key (sync, row_key). Written by fold only."""
IN_DOUBT = "in_doubt_since_backup"
"""Why a row counts as there that nobody knows to be there: since the ledger was restored from a backup."""
LEDGER_PERSON = WANTED_PERSON
"""Key (sync, row_key, profile_id). Added to by fold; ids are resolved to the survivor when profiles merge."""
LISTED_KEY = {"sync": SYNC, "kind": "string", "key": KEY}
LISTED_PERSON = {"sync": SYNC, "profile_id": PERSON}
"""The do-not-send list and erasures, as far as they touch this sync: keys by sent value, profiles by any identifier."""
OP = {**WANTED, "batch": "string", "direction": "string", "sent": "int32", "blanked": "int32", "stays": "boolean"}
"""Planned operations, key (sync, batch, row_key). direction add | remove; an addition sends all keys it carries."""
OP_PERSON = {"sync": SYNC, "batch": "string", "row_key": KEY, "profile_id": PERSON}
OUTCOME = {
    "sync": SYNC,
    "batch": "string",
    "state": "string",  # applied | refused | unknown
    "sent_at": "int64",
    "invalid": "int32",  # Meta's num_invalid_entries
}
NAMED = {"sync": SYNC, "batch": "string", "row_key": KEY, "reason": "string"}
"""Rows that Meta named among its invalid samples."""


@dataclass(frozen=True, kw_only=True)
class Relations:
    """What a plan is a function of."""

    syncs: ibis.Table
    wanted: ibis.Table
    wanted_person: ibis.Table
    ledger: ibis.Table
    ledger_person: ibis.Table
    listed_key: ibis.Table
    listed_person: ibis.Table


@dataclass(frozen=True, kw_only=True)
class Batches:
    """Operations about to be sent, or sent and answered; an operation's batch is in `outcome` once it is answered."""

    op: ibis.Table
    op_person: ibis.Table
    outcome: ibis.Table
    named: ibis.Table


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Rules that a test can switch off, to show that the models notice. The product never does."""

    settle: bool = True
    reassert: bool = True
    profile_keys: bool = True  # re-assert by any live key of the removed row's profile
    names_settle: bool = True  # a removed weak tuple is opposite to additions of the same name
    lost_removal_revives: bool = True  # keys sent in a removal without an answer are live again
    blanked_stays_live: bool = True  # a key blanked in a removal is not forgotten
    lost_is_maybe: bool = True  # a lost answer is a state of its own, not "nothing happened"


def lazily(_name: str, expr: Table) -> Table:
    """Leave an intermediate result to the engine's optimiser."""
    return expr
