"""Who is who: a pure function of the identifiers that messages carry.

The same messages, in one go or in pieces and in any order, give the same people with the same ids. This module reads
them all; `extending` reads those that came since, and leaves the relations as this one would have.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import ibis

from guestlist.profiles.configured import configured_uses
from guestlist.profiles.decisions import blocked_decisions, first_of_each, hub_decisions, kept_out
from guestlist.profiles.hubs import hubs, meetings
from guestlist.profiles.joining import People, Scope, join_up
from guestlist.profiles.nodes import kind_of, number, spell
from guestlist.profiles.places import with_countries
from guestlist.profiles.relations import (
    IDENTIFIER_USE,
    LOST_SENDER,
    MEETING,
    NODE,
    SPELLING,
    SPLIT_FROM,
    Materialise,
    Table,
)
from guestlist.profiles.rules import IdentityRules
from guestlist.profiles.views import write_views
from guestlist.store import Warehouse
from guestlist.store.functions import microseconds_of
from guestlist.store.in_memory import in_memory, no_lines

VALUE = ["type", "raw", "country"]
HUB = {"node": "int64", "people": "int64"}


@dataclass(frozen=True, kw_only=True)
class Known:
    """Up to which message all were resolved, and the types of identifiers there were, the strongest first."""

    ordinal: int
    kinds: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class WorkedOut:
    """People found, not yet written down for others to read."""

    known: Known
    people: People
    node: Table
    hub: Table
    uses: Table


def resolve(warehouse: Warehouse, rules: IdentityRules) -> Known:
    """Make all relations of identity anew, from all messages."""
    found = work_out(warehouse, rules)
    write(warehouse, found)
    return found.known


def work_out(warehouse: Warehouse, rules: IdentityRules) -> WorkedOut:
    """Find people from all messages; writes what the next resolution begins from."""
    message = warehouse.table("message")
    warehouse.replace("configured_use", configured_uses(message, rules.configured))
    given = warehouse.table("identifier_use").select(*IDENTIFIER_USE)
    given = given.union(warehouse.table("configured_use").select(*IDENTIFIER_USE)) if rules.configured else given
    uses = placed(with_countries(given, given, warehouse))
    warehouse.replace("lost_sender", warehouse.temporary("identity_sender").select(*LOST_SENDER).distinct())
    own_ids, profile_ids = zip(*rules.split_from, strict=True) if rules.split_from else ((), ())
    split_from = in_memory({"own_id": list(own_ids), "profile_id": list(profile_ids)}, SPLIT_FROM)
    warehouse.replace("split_from", split_from)
    kinds = _number(warehouse, uses, rules)
    told = warehouse.table("message_node")
    hub = _hubs(warehouse, kinds, rules)
    seen = warehouse.materialise("identity_seen", _seen(told, hub))
    node = warehouse.temporary("identity_fresh").join(seen, "node")
    scope = Scope(node=node.filter(~node.hub), told=told.anti_join(hub, "node"), message=message, kinds=kinds)
    people = join_up(scope, rules, warehouse)
    return WorkedOut(known=Known(ordinal=newest(warehouse), kinds=kinds), people=people, node=node, hub=hub, uses=uses)


def newest(warehouse: Warehouse) -> int:
    """The ordinal of the message that landed last; 0 before the first."""
    message = warehouse.table("message")
    return int(warehouse.read(message.ordinal.max()).as_py() or 0)


def placed(uses: Table) -> Table:
    """Uses as nodes are found from them."""
    return uses.select("ordinal", "type", "country", raw="value", at=microseconds_of(uses["at"]))


def _number(warehouse: Warehouse, uses: Table, rules: IdentityRules) -> tuple[str, ...]:
    values = warehouse.materialise("identity_value", uses.select(*VALUE).distinct())
    types = {row["type"] for row in warehouse.read(values.select("type").distinct()).to_pylist()}
    kinds = rules.priorities.order({"user_id", *types})
    spelled = warehouse.materialise("identity_spelled", spell(values, rules, warehouse.materialise))
    fresh = warehouse.materialise("identity_fresh", number(counting(spelled), kinds, 0, rules, warehouse.materialise))
    warehouse.replace("spelling", with_nodes(spelled, fresh))
    warehouse.replace("message_node", told_by(uses, warehouse.table("spelling")))
    return kinds


def counting(spelled: Table) -> Table:
    """The identifiers (type, value) that point at somebody."""
    return spelled.filter(spelled.reason.isnull()).select("type", "value").distinct()


def with_nodes(spelled: Table, node: Table) -> Table:
    """Relation `spelling` of values whose nodes are among these."""
    whose = node.select("node", kind="type", normal="value")
    same = [spelled.type == whose.kind, spelled.value == whose.normal, spelled.reason.isnull()]
    return spelled.left_join(whose, same).select(*SPELLING)


def told_by(uses: Table, spelling: Table) -> Table:
    """Relation `message_node` of uses."""
    known = spelling.filter(spelling.node.notnull()).select(*VALUE, "node")
    return uses.join(known, VALUE).select("ordinal", "at", "node")


def _seen(told: Table, hub: Table) -> Table:
    """Seen(node, first_seen, last_seen, hub)."""
    seen = told.group_by("node").aggregate(first_seen=told["at"].min(), last_seen=told["at"].max())
    beside = seen.left_join(hub, "node")
    return beside.select("node", "first_seen", "last_seen", hub=beside.people.notnull())


def _hubs(warehouse: Warehouse, kinds: Sequence[str], rules: IdentityRules) -> Table:
    if rules.hubs is None:
        warehouse.replace("meeting", no_lines(MEETING))
        return warehouse.materialise("identity_hub", no_lines(HUB))
    warehouse.replace("meeting", meetings(warehouse.table("message_node"), kinds, rules.hubs))
    return warehouse.materialise("identity_hub", hubs(warehouse.table("meeting"), kinds, rules.hubs))


def joined(node: Table, people: People, materialise: Materialise) -> Table:
    """Relation `node`, of nodes whose people are found."""
    person = people.person
    heads = person.filter(person.node == person.oldest).select("oldest")
    own = node.select("own_id", oldest="node")
    profile = materialise("identity_profile", own.join(heads, "oldest").select("oldest", profile_id="own_id"))
    place = materialise("identity_place", _places(node, person))
    whole = node.left_join(person, "node").drop("node_right")
    whole = whole.left_join(profile, "oldest").left_join(place, whole.node == place.placed)
    # Who has one of a kind has the first of it.
    return whole.mutate(place=whole.oldest.notnull().ifelse(whole.place.fill_null(0), ibis.null("int64"))).select(*NODE)


def _places(node: Table, person: Table) -> Table:
    """Place(placed, place) of identifiers that are not the only one of their kind in their profile."""
    kind = kind_of(person.node)
    several = person.group_by("oldest", kind=kind).having(person.count() > 1).aggregate()
    ours = person.select("node", "oldest", kind=kind).semi_join(several, ["oldest", "kind"])
    ours = ours.join(node.select("node", "first_seen", "value"), "node")
    # Not by the place of arrival, which is another one when the same files come in another order.
    order = [ours.first_seen, ours.value]
    return ours.select(placed="node", place=ibis.row_number().over(group_by=[ours.oldest, ours.kind], order_by=order))


def owners(people: People) -> Table:
    """Relation `message_owner` of the scope."""
    return people.owner.select("ordinal", node="oldest")


def write(warehouse: Warehouse, found: WorkedOut) -> None:
    """The relations that others read."""
    with warehouse.transaction():
        warehouse.replace("node", joined(found.node, found.people, warehouse.materialise))
        warehouse.replace("message_owner", owners(found.people))
        node = warehouse.table("node")
        warehouse.replace("not_joined", kept_out(found.people, node))
        warehouse.append("not_joined", hub_decisions(found.hub, node))
        blocked = warehouse.materialise("identity_blocked", blocked_decisions(found.uses, warehouse.table("spelling")))
        if warehouse.count("identity_blocked"):
            warehouse.append("not_joined", first_of_each(blocked, warehouse.table("message")))
        write_views(warehouse)
