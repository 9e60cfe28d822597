"""Components whose people depend on the order of messages, message by message: one function decides."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from guestlist.profiles.rules import Caps, Limit, Limits

_FOR_EVER = 2**62
LIMIT, MERGE_CAP, IDENTIFIER_CAP = "limit", "merge_cap", "identifier_cap"


@dataclass(frozen=True, kw_only=True, slots=True)
class Nodes:
    """Identifiers, numbered from 0 from the strongest to the weakest; instants are microseconds."""

    kinds: Sequence[str]
    first_seen: Sequence[int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """A message: when, and its identifiers from the strongest to the weakest, none twice."""

    key: int
    at: int
    nodes: Sequence[int]


@dataclass(frozen=True, kw_only=True, slots=True)
class SetAside:
    """An identifier that a message, the first of such, carried and that was not joined to `kept`, its strongest."""

    node: int
    kept: int
    message: int
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Merged:
    """An identifier that was the oldest of its profile until this message brought an older one."""

    node: int
    message: int


@dataclass(kw_only=True, slots=True)
class Replayed:
    """`oldest`: for every node the oldest node of its profile."""

    oldest: list[int] = field(default_factory=list)
    set_aside: list[SetAside] = field(default_factory=list)
    merged: list[Merged] = field(default_factory=list)


def replay(messages: Iterable[Told], nodes: Nodes, limits: Limits, caps: Caps) -> Replayed:
    """Join what messages carry, in the order given, so that no profile breaks a limit.

    Of the identifiers of a message the strongest is kept, and each next one if its profile can be one with those kept;
    otherwise it is set aside, for this message only.
    """
    profiles = _Profiles(nodes, limits, caps)
    result = Replayed()
    known: set[tuple[int, int]] = set()
    for told in messages:
        kept = {profiles.find(told.nodes[0])}
        for node in told.nodes[1:]:
            root = profiles.find(node)
            reason = profiles.breach(kept | {root}, told.at)
            if reason is None:
                kept.add(root)
            elif (node, told.nodes[0]) not in known:
                known.add((node, told.nodes[0]))
                result.set_aside.append(SetAside(node=node, kept=told.nodes[0], message=told.key, reason=reason))
        result.merged += (Merged(node=node, message=told.key) for node in profiles.join(kept, told.at))
    result.oldest = [profiles.find(node) for node in range(len(nodes.kinds))]
    return result


class _Profiles:
    """Disjoint sets. The oldest identifier is the root; it knows all of its profile."""

    def __init__(self, nodes: Nodes, limits: Limits, caps: Caps) -> None:
        self._kinds = nodes.kinds
        self._first_seen = nodes.first_seen
        self._limits = {kind: limits.of(kind) for kind in set(nodes.kinds)}
        self._caps = caps
        self._parent = list(range(len(nodes.kinds)))
        # Of profiles with more than one identifier, by root.
        self._members: dict[int, list[int]] = {}
        self._merges: dict[int, int] = {}

    def find(self, node: int) -> int:
        parent = self._parent
        root = node
        while parent[root] != root:
            root = parent[root]
        while parent[node] != root:
            parent[node], node = root, parent[node]
        return root

    def breach(self, roots: set[int], at: int) -> str | None:
        """Why these profiles cannot be one, None if they can."""
        if len(roots) == 1:
            return None
        members = [self._of(root) for root in roots]
        if sum(map(len, members)) > self._caps.identifiers:
            return IDENTIFIER_CAP
        if self._merges_of(roots, at) > self._caps.merges:
            return MERGE_CAP
        held: dict[str, int] = {}
        for node in (node for some in members for node in some):
            kind = self._kinds[node]
            limit = self._limits[kind]
            if limit is None or self._first_seen[node] <= at - microseconds(limit):
                continue
            held[kind] = held.get(kind, 0) + 1
            if held[kind] > limit.count:
                return LIMIT
        return None

    def join(self, roots: set[int], at: int) -> list[int]:
        """Make them one; gives those that are no longer the oldest of a profile."""
        if len(roots) == 1:
            return []
        oldest = min(roots, key=lambda root: (self._first_seen[root], root))
        merges = self._merges_of(roots, at)
        gone = sorted(roots - {oldest})
        self._members[oldest] = list(self._of(oldest))
        for root in gone:
            self._parent[root] = oldest
            self._members[oldest] += self._of(root)
            self._members.pop(root, None)
            self._merges.pop(root, None)
        self._merges[oldest] = merges
        return gone

    def _of(self, root: int) -> Sequence[int]:
        return self._members.get(root) or (root,)

    def _merges_of(self, roots: set[int], at: int) -> int:
        there = sum(self._first_seen[root] < at for root in roots)
        return sum(self._merges.get(root, 0) for root in roots) + max(0, there - 1)


def microseconds(limit: Limit) -> int:
    """How far back a limit looks; further than any history where it looks at all of it."""
    return _FOR_EVER if limit.within is None else limit.within // timedelta(microseconds=1)
