"""Contested components, in small."""

import pytest

from guestlist.profiles.replay import SetAside, replay

USERS = {1: "user_id", 2: "user_id", 10: "email", 11: "email", 20: "anonymous_id", 21: "anonymous_id"}


@pytest.mark.parametrize(
    ("messages", "members", "set_aside"),
    [
        ([[1, 10], [2, 10]], {1: 1, 10: 1, 2: 2}, [(10, 2, 1)]),
        ([[10, 20], [1, 20], [2, 10]], {1: 1, 10: 1, 20: 1, 2: 2}, [(10, 2, 2)]),
        ([[1, 10], [2, 10, 20]], {1: 1, 10: 1, 2: 2, 20: 2}, [(10, 2, 1)]),
        ([[1, 2, 10]], {1: 1, 10: 1, 2: 2}, [(2, 1, 0)]),
        ([[1, 20], [2, 21], [10, 20, 21]], {1: 1, 20: 1, 2: 2, 21: 2, 10: 1}, [(21, 10, 2)]),
        ([[1, 99, 10]], {1: 1, 10: 1}, []),
    ],
)
def test_replay(messages: list[list[int]], members: dict[int, int], set_aside: list[tuple[int, int, int]]) -> None:
    result = replay(messages, USERS, {"user_id": 1})
    assert result.members == members
    assert result.set_aside == [SetAside(node=node, kept=kept, message=message) for node, kept, message in set_aside]


def test_limit_of_five() -> None:
    kinds = {1: "user_id", **dict.fromkeys(range(10, 20), "email")}
    result = replay([[1, email] for email in range(10, 20)], kinds, {"user_id": 1, "email": 5})
    assert [node for node, root in result.members.items() if root == 1] == [1, 10, 11, 12, 13, 14]
    assert [aside.node for aside in result.set_aside] == [15, 16, 17, 18, 19]
