"""What was said and does not hold any more: the source that said it has taken the line back.

Such a message stays, for what was so on days gone by; it gives no traits and no events, and says of nobody that they are
in an audience of Segment. Who was joined by it stays joined. An identifier that only such messages carry has *lapsed*:
nobody is found or sent by it.
"""

from datetime import datetime

import ibis

from guestlist.profiles.relations import AT, Table
from guestlist.profiles.traits import renew_traits_of
from guestlist.store import Warehouse


def holding(warehouse: Warehouse, *, at: datetime | None = None) -> Table:
    """Relation `message` without what does not hold any more, now or at that instant."""
    message = warehouse.table("message")
    if not warehouse.has("withdrawn"):
        return message
    over = warehouse.table("withdrawn")
    if at is not None:
        over = over.filter(over["at"] <= ibis.literal(at, AT))
    return message.anti_join(over, "ordinal")


def untold(warehouse: Warehouse) -> bool:
    """Whether something was withdrawn that people do not know of."""
    if not warehouse.has("withdrawn"):
        return False
    over = warehouse.table("withdrawn")
    return bool(warehouse.read(over.filter(~over.told).limit(1)).num_rows)


def take_back(warehouse: Warehouse, *, unify_spellings: bool = False) -> None:
    """Traits, events and audiences of Segment without what was withdrawn since last time."""
    over = warehouse.table("withdrawn")
    new = warehouse.materialise("withdrawn_now", over.filter(~over.told).select("ordinal"))
    owner = warehouse.table("message_profile")
    whose = warehouse.materialise("withdrawn_whose", owner.semi_join(new, "ordinal").select("profile_id").distinct())
    theirs = owner.semi_join(whose, "profile_id")
    renew_traits_of(warehouse, holding(warehouse), theirs, whose, unify_spellings=unify_spellings)
    for name in ("event", "external_membership"):
        warehouse.delete_keys(name, new, ["ordinal"])


def note_lapsed(warehouse: Warehouse) -> None:
    """All that was withdrawn is known from here on; which identifiers lapsed by it is written down."""
    if not warehouse.has("withdrawn"):
        return
    over, told = warehouse.table("withdrawn"), warehouse.table("message_node")
    if untold(warehouse):
        new = warehouse.materialise("withdrawn_now", over.filter(~over.told).mutate(told=ibis.literal(True)))
        warehouse.merge("withdrawn", new, ["ordinal"])
    said = warehouse.materialise("withdrawn_node", told.semi_join(over, "ordinal").select("node").distinct())
    still = told.semi_join(said, "node").anti_join(over, "ordinal").select("node").distinct()
    warehouse.replace("lapsed", said.anti_join(still, "node"))
