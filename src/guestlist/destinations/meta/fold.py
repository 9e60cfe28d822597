"""What an answered batch means for the ledger.

Folding is idempotent: every ledger row remembers the instant of the latest batch folded into it, and a batch that is
not later changes nothing. So after a crash all answered batches are simply folded again, in the order of their sending.
"""

from dataclasses import dataclass

import ibis

from guestlist.destinations.meta.keymask import KEY_COLUMNS, KINDS, Column, Table, carried, has, without
from guestlist.destinations.meta.relations import LEDGER, REMOVED, Batches, Materialise, Rules, lazily

_ROW = ["sync", "row_key"]


@dataclass(frozen=True, kw_only=True)
class Folded:
    """Lines to write: `ledger` replaces by (sync, row_key), `ledger_person` is added unless there."""

    ledger: ibis.Table
    ledger_person: ibis.Table


def fold(ledger: Table, batches: Batches, *, rules: Rules | None = None, materialise: Materialise = lazily) -> Folded:
    """Fold batches that are answered, or given up as unknown; no row may be in two of them (as within one plan)."""
    rules = rules or Rules()
    rows = materialise("told_rows", _told(ledger, batches, rules))
    columns = {**_standing(rows, rules), **_addition(rows), **_removal(rows)}
    persons = batches.op_person.semi_join(rows.filter(rows.direction == "add"), ["sync", "batch", "row_key"])
    return Folded(
        ledger=rows.select(
            *((columns[name] if name in columns else rows[name]).cast(kind).name(name) for name, kind in _types(ledger))
        ),
        ledger_person=persons.select(*_ROW, "profile_id").distinct(),
    )


def _types(ledger: Table) -> list[tuple[str, object]]:
    schema = ledger.schema()
    return [(name, schema[name]) for name in LEDGER]


def _told(ledger: Table, batches: Batches, rules: Rules) -> Table:
    """Operations of batches that may have done something, beside what the ledger said, with how each one ended."""
    heard = ["applied", "unknown"] if rules.lost_is_maybe else ["applied"]
    outcome = batches.outcome.filter(batches.outcome.state.isin(heard))
    named = batches.named.select(*_ROW, "batch", named_reason=batches.named.reason.fill_null("invalid"))
    counts = named.group_by("sync", "batch").aggregate(named_count=named.count())
    rows = (
        batches.op.join(outcome, ["sync", "batch"])
        .left_join(counts, ["sync", "batch"])
        .drop("sync_right", "batch_right")
    )
    rows = _beside(rows, named, [*_ROW, "batch"])
    had = ledger.rename({f"had_{name}": name for name in LEDGER if name not in _ROW})
    rows = _beside(rows, had, _ROW)
    rows = rows.filter(rows.had_folded_at.isnull() | (rows.had_folded_at < rows.sent_at))
    return _ended(rows)


def _beside(left: Table, right: Table, on: list[str]) -> Table:
    """Left join that keeps the left side's columns of equal name."""
    joined = left.left_join(right, on)
    return joined.drop(*(f"{name}_right" for name in on))


def _ended(rows: Table) -> Table:
    answered = rows.state == "applied"
    named = answered & rows.named_reason.notnull()
    unexplained = rows.invalid > rows.named_count.fill_null(0)
    adding = rows.direction == "add"
    # Whether Meta takes the rest of a request in which it names rows is not known: without these it goes again.
    acked = answered & ~(adding & ~named & ~unexplained & (rows.invalid > 0))
    keys = {kind: ibis.coalesce(rows[f"had_{kind}"], rows[kind]) for kind in KEY_COLUMNS}
    return rows.mutate(
        **keys,
        acked=acked,
        declined=adding & named,
        added=adding & ~named,
        invalid_removal=~adding & acked & (named | unexplained),
        removed=~adding & acked & ~named & ~unexplained,
        had_live=rows.had_live.fill_null(0),
        had_tries=rows.had_tries.fill_null(0),
    )


def _standing(rows: Table, rules: Rules) -> dict[str, Column]:
    """Which keys are live and what is known of the row."""
    left = without(rows.had_live, rows.sent) if rules.blanked_stays_live else ibis.literal(0)
    revived = (rows.had_live | rows.sent) if rules.lost_removal_revives else rows.had_live
    live = ibis.cases((rows.declined, rows.had_live), (rows.added, carried(rows)), (rows.removed, left), else_=revived)
    known = ibis.cases(
        (rows.declined, "declined"),
        (rows.added & rows.acked, "in"),
        (rows.removed, ibis.ifelse(left == 0, "out", rows.had_known)),
        else_="maybe",
    )
    return {
        "live": live,
        "known": known,
        "folded_at": rows.sent_at,
        "reason": ibis.ifelse(rows.declined, rows.named_reason, ibis.null("string")),
    }


def _addition(rows: Table) -> dict[str, Column]:
    """A new addition clears the removal times of its keys, so that they settle anew."""
    times = {
        REMOVED[kind]: ibis.cases(
            (rows.added, ibis.null("int64")),
            ((rows.direction == "remove") & has(rows.sent, kind), rows.sent_at),
            else_=rows[f"had_{REMOVED[kind]}"],
        )
        for kind in KINDS
    }
    return {
        "add_sent_at": ibis.ifelse(rows.added, rows.sent_at, rows.had_add_sent_at),
        "add_lost": ibis.ifelse(rows.added, ~rows.acked, rows.had_add_lost.fill_null(False)),
        "tries": ibis.cases(
            (rows.added, 0), (rows.declined, rows.had_tries), (rows.invalid_removal, rows.had_tries + 1), else_=0
        ),
        **times,
    }


def _removal(rows: Table) -> dict[str, Column]:
    """The latest removal, with what it sent and blanked: what it may have hurt is worked out from that."""
    removing = rows.direction == "remove"
    return {
        "remove_sent_at": ibis.ifelse(removing, rows.sent_at, rows.had_remove_sent_at),
        "remove_lost": ibis.ifelse(removing, ~rows.removed, rows.had_remove_lost.fill_null(False)),
        "remove_sent": ibis.ifelse(removing, rows.sent, rows.had_remove_sent.fill_null(0)),
        "remove_blanked": ibis.ifelse(removing, rows.blanked, rows.had_remove_blanked.fill_null(0)),
        "stays": ibis.ifelse(removing, rows.stays, ibis.ifelse(rows.added, False, rows.had_stays.fill_null(False))),
    }
