"""New messages: only the components that they touch are looked at again.

What comes of a component depends on nothing outside it but which values are hubs, and who met whom is remembered for
that. So the relations are left as `identity.resolve` would have made them.
"""

from dataclasses import dataclass

import ibis

from guestlist.profiles.configured import configured_uses
from guestlist.profiles.decisions import blocked_decisions, first_of_each, hub_decisions, kept_out
from guestlist.profiles.hubs import hubs, meetings
from guestlist.profiles.identity import HUB, VALUE, Known, counting, joined, newest, owners, placed, told_by, with_nodes
from guestlist.profiles.joining import People, Scope, join_up
from guestlist.profiles.nodes import next_number, number, spell
from guestlist.profiles.places import with_countries
from guestlist.profiles.relations import IDENTIFIER_USE, LOST_SENDER, SPELLING, Table
from guestlist.profiles.rules import IdentityRules
from guestlist.profiles.views import aliases
from guestlist.store import Warehouse
from guestlist.store.in_memory import no_lines


@dataclass(frozen=True, kw_only=True)
class Moved:
    """What new messages changed.

    `owner(ordinal, profile_id)` of all messages of the people touched; `changed(ordinal, before, now)` of those that
    went from one profile, or none, to another, or none; `alias` of the people touched.
    """

    known: Known
    owner: Table
    changed: Table
    alias: Table


def extend(warehouse: Warehouse, rules: IdentityRules, known: Known) -> Moved | None:
    """Take in the messages that came after `known`. None, and nothing done, where all must be read anew."""
    every = warehouse.table("message")
    message = every.filter(every.ordinal > known.ordinal)
    given = _given(warehouse, message, rules, known)
    if not _types(warehouse, given) <= set(known.kinds) or _reads_old_numbers_anew(warehouse, given):
        return None
    uses = _uses(warehouse, given)
    fresh = _spell(warehouse, uses, rules, known)
    told = warehouse.materialise("identity_told", told_by(uses, warehouse.temporary("identity_spelling")))
    warehouse.append("message_node", told)
    hub = _hubs(warehouse, told, rules, known)
    node = _touched(warehouse, fresh, told, hub)
    scope = Scope(node=node.filter(~node.hub), told=_told(warehouse, node, rules), message=every, kinds=known.kinds)
    people = join_up(scope, rules, warehouse)
    node = warehouse.materialise("identity_joined", joined(node, people, warehouse.materialise))
    moved = _moved(warehouse, people, node, known)
    warehouse.merge("node", node, ["node"])
    _decide(warehouse, people, node, hub)
    _block(warehouse, uses)
    return moved


# What the new messages carry


def _given(warehouse: Warehouse, message: Table, rules: IdentityRules, known: Known) -> Table:
    uses = warehouse.table("identifier_use")
    given = uses.filter(uses.ordinal > known.ordinal).select(*IDENTIFIER_USE)
    if rules.configured:
        configured = warehouse.materialise("identity_configured", configured_uses(message, rules.configured))
        warehouse.append("configured_use", configured)
        given = given.union(configured.select(*IDENTIFIER_USE))
    return warehouse.materialise("identity_given", given)


def _types(warehouse: Warehouse, given: Table) -> set[str]:
    return {row["type"] for row in warehouse.read(given.select("type").distinct()).to_pylist()}


def _reads_old_numbers_anew(warehouse: Warehouse, given: Table) -> bool:
    if not warehouse.count("lost_sender"):
        return False
    told = given.filter(given.country.notnull()).semi_join(warehouse.table("lost_sender"), ["type", "value"])
    warehouse.materialise("identity_telling", told.limit(1))
    return bool(warehouse.count("identity_telling"))


def _uses(warehouse: Warehouse, given: Table) -> Table:
    every = warehouse.table("identifier_use").select(*IDENTIFIER_USE)
    uses = warehouse.materialise("identity_use", placed(with_countries(given, every, warehouse)))
    if warehouse.count("identity_sender"):
        senders = warehouse.temporary("identity_sender").select(*LOST_SENDER).distinct()
        warehouse.merge("lost_sender", senders, list(LOST_SENDER))
    return uses


def _spell(warehouse: Warehouse, uses: Table, rules: IdentityRules, known: Known) -> Table:
    """Fresh(node, type, value, own_id, alone): identifiers never seen before."""
    spelling, node = warehouse.table("spelling"), warehouse.table("node")
    values = warehouse.materialise("identity_value", uses.select(*VALUE).distinct())
    old = warehouse.materialise("identity_spelling", spelling.semi_join(values, VALUE))
    unknown = warehouse.materialise("identity_unknown", values.anti_join(old, VALUE))
    spelled = warehouse.materialise("identity_spelled", spell(unknown, rules, warehouse.materialise))
    wanted = counting(spelled)
    met = warehouse.materialise(
        "identity_met", node.semi_join(wanted, ["type", "value"]).select("node", "type", "value")
    )
    unmet = warehouse.materialise("identity_unmet", wanted.anti_join(met, ["type", "value"]))
    free = warehouse.read(next_number(node)).as_py()
    fresh = number(unmet, known.kinds, free, rules, warehouse.materialise)
    fresh = warehouse.materialise("identity_fresh", fresh)
    these = warehouse.materialise("identity_spelt", with_nodes(spelled, met.union(fresh.select(*met.columns))))
    warehouse.append("spelling", these)
    warehouse.materialise("identity_spelling", old.select(*SPELLING).union(these))
    return fresh


def _hubs(warehouse: Warehouse, told: Table, rules: IdentityRules, known: Known) -> Table:
    """Hub(node, people) among the values of the new messages."""
    if rules.hubs is None:
        return warehouse.materialise("identity_hub", no_lines(HUB))
    meeting = warehouse.table("meeting")
    met = warehouse.materialise("identity_meeting", meetings(told, known.kinds, rules.hubs))
    warehouse.append("meeting", warehouse.materialise("identity_meeting", met.anti_join(meeting, ["node", "met"])))
    meeting = warehouse.table("meeting").semi_join(told, "node")
    return warehouse.materialise("identity_hub", hubs(meeting, known.kinds, rules.hubs))


# What they touch


def _touched(warehouse: Warehouse, fresh: Table, told: Table, hub: Table) -> Table:
    """Node, but for whose they are: those of the components touched, as they are known now, and new ones."""
    node = warehouse.table("node")
    seen = told.group_by("node").aggregate(first=told["at"].min(), last=told["at"].max())
    seen = warehouse.materialise("identity_seen", seen)
    # Numbers alone are looked at before any text is read.
    met = warehouse.materialise("identity_met", node.semi_join(seen, "node").select("node", "component"))
    component = met.filter(met.component.notnull()).select("component").distinct()
    hub_met = node.semi_join(met.filter(met.component.isnull()), "node")
    whole = node.semi_join(component, "component").union(hub_met)
    columns = ["node", "type", "value", "own_id", "first_seen", "last_seen", "hub", "alone"]
    nothing = {"first_seen": ibis.null("int64"), "last_seen": ibis.null("int64"), "hub": ibis.literal(False)}
    there = whole.select(*columns).union(fresh.mutate(**nothing).select(*columns))
    beside = there.left_join(seen, "node").left_join(hub, "node")
    return warehouse.materialise(
        "identity_node",
        beside.select(
            *("node", "type", "value", "own_id", "alone"),
            first_seen=ibis.least(
                ibis.coalesce(beside.first_seen, beside["first"]), beside["first"].fill_null(beside.first_seen)
            ),
            last_seen=ibis.greatest(
                ibis.coalesce(beside.last_seen, beside["last"]), beside["last"].fill_null(beside.last_seen)
            ),
            hub=beside.hub | beside.people.notnull(),
            was_hub=beside.hub,
        ),
    )


def _told(warehouse: Warehouse, node: Table, rules: IdentityRules) -> Table:
    """Relation `message_node` of the people touched; `identity_asked` names their messages, also what a hub had alone."""
    every = warehouse.table("message_node")
    theirs = warehouse.materialise("identity_theirs", every.semi_join(node.filter(~node.was_hub), "node"))
    if rules.alone:
        theirs = warehouse.materialise("identity_theirs", _of_theirs(warehouse, theirs, node))
    warehouse.materialise("identity_asked", theirs.select("ordinal").distinct())
    return theirs.anti_join(node.filter(node.hub), "node")


def _of_theirs(warehouse: Warehouse, told: Table, node: Table) -> Table:
    """Without what was split off where others decide, who may be people that are not touched."""
    alone = node.filter(node.alone)
    mixed = told.semi_join(alone, "node").select("ordinal")
    known = warehouse.table("node")
    joining = known.filter(~known.hub & ~known.alone).select("node")
    joining = joining.union(node.filter(~node.hub & ~node.alone).select("node"))
    others = warehouse.table("message_node").semi_join(mixed, "ordinal").semi_join(joining, "node")
    return told.anti_join(alone, "node").union(told.semi_join(alone, "node").anti_join(others, "ordinal"))


# What changes


def _moved(warehouse: Warehouse, people: People, node: Table, known: Known) -> Moved:
    profile = node.select("node", profile_id="own_id")
    owner = warehouse.materialise("identity_owner", owners(people))
    before = warehouse.table("message_owner").semi_join(warehouse.temporary("identity_asked"), "ordinal")
    beside = owner.outer_join(before.select("ordinal", was="node"), "ordinal")
    beside = beside.select("was", "node", ordinal=ibis.coalesce(beside.ordinal, beside.ordinal_right))
    beside = warehouse.materialise("identity_went", beside.filter(~beside.was.identical_to(beside.node)))
    warehouse.delete_keys("message_owner", beside.filter(beside.was.notnull()).select("ordinal"), ["ordinal"])
    warehouse.append("message_owner", beside.filter(beside.node.notnull()).select("ordinal", "node"))
    named = beside.left_join(profile.rename(now="profile_id"), "node")
    named = named.select("ordinal", "was", "now").left_join(profile.rename(was="node", before="profile_id"), "was")
    changed = warehouse.materialise("identity_changed", named.select("ordinal", "before", "now"))
    theirs = owner.join(profile, "node").select("ordinal", "profile_id")
    return Moved(
        known=Known(ordinal=newest(warehouse), kinds=known.kinds), owner=theirs, changed=changed, alias=aliases(node)
    )


def _decide(warehouse: Warehouse, people: People, node: Table, hub: Table) -> None:
    decided = warehouse.materialise("identity_decided", kept_out(people, node).union(hub_decisions(hub, node)))
    gone = node.select("type", "value", decision=ibis.literal("set_aside"))
    warehouse.delete_keys("not_joined", gone, ["type", "value", "decision"])
    warehouse.append("not_joined", decided)


def _block(warehouse: Warehouse, uses: Table) -> None:
    found = blocked_decisions(uses, warehouse.temporary("identity_spelling"))
    found = warehouse.materialise("identity_blocked", found)
    if not warehouse.count("identity_blocked"):
        return
    keys = ["type", "value", "decision"]
    earlier = warehouse.table("not_joined").semi_join(found, keys)
    first = first_of_each(earlier.select(*found.columns).union(found), warehouse.table("message"))
    warehouse.merge("not_joined", first, keys)
