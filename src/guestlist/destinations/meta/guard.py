"""When a plan waits for a person's yes: a mistake in a definition must not empty an audience."""

from dataclasses import dataclass
from enum import Enum

import ibis

from guestlist.destinations.meta.keymask import Table
from guestlist.destinations.meta.relations import IN_DOUBT, Relations

FEW = 100


class Cause(Enum):
    """What differs from the last plan that passed, and can move many people by one mistake."""

    DEFINITION = "definition"
    MODE = "mode"
    MAPPING = "mapping"
    IDENTITY = "identity"
    SOURCE = "source"


@dataclass(frozen=True, kw_only=True)
class Exodus:
    """People at Meta by us, and how many of those are left without any wanted row (listed people not counted)."""

    at_meta: int
    left: int


@dataclass(frozen=True, kw_only=True)
class Held:
    """A plan that waits: its id, why, how many people were shown, and whether a person said yes."""

    plan: str
    causes: frozenset[Cause]
    shown: int
    confirmed: bool = False


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """`held` is the plan that now waits, under the id it had when first held; None where the plan may go."""

    held: Held | None
    share: float


def judge(exodus: Exodus, causes: frozenset[Cause], plan: str, earlier: Held | None = None) -> Verdict:
    """Hold the plan, or let it go: because it is small enough, or because a person said yes to as many."""
    share = exodus.left / exodus.at_meta if exodus.at_meta else 0.0
    limit = 0.2 if causes else 0.8
    if exodus.left <= FEW or share <= limit:
        return Verdict(held=None, share=share)
    # After a crash fewer causes are left: what was said yes to has become the known state as it began.
    if earlier is not None and earlier.confirmed and causes <= earlier.causes and exodus.left <= earlier.shown:
        return Verdict(held=None, share=share)
    kept_id = earlier.plan if earlier is not None and earlier.causes == causes else plan
    return Verdict(held=Held(plan=kept_id, causes=causes, shown=exodus.left), share=share)


def there(ledger: Table) -> Table:
    """The rows that Meta has from us, or may have; those not of which only a restored ledger thinks so."""
    return ledger.filter((ledger.live != 0) & (ledger.reason.isnull() | (ledger.reason != IN_DOUBT)))


def exodus(given: Relations) -> Table:
    """(sync, at_meta, left) counted in people."""
    live = there(given.ledger)
    people = given.ledger_person.semi_join(live, ["sync", "row_key"]).select("sync", "profile_id").distinct()
    left = people.anti_join(given.wanted_person, ["sync", "profile_id"])
    left = left.anti_join(given.listed_person, ["sync", "profile_id"])
    at_meta = people.group_by("sync").aggregate(at_meta=people.count())
    gone = left.group_by("sync").aggregate(left=left.count())
    joined = at_meta.left_join(gone, "sync")
    return joined.select("sync", "at_meta", left=ibis.coalesce(joined["left"], 0))
