"""Who is who: a pure function of the identifiers that messages carry.

The same messages, in one go or in pieces and in any order, give the same people with the same ids. What identifiers
connect is one profile; where that would give a profile more identifiers of a type than its limit, the messages of
that component, and only those, are replayed in the order they happened.
"""

from dataclasses import dataclass

import ibis
import pyarrow as pa

from guestlist.profiles.components import components
from guestlist.profiles.hubs import find_hubs
from guestlist.profiles.nodes import Nodes, number_nodes
from guestlist.profiles.places import with_countries
from guestlist.profiles.relations import AT, IDENTITY_DECISION, Column, Materialise, Table, in_memory
from guestlist.profiles.replay import Replayed, replay
from guestlist.profiles.rules import IdentityRules


@dataclass(frozen=True, kw_only=True)
class Identity:
    """The relations that a resolution gives; see `relations` for their columns."""

    identifier: Table
    alias: Table
    message_profile: Table
    identity_decision: Table


def resolve(uses: Table, rules: IdentityRules, materialise: Materialise) -> Identity:
    """Resolve relation `identifier_use` into profiles."""
    uses = materialise("identity_uses", with_countries(uses, materialise))
    nodes = number_nodes(uses, rules, materialise)
    message = materialise("identity_message", _messages(uses, nodes))
    bundle_node = materialise("identity_bundle_node", _bundles(message, materialise))
    hub = find_hubs(bundle_node, nodes.node, rules.hubs, materialise)
    counting = nodes.node.anti_join(hub, "node")
    label = components(materialise("identity_edge", _edges(bundle_node.anti_join(hub, "node"))), materialise)
    message_node = _deciding(message, hub)
    contested = materialise("identity_contested", _contested(counting, label, rules))
    root = _whole(counting, label)
    aside = in_memory({name: [] for name in _ASIDE}, _ASIDE)
    if contested.count().execute():
        told = _Contest(message=message, message_node=message_node, contested=contested)
        parted, aside = _replayed(told, rules, materialise)
        root = _parted(root, parted)
    member = materialise("identity_member", _with_ids(counting.join(root, "node"), rules, materialise))
    return Identity(
        identifier=_identifier(member),
        alias=member.select(profile_id=_own_id(member, rules), survivor=member.profile_id),
        message_profile=message_node.join(member.select("node", "profile_id"), "node").drop("node", "at"),
        identity_decision=_decisions(nodes, hub, member, aside),
    )


def _messages(uses: Table, nodes: Nodes) -> Table:
    """Message(source, message_id, at, nodes), nodes in rising order."""
    by_raw = nodes.by_raw()
    used = uses.join(by_raw, [uses.type == by_raw.type, uses.value == by_raw.raw, uses.country == by_raw.country])
    used = used.select("source", "message_id", "at", "node")
    grouped = used.group_by("source", "message_id").aggregate(at=used["at"].min(), nodes=used.node.collect())
    # A node may be there twice, from two spellings; what follows does not mind.
    return grouped.mutate(nodes=grouped.nodes.sort())


def _bundles(message: Table, materialise: Materialise) -> Table:
    """Bundle_node(bundle, node): every set of two or more identifiers that came together, once however often."""
    sets = message.filter(message.nodes.length() > 1).select("nodes").distinct()
    bundle = materialise("identity_bundle", sets.mutate(bundle=ibis.row_number()))
    return bundle.select("bundle", node=bundle.nodes.unnest())


def _edges(bundle_node: Table) -> Table:
    """Edge(low, high): the strongest identifier of a set with each other one."""
    least = bundle_node.group_by("bundle").aggregate(low=bundle_node.node.min())
    edges = bundle_node.join(least, "bundle")
    return edges.filter(edges.low != edges.node).select("low", high="node").distinct()


def _deciding(message: Table, hub: Table) -> Table:
    """Message_node(source, message_id, at, node): the strongest identifier of each message that is no hub."""
    first = message.select("source", "message_id", "at", node=message.nodes[0])
    if not hub.count().execute():
        return first
    others = message.select("source", "message_id", "at", first=message.nodes[0], node=message.nodes.unnest())
    others = others.semi_join(hub, others["first"] == hub.node).anti_join(hub, "node")
    rest = others.group_by("source", "message_id").aggregate(at=others["at"].min(), node=others.node.min())
    return first.anti_join(hub, "node").union(rest)


def _whole(counting: Table, label: Table) -> Table:
    """Root(node, root): nodes that meet no other are their own root."""
    beside = counting.select("node").left_join(label, "node")
    return beside.select("node", root=beside.root.fill_null(beside.node))


def _contested(counting: Table, label: Table, rules: IdentityRules) -> Table:
    """Contested(node, type, root): all nodes of components that would breach a limit."""
    limited = counting.filter(counting.type.isin(list(rules.limits))).select("node", "type").join(label, "node")
    held = limited.group_by("root", "type").aggregate(held=limited.count())
    limit = ibis.cases(*((held.type == kind, limit) for kind, limit in rules.limits.items()), else_=0)
    over = held.filter(held.held > limit).select("root").distinct()
    return counting.select("node", "type").join(label.semi_join(over, "root"), "node").select("node", "type", "root")


@dataclass(frozen=True, kw_only=True)
class _Contest:
    message: Table
    message_node: Table
    contested: Table

    def messages(self) -> Table:
        """The first message with each set of identifiers, in order: a set that comes again can change nothing."""
        ours = self.message_node.semi_join(self.contested, "node").select("source", "message_id")
        told = self.message.semi_join(ours, ["source", "message_id"])
        told = told.filter(told.nodes.length() > 1)
        order = [told["at"], told.message_id, told.source]
        told = told.mutate(nth=ibis.row_number().over(group_by=told.nodes, order_by=order))
        return told.filter(told.nth == 0).drop("nth").order_by("at", "message_id", "source")


_MESSAGE = {"source": "string", "message_id": "string", "at": AT}
_ASIDE = {"node": "int64", "kept": "int64", **_MESSAGE}


def _replayed(contest: _Contest, rules: IdentityRules, materialise: Materialise) -> tuple[Table, Table]:
    """Parted(node, root) for every contested node, and what was set aside."""
    nodes = contest.contested.select("node", "type").to_pyarrow()
    kinds = dict(zip(nodes.column("node").to_pylist(), nodes.column("type").to_pylist(), strict=True))
    messages = contest.messages().to_pyarrow()
    result = replay(messages.column("nodes").to_pylist(), kinds, rules.limits)
    members = {node: result.members.get(node, node) for node in kinds}
    parted = in_memory({"node": list(members), "root": list(members.values())}, {"node": "int64", "root": "int64"})
    return materialise("identity_parted", parted), materialise("identity_aside", _aside(result, messages))


def _aside(result: Replayed, messages: Column) -> Table:
    where = [aside.message for aside in result.set_aside]
    told = {name: messages.column(name).take(pa.array(where, pa.int64())).to_pylist() for name in _MESSAGE}
    node = [aside.node for aside in result.set_aside]
    kept = [aside.kept for aside in result.set_aside]
    return in_memory({"node": node, "kept": kept, **told}, _ASIDE)


def _parted(root: Table, parted: Table) -> Table:
    beside = root.left_join(parted.rename(part="root"), "node")
    return beside.select("node", root=beside.part.fill_null(beside.root))


def _with_ids(member: Table, rules: IdentityRules, materialise: Materialise) -> Table:
    """Add `founder`, the profile's identifier that was seen first, and `profile_id`, which is the founder's own id.

    A profile that grows keeps its id, of two that merge the older one's survives, and as every id a profile may have
    had is the own id of one of its identifiers, older ids resolve without a memory of who merged when.
    """
    seen = member.select("root", "node", "first_seen")
    first = seen.group_by("root").aggregate(first_seen=seen.first_seen.min())
    founder = seen.join(first, ["root", "first_seen"])
    founder = materialise("identity_founder", founder.group_by("root").aggregate(founder=founder.node.min()))
    whose = founder.join(member.select("type", "value", founder="node"), "founder")
    ids = whose.select("root", "founder", profile_id=_own_id(whose, rules))
    return member.join(ids, "root")


def _own_id(identifiers: Table, rules: IdentityRules) -> Column:
    text = ibis.literal(rules.salt) + "\x1f" + identifiers.type + "\x1f" + identifiers.value
    return text.hexdigest("sha256").substr(0, 32)


def _identifier(member: Table) -> Table:
    # Not by the use's place of arrival, which is another one when the same files come in another order.
    order = [member.first_seen, member.node]
    ordinal = ibis.row_number().over(group_by=[member.profile_id, member.type], order_by=order)
    return member.select("type", "value", "profile_id", "first_seen", "last_seen", ordinal=ordinal)


def _decisions(nodes: Nodes, hub: Table, member: Table, aside: Table) -> Table:
    blocked = nodes.raw.filter(nodes.raw.reason.notnull())
    hubs = hub.join(nodes.node, "node")
    merged = member.filter(member.node != member.founder)
    went = member.select(kept="node", profile_id="profile_id")
    set_aside = aside.join(nodes.node.select("node", "type", "value"), "node").join(went, "kept")
    parts = [
        blocked.select("type", "reason", value="raw", decision=ibis.literal("blocked")).distinct(),
        hubs.select("type", "value", "people", decision=ibis.literal("set_aside"), reason=ibis.literal("hub")),
        merged.select(
            "type", "value", "profile_id", decision=ibis.literal("merged"), reason=ibis.literal("shared_message")
        ),
        set_aside.select(
            "type",
            "value",
            "profile_id",
            "source",
            "message_id",
            "at",
            decision=ibis.literal("set_aside"),
            reason=ibis.literal("limit"),
        ),
    ]
    return ibis.union(*(_shaped(part) for part in parts))


def _shaped(part: Table) -> Table:
    return part.select(
        **{
            name: part[name].cast(kind) if name in part.columns else ibis.null(kind)
            for name, kind in IDENTITY_DECISION.items()
        }
    )
