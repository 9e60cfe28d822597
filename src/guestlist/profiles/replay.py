"""Components whose people depend on the order of messages, message by message: one function decides."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

from guestlist.profiles.rules import Caps, Limit, Limits

_FOR_EVER = 2**62
LIMIT, MERGE_CAP, IDENTIFIER_CAP = "limit", "merge_cap", "identifier_cap"


@dataclass(frozen=True, kw_only=True, slots=True)
class Nodes:
    """Identifiers, numbered from 0, those that may meet from the strongest to the weakest; instants are microseconds."""

    kinds: Sequence[str]
    first_seen: Sequence[int]


class Told(NamedTuple):
    """A message: when, and its identifiers from the strongest to the weakest, none twice."""

    key: int
    at: int
    nodes: Sequence[int]


@dataclass(frozen=True, kw_only=True, slots=True)
class SetAside:
    """An identifier that a message, the first of such, carried and that was not joined to `kept`, its strongest.

    `rule`: what would have been broken, in words, such as `1 user_id, ever`.
    """

    node: int
    kept: int
    message: int
    reason: str
    rule: str


class Merged(NamedTuple):
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

    The order counts among messages that have identifiers in common.

    Of the identifiers of a message the strongest is kept, and each next one if its profile can be one with those kept;
    otherwise it is set aside, for this message only.
    """
    profiles = _Profiles(nodes, limits, caps)
    result = Replayed()
    known: set[tuple[int, int]] = set()
    for told in messages:
        kept = [profiles.find(told.nodes[0])]
        for node in told.nodes[1:]:
            root = profiles.find(node)
            if root in kept:
                continue
            breach = profiles.breach(kept, root, told.at)
            if breach is None:
                kept.append(root)
            elif (node, told.nodes[0]) not in known:
                known.add((node, told.nodes[0]))
                reason, rule = breach
                result.set_aside.append(
                    SetAside(node=node, kept=told.nodes[0], message=told.key, reason=reason, rule=rule)
                )
        if len(kept) > 1:
            result.merged += (Merged(node=node, message=told.key) for node in profiles.join(kept, told.at))
    result.oldest = [profiles.find(node) for node in range(len(nodes.kinds))]
    return result


class _Profiles:
    """Disjoint sets, as flat lists by node. The oldest identifier is the root; what is counted stands at the root."""

    def __init__(self, nodes: Nodes, limits: Limits, caps: Caps) -> None:
        number = len(nodes.kinds)
        self._caps = caps
        self._first_seen = nodes.first_seen
        self._parent = list(range(number))
        self._size = [1] * number
        self._merges = [0] * number
        # All of a profile, one after the other, in a ring.
        self._next = list(range(number))
        self._limits = [_Held(kind, limit, nodes) for kind in sorted(set(nodes.kinds)) if (limit := limits.of(kind))]

    def find(self, node: int) -> int:
        parent = self._parent
        root = node
        while parent[root] != root:
            root = parent[root]
        while parent[node] != root:
            parent[node], node = root, parent[node]
        return root

    def breach(self, kept: Sequence[int], root: int, at: int) -> tuple[str, str] | None:
        """Why this profile cannot be one with those kept, which can be one, and by which rule; None if it can."""
        size = self._size[root]
        for one in kept:
            size += self._size[one]
        if size > self._caps.identifiers:
            return IDENTIFIER_CAP, f"{self._caps.identifiers:,} identifiers"
        if self._merges_of((*kept, root), at) > self._caps.merges:
            return MERGE_CAP, f"{self._caps.merges:,} mergers"
        for held in self._limits:
            if held.count[root] and self._held(held, (*kept, root), at) > held.most:
                return LIMIT, held.rule
        return None

    def _held(self, held: "_Held", roots: Iterable[int], at: int) -> int:
        """How many identifiers of a kind, first seen within its span, these profiles have."""
        if held.span == _FOR_EVER:
            return sum(held.count[root] for root in roots)
        since = at - held.span
        every = (node for root in roots if held.count[root] for node in self._ring(root))
        return sum(node in held.own and self._first_seen[node] > since for node in every)

    def _ring(self, root: int) -> Iterator[int]:
        node = self._next[root]
        while node != root:
            yield node
            node = self._next[node]
        yield root

    def join(self, roots: Sequence[int], at: int) -> list[int]:
        """Make them one; gives those that are no longer the oldest of a profile."""
        first_seen, following = self._first_seen, self._next
        oldest = roots[0]
        for root in roots:
            if (first_seen[root], root) < (first_seen[oldest], oldest):
                oldest = root
        self._merges[oldest] = self._merges_of(roots, at)
        gone = sorted(root for root in roots if root != oldest)
        for root in gone:
            self._parent[root] = oldest
            self._size[oldest] += self._size[root]
            following[oldest], following[root] = following[root], following[oldest]
            for held in self._limits:
                held.count[oldest] += held.count[root]
        return gone

    def _merges_of(self, roots: Iterable[int], at: int) -> int:
        there, merges = -1, 0
        for root in roots:
            there += self._first_seen[root] < at
            merges += self._merges[root]
        return merges + max(0, there)


class _Held:
    """A limit, and how many of its kind each profile has, by root."""

    def __init__(self, kind: str, limit: Limit, nodes: Nodes) -> None:
        self.most = limit.count
        self.rule = limit.words(kind)
        self.span = microseconds(limit)
        self.count = [int(one == kind) for one in nodes.kinds]
        self.own = frozenset() if limit.within is None else {node for node, one in enumerate(self.count) if one}


def microseconds(limit: Limit) -> int:
    """How far back a limit looks; further than any history where it looks at all of it."""
    return _FOR_EVER if limit.within is None else limit.within // timedelta(microseconds=1)
