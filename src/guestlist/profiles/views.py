"""What others read of identity, as views of what a resolution writes: nothing is stored twice."""

import ibis

from guestlist.profiles.decisions import shaped
from guestlist.profiles.relations import LAPSED, Table
from guestlist.store import Warehouse
from guestlist.store.functions import instant_at


def write_views(warehouse: Warehouse) -> None:
    """Make them; they follow the relations they are made of."""
    node = warehouse.table("node")
    warehouse.create("lapsed", LAPSED)
    warehouse.view("known_identifier", _identifiers(node))
    warehouse.view("identifier", _identifiers(node.anti_join(warehouse.table("lapsed"), "node")))
    warehouse.view("alias", aliases(node))
    warehouse.view("message_profile", _message_profiles(warehouse.table("message_owner"), node))
    warehouse.view("split_off", _split_off(node, warehouse.table("split_from")))
    warehouse.view("identity_decision", _decisions(node, warehouse.table("not_joined")))


def known_identifiers(warehouse: Warehouse) -> Table:
    """Every identifier there is, lapsed ones too: by these a person can always be found, erased and left unsent."""
    # A warehouse that was last resolved by an earlier version has no lapsed ones.
    return warehouse.table("known_identifier" if warehouse.has("known_identifier") else "identifier")


def _identifiers(node: Table) -> Table:
    counting = node.filter(node.profile_id.notnull())
    return counting.select(
        "type",
        "value",
        "profile_id",
        first_seen=instant_at(counting.first_seen),
        last_seen=instant_at(counting.last_seen),
        ordinal=counting.place,
    )


def aliases(node: Table) -> Table:
    """Relation `alias`, of all nodes or some."""
    counting = node.filter(node.profile_id.notnull())
    return counting.select(profile_id="own_id", survivor="profile_id")


def _split_off(node: Table, split_from: Table) -> Table:
    """Relation `split_off`: whoever came of the profile that an identifier was split off from, but for itself."""
    alone = node.filter(node.alone).select("type", "value", "own_id")
    before = alone.join(split_from.rename(was="profile_id"), "own_id")
    whose = before.join(aliases(node).rename(was="profile_id"), "was")
    return whose.filter(whose.survivor != whose.own_id).select("type", "value", profile_id="survivor").distinct()


def _message_profiles(owner: Table, node: Table) -> Table:
    profile = node.filter(node.node == node.oldest).select("node", "profile_id")
    return owner.join(profile, "node").select("ordinal", "profile_id")


def _decisions(node: Table, not_joined: Table) -> Table:
    merged = node.filter(node.merged_by.notnull()).rename(ordinal="merged_by")
    return ibis.union(shaped(merged, "merged", "shared_message"), not_joined)
