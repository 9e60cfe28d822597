"""Contested components, in small."""

from datetime import timedelta

import pytest

from guestlist.profiles.replay import Merged, Nodes, SetAside, Told, replay
from guestlist.profiles.rules import Caps, Limit, Limits

USERS = ["user_id", "user_id", "email", "email", "anonymous_id", "anonymous_id"]
U1, U2, E1, E2, A1, A2 = range(6)
DAY = 86_400_000_000
ONE = Limits(by_type={"user_id": Limit(count=1)}, others=None)


def _told(*messages: list[int], every: int = 1) -> list[Told]:
    return [Told(key=n, at=n * every, nodes=nodes) for n, nodes in enumerate(messages)]


def _nodes(kinds: list[str], messages: list[Told]) -> Nodes:
    seen = [min((told.at for told in messages if node in told.nodes), default=0) for node in range(len(kinds))]
    return Nodes(kinds=kinds, first_seen=seen)


@pytest.mark.parametrize(
    ("messages", "together", "set_aside"),
    [
        # Segment's own example: profile {u1, e1}, then {u2, e1}: a new profile for u2, e1 stays with u1.
        pytest.param([[U1, E1], [U2, E1]], [{U1, E1}], [(E1, U2, 1)], id="segment"),
        pytest.param([[E1, A1], [U1, A1], [U2, E1]], [{U1, E1, A1}], [(E1, U2, 2)], id="three messages"),
        pytest.param([[U1, E1], [U2, E1, A1]], [{U1, E1}, {U2, A1}], [(E1, U2, 1)], id="only what breaks a limit"),
        pytest.param([[U1, U2, E1]], [{U1, E1}], [(U2, U1, 0)], id="two users in one message"),
        pytest.param([[U1, A1], [U2, A2], [E1, A1, A2]], [{U1, A1, E1}, {U2, A2}], [(A2, E1, 2)], id="a bridge"),
        pytest.param([[U1, E1], [U2, E1], [U2, E1]], [{U1, E1}], [(E1, U2, 1)], id="told once"),
    ],
)
def test_replay(messages: list[list[int]], together: list[set[int]], set_aside: list[tuple[int, int, int]]) -> None:
    told = _told(*messages)
    result = replay(told, _nodes(USERS, told), ONE, Caps())
    profiles: dict[int, set[int]] = {}
    for node, oldest in enumerate(result.oldest):
        profiles.setdefault(oldest, set()).add(node)
    assert [each for each in profiles.values() if len(each) > 1] == together
    assert result.set_aside == [
        SetAside(node=node, kept=kept, message=n, reason="limit", rule="1 user_id, ever") for node, kept, n in set_aside
    ]


def test_which_message_merged() -> None:
    told = _told([A1], [A2, E2], [E1, A1], [A1, A2])
    result = replay(told, _nodes(USERS, told), ONE, Caps())
    # A2 and E2 were seen at once: the stronger is the older. It ends with the message that brings A1 to them.
    assert result.merged == [Merged(node=A2, message=1), Merged(node=E1, message=2), Merged(node=E2, message=3)]


def test_limit_of_five() -> None:
    told = _told(*([0, email] for email in range(1, 11)))
    kinds = ["user_id", *["email"] * 10]
    result = replay(told, _nodes(kinds, told), Limits(), Caps())
    assert [node for node, oldest in enumerate(result.oldest) if oldest == 0] == [0, 1, 2, 3, 4, 5]
    assert [aside.node for aside in result.set_aside] == [6, 7, 8, 9, 10]


# Ten devices, the first on day 0, and so many days between two of them. By hand: one is joined if of those that were,
# at most one was first seen within the span before it, whose far end is left out.
WEEK, MONTH, YEAR = timedelta(days=7), timedelta(days=30), timedelta(days=365)
TWO_IN = [
    (WEEK, 1, [0, 1, 7, 8]),
    (WEEK, 3, [0, 3, 9, 12, 18, 21, 27]),
    (WEEK, 4, [0, 4, 8, 12, 16, 20, 24, 28, 32, 36]),
    (WEEK, 8, [0, 8, 16, 24, 32, 40, 48, 56, 64, 72]),
    (MONTH, 7, [0, 7, 35, 42]),
    (MONTH, 14, [0, 14, 42, 56, 84, 98, 126]),
    (MONTH, 15, [0, 15, 30, 45, 60, 75, 90, 105, 120, 135]),
    (YEAR, 100, [0, 100, 400, 500, 800, 900]),
    (YEAR, 182, [0, 182, 546, 728, 1092, 1274, 1638]),
    (YEAR, 183, [0, 183, 366, 549, 732, 915, 1098, 1281, 1464, 1647]),
]


@pytest.mark.parametrize(("span", "days", "joined"), TWO_IN)
def test_two_in_a_span(span: timedelta, days: int, joined: list[int]) -> None:
    told = _told(*([0, device] for device in range(1, 11)), every=days * DAY)
    limits = Limits(by_type={"user_id": None}, others=Limit(count=2, within=span))
    kinds = ["user_id", *["anonymous_id"] * 10]
    result = replay(told, _nodes(kinds, told), limits, Caps())
    assert [n * days for n, oldest in enumerate(result.oldest[1:]) if oldest == 0] == joined
    assert [aside.message * days for aside in result.set_aside] == [
        n * days for n in range(10) if n * days not in joined
    ]


def test_caps() -> None:
    kinds = ["user_id", *["anonymous_id"] * 20]
    alone = _told(*([node] for node in range(21)))
    told = [*alone, *(Told(key=100 + node, at=100 + node, nodes=[0, node]) for node in range(1, 21))]
    nodes = _nodes(kinds, told)
    merges = replay(told, nodes, Limits(), Caps(merges=5))
    identifiers = replay(told, nodes, Limits(), Caps(identifiers=8))
    assert merges.oldest.count(0) == 6
    assert {aside.reason for aside in merges.set_aside} == {"merge_cap"}
    assert identifiers.oldest.count(0) == 8
    assert {aside.reason for aside in identifiers.set_aside} == {"identifier_cap"}
