"""Why identifiers were set aside or left out, each with the message that caused it."""

import ibis

from guestlist.profiles.joining import People
from guestlist.profiles.relations import IDENTITY_DECISION, Table


def kept_out(people: People, node: Table) -> Table:
    """Set aside: identifiers that a limit, a cap or a person kept out. `node` has the profiles already."""
    own = node.select("node", "type", "value")
    aside = people.aside.join(own, "node").join(node.select("profile_id", kept="node"), "kept")
    split = node.filter(node.alone).select("type", "value", profile_id="own_id")
    return ibis.union(shaped(aside, "set_aside"), shaped(split, "set_aside", "split"))


def hub_decisions(hub: Table, node: Table) -> Table:
    """Set aside: values that too many people share."""
    return shaped(hub.join(node.select("node", "type", "value"), "node"), "set_aside", "hub")


def blocked_decisions(uses: Table, spelling: Table) -> Table:
    """Blocked: values as sent that point at nobody, one line for every message that carried them."""
    bad = spelling.filter(spelling.reason.notnull()).select("type", "raw", "country", "reason")
    found = uses.select("ordinal", "type", "raw", "country").join(bad, ["type", "raw", "country"])
    return shaped(found.rename(value="raw"), "blocked")


def first_of_each(blocked: Table, message: Table) -> Table:
    """Of decisions about the same value the one of the earliest message."""
    told = blocked.join(message.select("ordinal", "at", "message_id", "source"), "ordinal")
    order = [told["at"], told.message_id, told.source, told.reason]
    told = told.mutate(nth=ibis.row_number().over(group_by=[told.type, told.value], order_by=order))
    return told.filter(told.nth == 0).select(*IDENTITY_DECISION)


def shaped(part: Table, decision: str, reason: str | None = None) -> Table:
    """Lines of relation `identity_decision`; what `part` does not tell is null."""
    told = part.mutate(decision=ibis.literal(decision), **({"reason": ibis.literal(reason)} if reason else {}))
    return told.select(
        **{
            name: told[name].cast(kind) if name in told.columns else ibis.null(kind)
            for name, kind in IDENTITY_DECISION.items()
        }
    )
