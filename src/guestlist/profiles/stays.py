"""Stays in audiences follow people who merged."""

import ibis

from guestlist.profiles.relations import AT, Table
from guestlist.store import Warehouse

MEMBERSHIP = {"audience": "string", "profile_id": "string", "entered_at": AT, "exited_at": AT}


def follow_survivors(warehouse: Warehouse, alias: Table) -> None:
    """Stays of people who merged become stays of the survivor: the earliest entry, ended only if all have ended.

    `alias` may hold the new lines alone.
    """
    warehouse.create("membership", MEMBERSHIP)
    if not warehouse.count("membership"):
        return
    stays = warehouse.table("membership")
    went = alias.filter(alias.profile_id != alias.survivor)
    went = warehouse.materialise("stays_went", went.semi_join(stays, "profile_id"))
    if not warehouse.count("stays_went"):
        return
    both = went.select("profile_id").union(went.select(profile_id="survivor"), distinct=True)
    theirs = stays.semi_join(both, "profile_id").left_join(went, "profile_id")
    told = warehouse.materialise(
        "stays_followed",
        theirs.select(
            "audience", "entered_at", "exited_at", profile_id=ibis.coalesce(theirs.survivor, theirs.profile_id)
        ).distinct(),
    )
    warehouse.delete_keys("membership", both, ["profile_id"])
    warehouse.append("membership", _joined(told))


def _joined(told: Table) -> Table:
    inside = told.filter(told.exited_at.isnull())
    now_in = inside.group_by("audience", "profile_id").aggregate(
        entered_at=inside.entered_at.min(), exited_at=inside.exited_at.max()
    )
    past = told.filter(told.exited_at.notnull()).group_by("audience", "profile_id", "entered_at")
    ended = past.aggregate(exited_at=told.exited_at.max())
    # What began no earlier lies in the stay that goes on; so it does not matter in how many steps people merged.
    whose = [ended.audience == now_in.audience, ended.profile_id == now_in.profile_id]
    ended = ended.anti_join(now_in, [*whose, ended.entered_at >= now_in.entered_at])
    columns = tuple(MEMBERSHIP)
    return now_in.select(*columns).union(ended.select(*columns))
