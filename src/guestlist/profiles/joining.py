"""From identifiers and the messages that carry them to people: the one function behind every resolution.

It is given whole components, all of them or those that new messages touch, and looks at nothing else.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import ibis

from guestlist.profiles.components import components
from guestlist.profiles.nodes import kind_of
from guestlist.profiles.relations import Table
from guestlist.profiles.replay import Nodes, Replayed, Told, microseconds, replay
from guestlist.profiles.rules import IdentityRules
from guestlist.store import Warehouse
from guestlist.store.in_memory import in_memory, no_lines

_PLACED = {"strength": "int64", "oldest": "int64", "merged_by": "int64"}
_ASIDE = {"strength": "int64", "kept": "int64", "ordinal": "int64", "reason": "string", "rule": "string"}
_KINDS_APART = 63


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Whole components: `node` as the relation, without hubs; `told` as `message_node`, of these nodes only."""

    node: Table
    told: Table
    message: Table
    kinds: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class People:
    """Who is who.

    `person(node, component, oldest, merged_by)`: `oldest` is the oldest identifier of the profile, whose own id is the
    profile's; `merged_by` is the ordinal of the message by which this one ceased to be the oldest of a profile.
    `owner(ordinal, oldest)` says whose a message is; `aside(node, kept, ordinal, reason, rule)` what was set aside.
    """

    person: Table
    owner: Table
    aside: Table


def join_up(scope: Scope, rules: IdentityRules, warehouse: Warehouse) -> People:
    """Find the people of the scope."""
    told = _without_alone(scope, warehouse) if rules.alone else scope.told
    bundle = told.group_by("ordinal").aggregate(
        at=told["at"].min(), low=told.node.min(), high=told.node.max(), carried=told.count()
    )
    bundle = warehouse.materialise("identity_bundle", bundle)
    edge = warehouse.materialise("identity_edge", _edges(bundle, told))
    label = components(edge.select("low", "high"), warehouse)
    whole = warehouse.materialise("identity_whole", _whole(scope.node, label))
    first = warehouse.materialise("identity_first", _first_shared(whole, edge, told))
    disputed = warehouse.materialise("identity_disputed", _disputed(whole, first, rules, scope.kinds))
    placed, owner = _plain(whole, first, disputed), bundle.select("ordinal", "low")
    owner = owner.join(placed.select("oldest", low="node"), "low").select("ordinal", "oldest")
    if not warehouse.count("identity_disputed"):
        aside = no_lines(_ASIDE).rename(node="strength")
        return People(person=warehouse.materialise("identity_person", placed), owner=owner, aside=aside)
    return _with_replayed(scope, told, placed, owner, rules, warehouse)


def _without_alone(scope: Scope, warehouse: Warehouse) -> Table:
    """Identifiers that were split off count only in messages that carry no other, and there only the strongest."""
    alone = scope.node.filter(scope.node.alone).select("node")
    others = scope.told.anti_join(alone, "node")
    lone = scope.told.anti_join(others, "ordinal")
    lone = lone.group_by("ordinal").aggregate(at=lone["at"].min(), node=lone.node.min())
    return warehouse.materialise("identity_joining", others.union(lone.select(*others.columns)))


def _edges(bundle: Table, told: Table) -> Table:
    """Edge(low, high, at): the strongest identifier of a message with each other one, and when first."""
    pairs = bundle.filter(bundle.low != bundle.high)
    ends = pairs.select("low", "high", "at")
    between = pairs.filter(pairs.carried > 2).drop("at").join(told, "ordinal")
    between = between.filter(between.node != between.low, between.node != between.high)
    both = ends.union(between.select("low", "at", high="node").select("low", "high", "at"))
    return both.group_by("low", "high").aggregate(at=both["at"].min())


def _whole(node: Table, label: Table) -> Table:
    """Whole(node, first_seen, age, component): nodes that meet no other are their own component."""
    beside = node.select("node", "first_seen").left_join(label, "node")
    # The older is the lesser; at the same instant the stronger. Of types beyond these all count as alike.
    age = node.first_seen * (_KINDS_APART + 1) + ibis.least(kind_of(node.node), _KINDS_APART)
    return beside.select("node", "first_seen", age=age, component=beside.root.fill_null(beside.node))


def _first_shared(whole: Table, edge: Table, told: Table) -> Table:
    """First(node, component, ordinal, sure): the first message that joined a node to others.

    Sure where there is one such message and it carried an older node: by that message the node joined an older profile.
    """
    ends = edge.select("at", node="low").union(edge.select("at", node="high"))
    when = ends.group_by("node").aggregate(at=ends["at"].min())
    candidate = told.join(when, ["node", "at"]).select("node", "ordinal")
    age = whole.select("node", "age")
    of_these = told.semi_join(candidate, "ordinal").join(age, "node")
    oldest = of_these.group_by("ordinal").aggregate(oldest=of_these.age.min())
    found = candidate.join(oldest, "ordinal").group_by("node")
    found = found.aggregate(
        messages=lambda t: t.count(), ordinal=lambda t: t.ordinal.min(), oldest=lambda t: t.oldest.min()
    )
    beside = found.join(whole, "node")
    sure = (beside.messages == 1) & (beside.oldest < beside.age)
    return beside.select("node", "component", "ordinal", sure=sure)


def _disputed(whole: Table, first: Table, rules: IdentityRules, kinds: Sequence[str]) -> Table:
    """Disputed(component): those that may break a limit, and those of whose mergers a glance does not tell the order."""
    unsure = first.filter(~first.sure).group_by("component").having(lambda t: t.count() > 1).aggregate()
    size = whole.group_by("component").having(whole.count() > min(rules.caps.identifiers, rules.caps.merges + 1))
    found = [unsure.select("component"), size.aggregate().select("component")]
    for place, kind in enumerate(kinds):
        limit = rules.limits.of(kind)
        if limit is None:
            continue
        ours = whole.filter(kind_of(whole.node) == place)
        # So many later, in order of time, is one too many.
        over = ibis.window(group_by=ours.component, order_by=[ours.first_seen, ours.node])
        ours = ours.mutate(next_over=ours.first_seen.lead(limit.count).over(over))
        found.append(ours.filter(ours.next_over - ours.first_seen < microseconds(limit)).select("component"))
    return ibis.union(*found, distinct=True)


def _plain(whole: Table, first: Table, disputed: Table) -> Table:
    """Person(node, component, oldest, merged_by) of all components that are not disputed."""
    oldest = first.filter(~first.sure).select("component", oldest="node").anti_join(disputed, "component")
    beside = whole.anti_join(disputed, "component").left_join(oldest, "component")
    beside = beside.select("node", "component", oldest=beside.oldest.fill_null(beside.node))
    by = first.filter(first.sure).select("node", merged_by="ordinal")
    told = beside.left_join(by, "node")
    return told.select("node", "component", "oldest", "merged_by")


# Components that are replayed


def _with_replayed(
    scope: Scope, told: Table, placed: Table, owner: Table, rules: IdentityRules, warehouse: Warehouse
) -> People:
    ranked = warehouse.materialise("identity_ranked", _ranked(scope, warehouse))
    told = warehouse.materialise(
        "identity_retold",
        told.join(ranked.select("node", "strength", "component"), "node")
        .select("ordinal", "at", "strength", "component")
        .distinct(),
    )
    result = _replayed(ranked, told, scope, rules, warehouse)
    by_strength = ranked.select("strength", "node")
    whose = warehouse.materialise("identity_replayed", _placed(result))
    oldest = whose.join(ranked.select("strength", "node", "component"), "strength")
    oldest = oldest.join(by_strength.select(oldest="strength", oldest_node="node"), "oldest")
    parted = oldest.select("node", "component", "merged_by", oldest="oldest_node")
    deciding = told.group_by("ordinal").aggregate(strength=told.strength.min())
    deciding = deciding.join(oldest.select("strength", oldest="oldest_node"), "strength").select("ordinal", "oldest")
    aside = warehouse.materialise("identity_aside", _aside(result)).join(by_strength, "strength")
    kept = by_strength.select(kept="strength", kept_node="node")
    aside = aside.join(kept, "kept").select("node", "ordinal", "reason", "rule", kept="kept_node")
    person = placed.union(parted.select(*placed.columns))
    return People(person=warehouse.materialise("identity_person", person), owner=owner.union(deciding), aside=aside)


def _ranked(scope: Scope, warehouse: Warehouse) -> Table:
    """Ranked(strength, node, type, first_seen, component): within a type the older is the stronger.

    Numbered component by component, and replayed so: what meets lies close together in memory.
    """
    whole = warehouse.temporary("identity_whole").semi_join(warehouse.temporary("identity_disputed"), "component")
    node = scope.node.join(whole.select("node", "component"), "node")
    order = [node.component, kind_of(node.node), node.first_seen, node.type, node.value]
    strength = ibis.row_number().over(order_by=order)
    return node.select("node", "type", "first_seen", "component", strength=strength)


def _replayed(ranked: Table, told: Table, scope: Scope, rules: IdentityRules, warehouse: Warehouse) -> Replayed:
    found = warehouse.read(ranked.order_by("strength").select("type", "first_seen"))
    nodes = Nodes(kinds=found.column("type").to_pylist(), first_seen=found.column("first_seen").to_pylist())
    messages = warehouse.materialise("identity_messages", _messages(told, scope.message, rules, scope.kinds))
    in_order = messages.order_by("component", "at", "message_id", "source").select("ordinal", "at", "nodes")
    with warehouse.transaction():  # a temporary relation is read inside one
        return replay(_told(warehouse, in_order), nodes, rules.limits, rules.caps)


def _messages(told: Table, message: Table, rules: IdentityRules, kinds: Sequence[str]) -> Table:
    """Messages with two or more identifiers; where no limit forgets, a set that comes again can change nothing."""
    grouped = told.group_by("ordinal").aggregate(
        at=told["at"].min(), component=told.component.min(), nodes=told.strength.collect()
    )
    several = grouped.mutate(nodes=grouped.nodes.sort()).filter(lambda t: t.nodes.length() > 1)
    named = several.join(message.select("ordinal", "message_id", "source"), "ordinal")
    limits = (rules.limits.of(kind) for kind in kinds)
    if any(limit is not None and limit.within is not None for limit in limits):
        return named
    order = [named["at"], named.message_id, named.source]
    named = named.mutate(nth=ibis.row_number().over(group_by=named.nodes, order_by=order))
    return named.filter(named.nth == 0).drop("nth")


def _told(warehouse: Warehouse, messages: Table) -> Iterator[Told]:
    for batch in warehouse.stream(messages):
        columns = (batch.column(name).to_pylist() for name in ("ordinal", "at", "nodes"))
        for ordinal, at, nodes in zip(*columns, strict=True):
            yield Told(key=ordinal, at=at, nodes=nodes)


def _placed(result: Replayed) -> Table:
    by: list[int | None] = [None] * len(result.oldest)
    for merged in result.merged:
        by[merged.node] = merged.message
    columns = {"strength": range(len(by)), "oldest": result.oldest, "merged_by": by}
    return in_memory(columns, _PLACED)


def _aside(result: Replayed) -> Table:
    columns: dict[str, list[Any]] = {
        "strength": [one.node for one in result.set_aside],
        "kept": [one.kept for one in result.set_aside],
        "ordinal": [one.message for one in result.set_aside],
        "reason": [one.reason for one in result.set_aside],
        "rule": [one.rule for one in result.set_aside],
    }
    return in_memory(columns, _ASIDE)
