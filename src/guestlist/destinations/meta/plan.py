"""What to remove and what to add now: a pure function of what is wanted and what the ledger says Meta has.

The costly questions (who else carries this key, what does this person have at Meta) are asked for touched rows only.
Two joins find those: ledger rows that are not wanted, wanted rows that the ledger does not have in full. Everything
after that starts from them and from the removals that the ledger remembers.
"""

from dataclasses import dataclass
from enum import Enum

import ibis

from guestlist.destinations.meta.keymask import (
    ALL,
    BIT,
    KEY_COLUMNS,
    KINDS,
    Column,
    Table,
    carried,
    has,
    lines_of,
    long,
    look_up,
    masks,
    which_in,
    without,
)
from guestlist.destinations.meta.relations import REMOVED, Materialise, Relations, Rules, lazily
from guestlist.destinations.meta.settle import Settings, again, unsettled_keys

TRIES = 3
_ROW = ["sync", "row_key"]


class Scope(Enum):
    """How much of the difference a plan may act on: the values of `removes` and `adds` in relation `syncs`."""

    MIRROR = ("all", "all")
    ADD_ONLY = ("listed", "all")
    REMOVE_ONLY = ("all", "people")
    HELD = ("listed", "rows")  # the plan waits for a person's yes; do-not-send and erasure go on
    STALE = ("all", "rows")  # a load failed: removals already due, do-not-send and erasure go on
    LISTED = ("listed", "none")  # do-not-send and erasure only: nobody is added or asked again, as while paused

    @property
    def makes_right(self) -> bool:
        """Whether Meta is as wanted once all of such a plan was taken."""
        return self in {Scope.MIRROR, Scope.ADD_ONLY, Scope.REMOVE_ONLY}

    @property
    def is_asked_for(self) -> bool:
        """Whether nothing but what do-not-send and erasure ask for leaves: no plan of any size holds that up."""
        return self in {Scope.HELD, Scope.LISTED}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Two relations, of all syncs.

    removals: sync, row_key, the six key columns of the row, masks `sent` and `blanked`, `tries` (batches of rows with
    tries are halved as often), `stays` (the person keeps another row), `forced` (mask of the sent keys that do-not-send
    or erasure asks for). additions: sync and row_key of wanted rows.
    """

    removals: ibis.Table
    additions: ibis.Table


def plan(
    given: Relations, settings: Settings, *, rules: Rules | None = None, materialise: Materialise = lazily
) -> Plan:
    """Plan every sync of relation `syncs`; the same input always gives the same plan."""
    rules = rules or Rules()
    removals = _removals(given, settings, rules, materialise)
    need = _unlike_the_ledger(given)
    if rules.reassert:
        need = ibis.union(need, again(given, removals, settings, rules, materialise))
    return Plan(removals=removals, additions=_may_enter(given, materialise("needed_rows", need.distinct())))


def _removals(given: Relations, settings: Settings, rules: Rules, materialise: Materialise) -> Table:
    """Of every row nobody wants: the keys Meta may still have, less those that wanted rows carry."""
    gone = materialise("gone_rows", _gone(given, settings, rules, materialise))
    kept = materialise("kept_keys", _kept(gone))
    leaving = materialise("leaving_rows", gone.filter(gone.tried_again & (gone.leaving != 0)))
    carried_keys = long(leaving, "row_key")
    rows = look_up(leaving, which_in(carried_keys, [given.wanted, kept]), "in_k")
    rows = look_up(rows, _flag(_of_wanted_person(given, leaving)), "held")
    held_weak = ibis.ifelse(rows.held != 0, BIT["weak"], 0).cast("int32")
    rows = rows.mutate(sent=without(without(rows.leaving, rows.in_k), held_weak))
    rows = rows.filter(rows.sent != 0)
    return materialise(
        "removals",
        rows.select(
            *_ROW,
            *KEY_COLUMNS,
            "sent",
            "tries",
            blanked=rows.in_k,
            stays=rows.held != 0,
            forced=(rows.sent & rows.forced).cast("int32"),
        ),
    )


def _gone(given: Relations, settings: Settings, rules: Rules, materialise: Materialise) -> Table:
    """Ledger rows that are not wanted and are not over yet, with the masks `leaving` and `forced`."""
    removed_once = [given.ledger[column].notnull() for column in REMOVED.values()]
    lasting = given.ledger.filter(ibis.or_(given.ledger.live != 0, *removed_once))
    # Which ones first, then all their columns: the ledger is as large as the audience, and this is most of a plan.
    unwanted = materialise("unwanted_row_keys", lasting.select(*_ROW).anti_join(given.wanted, _ROW))
    rows = given.ledger.semi_join(unwanted, _ROW)
    rows = materialise(
        "unwanted_rows", rows.join(given.syncs.select("sync", "now", "removes", "reassert_before"), "sync")
    )
    rows = look_up(rows, _forced(given, rows), "forced")
    if rules.settle:
        rows = look_up(rows, unsettled_keys(rows, given.ledger, settings), "unsettled")
    else:
        rows = rows.mutate(unsettled=ibis.literal(0, "int32"))
    due = (rows.live | rows.unsettled).cast("int32")
    # What Meta would not take three times waits for a person, whose --full tries it once more.
    asked = (rows.remove_sent_at < rows.reassert_before).fill_null(False)
    rows = rows.mutate(
        leaving=ibis.ifelse(rows.removes == "all", due, due & rows.forced).cast("int32"),
        tried_again=(rows.tries < TRIES) | asked,
    )
    return rows.select(*_ROW, *KEY_COLUMNS, "removes", "live", "tries", "tried_again", "leaving", "forced")


def _forced(given: Relations, rows: Table) -> Table:
    """(sync, row_key, mask) of keys that do-not-send or erasure wants out: listed values, all of a listed person."""
    lines = long(rows, "row_key").semi_join(lines_of(given.listed_key), ["sync", "bit", "key"])
    persons = given.ledger_person.semi_join(given.listed_person, ["sync", "profile_id"]).semi_join(rows, _ROW)
    return masks(ibis.union(lines.select(*_ROW, "bit"), persons.select(*_ROW, bit=ibis.literal(ALL).cast("int32"))))


def _kept(gone: Table) -> Table:
    """Keys of rows that left but stay at Meta, where only listed people are removed: they count as wanted."""
    rows = gone.filter(gone.removes == "listed")
    staying = without(rows.live, rows.forced)
    return rows.select("sync", **{kind: _where(has(staying, kind), rows[kind]) for kind in KINDS})


def _where(condition: Column, value: Column) -> Column:
    return ibis.ifelse(condition, value, ibis.null())


def _of_wanted_person(given: Relations, rows: Table) -> Table:
    """The rows whose person, or one of them, still has a wanted row."""
    return given.ledger_person.semi_join(rows, _ROW).semi_join(given.wanted_person, ["sync", "profile_id"])


def _flag(rows: Table) -> Table:
    return rows.select(*_ROW).distinct().mutate(mask=ibis.literal(1, "int32"))


def _unlike_the_ledger(given: Relations) -> Table:
    """Wanted rows that the ledger does not have, in doubt, in part, or from before a full re-assert."""
    had = given.ledger
    in_full = had.filter(had.known == "in").select(*_ROW, every="live")
    declined = had.filter(had.known == "declined").select(*_ROW)
    rows = given.wanted.select(*_ROW, every=carried(given.wanted).cast("int32"))
    unlike = rows.anti_join(in_full, [*_ROW, "every"]).anti_join(declined, _ROW).select(*_ROW)
    asked = given.syncs.filter(given.syncs.reassert_before.notnull()).select("sync", "reassert_before")
    before = had.filter(had.known == "in").select(*_ROW, "add_sent_at").join(asked, "sync")
    before = before.filter(before.add_sent_at < before.reassert_before)
    return ibis.union(unlike, given.wanted.select(*_ROW).semi_join(before, _ROW))


def _may_enter(given: Relations, need: Table) -> Table:
    """The needed rows that the sync's scope lets in."""
    rows = need.join(given.syncs.select("sync", "adds"), "sync")
    narrow = rows.filter(rows.adds.isin(("people", "rows")))
    people = rows.filter(rows.adds == "people")
    there = given.ledger.filter(given.ledger.live != 0)
    known = ibis.union(narrow.semi_join(there, _ROW).select(*_ROW), _of_present_person(given, people))
    return ibis.union(rows.filter(rows.adds == "all").select(*_ROW), need.semi_join(known, _ROW))


def _of_present_person(given: Relations, rows: Table) -> Table:
    """The rows of people who are at Meta by another row, or were until a removal that left the person in."""
    persons = rows.select(*_ROW).join(given.wanted_person, _ROW).select(*_ROW, "profile_id")
    theirs = persons.join(
        given.ledger_person.select("sync", "profile_id", their_row=given.ledger_person.row_key), ["sync", "profile_id"]
    )
    there = given.ledger.filter((given.ledger.live != 0) | given.ledger.stays)
    there = there.select("sync", their_row=there.row_key)
    return theirs.semi_join(there, ["sync", "their_row"]).select(*_ROW)
