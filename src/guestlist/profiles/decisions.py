"""Why identifiers were joined, set aside or left out, each with the message that caused it."""

import ibis

from guestlist.profiles.joining import People
from guestlist.profiles.relations import IDENTITY_DECISION, Table
from guestlist.store.engine import instant_at


def joined_decisions(people: People, node: Table) -> Table:
    """Merged: identifiers that came to an older profile. Set aside: those that a limit, a cap or a person kept out."""
    own = node.select("node", "type", "value", "own_id")
    profile = node.select(oldest="node", profile_id="own_id")
    person = people.person
    merged = person.filter(person.merged_by.notnull()).rename(ordinal="merged_by").join(own, "node")
    merged = merged.join(profile, "oldest")
    kept = person.select("oldest", kept="node").join(profile, "oldest").select("kept", "profile_id")
    aside = people.aside.join(own, "node").join(kept, "kept")
    split = node.filter(node.alone).select("type", "value", profile_id="own_id")
    return ibis.union(
        _shaped(merged, "merged", "shared_message"),
        _shaped(aside, "set_aside"),
        _shaped(split, "set_aside", "split"),
    )


def hub_decisions(hub: Table, node: Table) -> Table:
    """Set aside: values that too many people share."""
    return _shaped(hub.join(node.select("node", "type", "value"), "node"), "set_aside", "hub")


def blocked_decisions(uses: Table, spelling: Table) -> Table:
    """Blocked: values as sent that point at nobody, one line for every message that carried them."""
    bad = spelling.filter(spelling.reason.notnull()).select("type", "raw", "country", "reason")
    found = uses.select("ordinal", "type", "raw", "country").join(bad, ["type", "raw", "country"])
    return _shaped(found.rename(value="raw"), "blocked")


def first_of_each(blocked: Table, message: Table) -> Table:
    """Of decisions about the same value the one of the earliest message."""
    told = blocked.join(message.select("ordinal", "at", "message_id", "source"), "ordinal")
    order = [told["at"], told.message_id, told.source, told.reason]
    told = told.mutate(nth=ibis.row_number().over(group_by=[told.type, told.value], order_by=order))
    return told.filter(told.nth == 0).select(*IDENTITY_DECISION)


def identifiers(node: Table) -> Table:
    """Relation `identifier` of nodes that make whole profiles."""
    counting = node.filter(~node.hub)
    profile = counting.select(oldest="node", profile_id="own_id")
    # Not by the place of arrival, which is another one when the same files come in another order.
    order = [counting.first_seen, counting.value]
    ordinal = ibis.row_number().over(group_by=[counting.oldest, counting.type], order_by=order)
    placed = counting.mutate(ordinal=ordinal).join(profile, "oldest")
    return placed.select(
        "type",
        "value",
        "profile_id",
        "ordinal",
        first_seen=instant_at(placed.first_seen),
        last_seen=instant_at(placed.last_seen),
    )


def aliases(node: Table) -> Table:
    """Relation `alias` of nodes that make whole profiles."""
    counting = node.filter(~node.hub)
    return counting.join(counting.select(oldest="node", survivor="own_id"), "oldest").select(
        "survivor", profile_id="own_id"
    )


def _shaped(part: Table, decision: str, reason: str | None = None) -> Table:
    told = part.mutate(decision=ibis.literal(decision), **({"reason": ibis.literal(reason)} if reason else {}))
    return told.select(
        **{
            name: told[name].cast(kind) if name in told.columns else ibis.null(kind)
            for name, kind in IDENTITY_DECISION.items()
        }
    )
