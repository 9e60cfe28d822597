"""When an operation is final, and which wanted rows a removal may have hurt.

A request may take effect long after it was sent, also after a later one. So an operation is settled only when it was
acknowledged and sent at least the delay after every opposite send before it; until then it is owed once more. Nothing
is stored about that: it follows from the times in the ledger.
"""

from dataclasses import dataclass

import ibis

from guestlist.destinations.meta.keymask import BIT, KEY_COLUMNS, KINDS, Column, Table, has, long, masks, meet
from guestlist.destinations.meta.relations import REMOVED, Materialise, Relations, Rules

MINUTE = 60_000_000
HOUR = 60 * MINUTE
_FACTS = ("at", "lost", "current", "hurts", "opposes")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How long a request may still take effect after it was sent, in microseconds.

    `pipeline_delay` is Meta's own processing, after any opposite send; `network_delay` is that of a request whose
    answer was lost on the way.
    """

    pipeline_delay: int = 26 * HOUR
    network_delay: int = 15 * MINUTE


def owed(sent_at: Column, opposite_at: Column, lost: Column, now: Column, settings: Settings) -> Column:
    """Sent after the opposite but within its delay, and the delay is over: to be sent once more."""

    def within(delay: int) -> Column:
        return (sent_at < opposite_at + delay) & (opposite_at + delay <= now)

    return (opposite_at < sent_at) & (within(settings.pipeline_delay) | (lost & within(settings.network_delay)))


def unsettled_keys(gone: Table, ledger: Table, settings: Settings) -> Table:
    """(sync, row_key, mask) of keys whose removal came too soon after an addition, of any row, that carried them."""
    lines = ibis.union(*(_removed(gone, kind, "now") for kind in KINDS))
    met = meet(lines, ledger.filter(ledger.add_sent_at.notnull()), "add_sent_at", "add_lost")
    met = met.filter(owed(met.at, met.add_sent_at, met.add_lost, met.now, settings))
    return masks(met.select("sync", "row_key", "bit"))


def again(given: Relations, removals: Table, settings: Settings, rules: Rules, materialise: Materialise) -> Table:
    """(sync, row_key) of rows in the ledger that a removal may have hurt, or that are owed once more."""
    events = materialise("removal_events", _events(given.ledger, removals))
    persons = materialise("removed_persons", _persons(events, given.ledger_person))
    hits = ibis.union(
        _of_same_person(persons, given.wanted_person),
        _by_key(given, events, persons, rules, materialise),
        _by_name(events, given.wanted, rules),
    )
    hits = hits.join(given.syncs.select("sync", "now"), "sync")
    rows = given.ledger.filter(given.ledger.known != "declined").select("sync", "row_key", "add_sent_at")
    hits = hits.join(rows, ["sync", "row_key"])
    hurt = hits.hurts & (hits.current | (hits["at"] > hits.add_sent_at))
    due = hits.opposes & ~hits.current & owed(hits.add_sent_at, hits["at"], hits.lost, hits.now, settings)
    return hits.filter(hurt | due if rules.settle else hurt).select("sync", "row_key")


def _removed(rows: Table, kind: str, *carry: str) -> Table:
    """The rows' keys of a kind that were removed, with the time of it."""
    when = rows[REMOVED[kind]]
    return rows.filter(when.notnull() & rows[kind].notnull()).select(
        "sync", "row_key", *carry, at=when, bit=ibis.literal(BIT[kind], "int32"), key=rows[kind]
    )


def _events(ledger: Table, removals: Table) -> Table:
    """Removals of this plan (current), and the latest one of every ledger row."""
    past = ledger.filter(ledger.remove_sent_at.notnull())
    columns = ("sync", "row_key", *KEY_COLUMNS)
    return ibis.union(
        past.select(
            *columns,
            *REMOVED.values(),
            sent=past.remove_sent,
            blanked=past.remove_blanked,
            at=past.remove_sent_at,
            lost=past.remove_lost,
            current=ibis.literal(False),
        ),
        removals.select(
            *columns,
            **dict.fromkeys(REMOVED.values(), ibis.null("int64")),
            sent=removals.sent,
            blanked=removals.blanked,
            at=ibis.null("int64"),
            lost=ibis.literal(False),
            current=ibis.literal(True),
        ),
    )


def _facts(table: Table, *columns: str, hurts: Column | bool = True, opposes: bool = True) -> Table:
    """What is known of the removal: `hurts` asks to re-assert at once, `opposes` is an opposite for settling."""
    marks = {"hurts": ibis.literal(hurts) if isinstance(hurts, bool) else hurts, "opposes": ibis.literal(opposes)}
    return table.select("sync", *columns, "at", "lost", "current", **marks).distinct()


def _persons(events: Table, ledger_person: Table) -> Table:
    return _facts(events.join(ledger_person, ["sync", "row_key"]), "profile_id")


def _of_same_person(persons: Table, wanted_person: Table) -> Table:
    return persons.join(wanted_person, ["sync", "profile_id"]).select("sync", "row_key", *_FACTS)


def _by_key(given: Relations, events: Table, persons: Table, rules: Rules, materialise: Materialise) -> Table:
    """Wanted rows with a key that the removal blanked or sent, or that its person has at Meta through any row."""
    facts = ("at", "lost", "current")
    touched = events.mutate(touched=(events.sent | events.blanked).cast("int32"))
    touched = long(touched, *facts, "blanked", mask="touched")
    sent_before = ibis.union(*(_removed(events, kind, "current") for kind in KINDS)).mutate(lost=ibis.literal(False))
    parts = [
        _facts(touched, "bit", "key", hurts=(touched.blanked & touched.bit) != 0),
        _facts(sent_before, "bit", "key", hurts=False),
    ]
    if rules.profile_keys:
        theirs = materialise("rows_of_removed_persons", _their_rows(given, persons))
        parts.append(_facts(long(theirs, *facts, mask="live"), "bit", "key"))
    return meet(materialise("hurting_keys", ibis.union(*parts)), given.wanted, "row_key").select(
        "sync", "row_key", *_FACTS
    )


def _their_rows(given: Relations, persons: Table) -> Table:
    """Every ledger row with live keys of the persons behind the removals."""
    theirs = _facts(persons.join(given.ledger_person, ["sync", "profile_id"]), "row_key")
    live = given.ledger.filter(given.ledger.live != 0).select("sync", "row_key", *KEY_COLUMNS, "live")
    return theirs.join(live, ["sync", "row_key"])


def _by_name(events: Table, wanted: Table, rules: Rules) -> Table:
    """Wanted rows with the names of a removed weak tuple: Meta may have taken them for the same person."""
    names = _facts(events.filter(has(events.sent, "weak")), "name", opposes=rules.names_settle)
    return names.join(wanted.select("sync", "row_key", "name"), ["sync", "name"]).select("sync", "row_key", *_FACTS)
