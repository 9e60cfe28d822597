"""Why cells of an audience stay blank, why people in it cannot be sent, and what is sent with a doubt: in people."""

from collections.abc import Iterable
from dataclasses import dataclass

import ibis

from guestlist.destinations.meta.flags import BITS
from guestlist.destinations.meta.manifest import Key
from guestlist.destinations.meta.prepare import Wanted
from guestlist.store.ledger import Ledger

Counts = dict[tuple[str, str], int]
"""People by (key, code)."""


@dataclass(frozen=True, kw_only=True)
class Why:
    """What there is to tell of an audience's people beside how many can be sent."""

    blank: Counts
    unusable: Counts
    flagged: Counts


def why(ledger: Ledger, wanted: Wanted, strong: Iterable[Key]) -> Why:
    """All of it."""
    return Why(
        blank=blank_reasons(ledger, wanted),
        unusable=unusable_reasons(ledger, wanted, strong),
        flagged=flag_counts(ledger, wanted),
    )


def blank_reasons(ledger: Ledger, wanted: Wanted) -> Counts:
    """Cells that were given and are left blank in a row that goes."""
    # Who gets no row at all stands under "cannot be sent", and there alone.
    return _counted(ledger, _cells(ledger, wanted).semi_join(wanted.persons, "profile_id"))


def unusable_reasons(ledger: Ledger, wanted: Wanted, strong: Iterable[Key]) -> Counts:
    """Why people who were given one of the strong keys have none that can be used; one with two such counts twice."""
    cells = _cells(ledger, wanted).filter(lambda t: t.key.isin(list(strong)))
    cells = cells.semi_join(wanted.member, "profile_id").anti_join(wanted.persons, "profile_id")
    return _counted(ledger, cells.anti_join(wanted.listed_person, "profile_id"))


def flag_counts(ledger: Ledger, wanted: Wanted) -> Counts:
    """Cells that are sent, but flagged."""
    flagged = ledger.table("flagged").filter(lambda t: t.destination == wanted.destination)
    flagged = flagged.semi_join(wanted.persons, "profile_id")
    every = {str(place): flagged.count(where=(flagged.flags & (1 << place)) != 0) for place in range(len(BITS))}
    (line,) = ledger.read(flagged.aggregate(**every)).to_pylist()
    return {(key, flag.value): int(line[str(n)]) for n, (key, flag) in enumerate(BITS) if line[str(n)]}


def _cells(ledger: Ledger, wanted: Wanted) -> ibis.Table:
    return ledger.table("blank_cell").filter(lambda t: t.destination == wanted.destination)


def _counted(ledger: Ledger, cells: ibis.Table) -> Counts:
    counted = cells.group_by("key", "reason").aggregate(people=cells.profile_id.nunique())
    return {(line["key"], line["reason"]): int(line["people"]) for line in ledger.read(counted).to_pylist()}
