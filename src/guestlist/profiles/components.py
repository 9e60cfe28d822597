"""Connected components as joins and groupings."""

from guestlist.profiles.relations import Table
from guestlist.store import Warehouse


def components(edges: Table, warehouse: Warehouse) -> Table:
    """Label(node, root) for every node of edges(low, high): root is one node of its component.

    Each round points every node at its least neighbour, follows the pointers to their ends, and contracts the edges to
    those ends; so a round costs what is left of the graph, and a long chain needs few of them.
    """
    label = None
    edges = warehouse.materialise("component_edge", edges)
    while warehouse.count("component_edge"):
        pointer = _followed(_least_neighbour(edges), warehouse)
        label = pointer.rename(root="target") if label is None else _composed(label, pointer)
        label = warehouse.materialise("component_label", label)
        edges = warehouse.materialise("component_edge", _contracted(edges, pointer))
    return edges.select(node="low", root="low") if label is None else label


def _least_neighbour(edges: Table) -> Table:
    both = edges.select(node="low", target="high").union(edges.select(node="high", target="low"))
    least = both.group_by("node").aggregate(target=both.target.min())
    return least.mutate(target=(least.target < least.node).ifelse(least.target, least.node))


def _followed(pointer: Table, warehouse: Warehouse) -> Table:
    """Pointers doubled in length until all end at a node that points at itself."""
    pointer = warehouse.materialise("component_pointer", pointer)
    while True:
        onward = pointer.filter(pointer.target != pointer.node).select(hop="node", onward="target")
        unfinished = pointer.semi_join(onward, pointer.target == onward.hop)
        warehouse.materialise("component_unfinished", unfinished.limit(1))
        if not warehouse.count("component_unfinished"):
            return pointer
        further = pointer.left_join(onward, pointer.target == onward.hop)
        pointer = warehouse.materialise(
            "component_pointer", further.select("node", target=further.onward.fill_null(further.target))
        )


def _composed(label: Table, pointer: Table) -> Table:
    ends = pointer.rename(end="node")
    beside = label.left_join(ends, label.root == ends.end)
    return beside.select("node", root=beside.target.fill_null(beside.root))


def _contracted(edges: Table, pointer: Table) -> Table:
    low = pointer.select(low="node", a="target")
    high = pointer.select(high="node", b="target")
    moved = edges.join(low, "low").join(high, "high")
    moved = moved.filter(moved.a != moved.b)
    return moved.select(
        low=(moved.a < moved.b).ifelse(moved.a, moved.b), high=(moved.a < moved.b).ifelse(moved.b, moved.a)
    ).distinct()
