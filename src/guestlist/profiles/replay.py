"""Contested components, message by message."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class SetAside:
    """An identifier that a message carried and that was not joined to the message's profile."""

    node: int
    kept: int
    message: int


@dataclass(kw_only=True)
class Replayed:
    """`members`: node → one node of its profile, for every node that was joined to another."""

    members: dict[int, int] = field(default_factory=dict)
    set_aside: list[SetAside] = field(default_factory=list)


def replay(messages: Iterable[list[int]], kinds: Mapping[int, str], limits: Mapping[str, int]) -> Replayed:
    """Join the nodes of each message, in the order given, so that no profile has more of a type than its limit.

    A message's nodes are taken strongest (least) first; one whose profile cannot be joined without breaching a limit
    is set aside, for this message only. So of two that cannot stay together the weaker one goes. Only the first of
    messages with the same nodes counts, as the others can change nothing.
    """
    profiles = _Profiles(kinds, limits)
    result = Replayed()
    known: set[tuple[int, ...]] = set()
    for number, nodes in enumerate(messages):
        ours = tuple(sorted({node for node in nodes if node in kinds}))
        if ours in known:
            continue
        known.add(ours)
        for node in ours[1:]:
            if not profiles.join(ours[0], node):
                result.set_aside.append(SetAside(node=node, kept=ours[0], message=number))
    result.members = {node: profiles.find(node) for node in profiles.parent}
    return result


class _Profiles:
    """Disjoint sets that know how many identifiers of each limited type they hold."""

    def __init__(self, kinds: Mapping[int, str], limits: Mapping[str, int]) -> None:
        self.parent: dict[int, int] = {}
        self._kinds = kinds
        self._limits = limits
        self._held: dict[int, dict[str, int]] = {}

    def find(self, node: int) -> int:
        parent = self.parent
        root = node
        while (above := parent.setdefault(root, root)) != root:
            root = above
        while (above := parent[node]) != root:
            parent[node] = root
            node = above
        return root

    def join(self, first: int, second: int) -> bool:
        a, b = self.find(first), self.find(second)
        if a == b:
            return True
        held = dict(self._count(a))
        for kind, count in self._count(b).items():
            held[kind] = held.get(kind, 0) + count
        if any(count > self._limits[kind] for kind, count in held.items()):
            return False
        low, high = min(a, b), max(a, b)
        self.parent[high] = low
        self._held[low] = held
        return True

    def _count(self, root: int) -> Mapping[str, int]:
        held = self._held.get(root)
        if held is not None:
            return held
        kind = self._kinds[root]
        return {kind: 1} if kind in self._limits else {}
