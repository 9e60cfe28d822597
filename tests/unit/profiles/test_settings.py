"""What `identity:` in guestlist.yaml may say."""

from datetime import timedelta
from typing import Any

import pytest

from guestlist.errors import GuestlistError
from guestlist.profiles.rules import DEVICE_TYPES, Blocked, Hubs, Limit
from guestlist.profiles.settings import read_identity

WEEK, MONTH, YEAR = (timedelta(days=days) for days in (7, 30, 365))


def test_nothing_said() -> None:
    usual = read_identity({})
    assert [usual.limit_rules.of(kind) for kind in ("user_id", "email", "loyalty_id", *DEVICE_TYPES)] == [
        Limit(count=1),
        Limit(count=5),
        Limit(count=5),
        None,
        None,
        None,
    ]
    assert usual.hub_rules == Hubs()
    assert (usual.cap_rules.merges, usual.cap_rules.identifiers) == (100, 1000)
    assert usual.priority_rules.order({"anonymous_id", "zeta", "email", "alpha", "user_id"}) == (
        *("user_id", "email", "alpha", "zeta", "anonymous_id"),
    )


@pytest.mark.parametrize(
    ("written", "limit"),
    [
        (5, Limit(count=5)),
        ("5", Limit(count=5)),
        ("5 ever", Limit(count=5)),
        ("5 per week", Limit(count=5, within=WEEK)),
        ("2 a month", Limit(count=2, within=MONTH)),
        ("10/year", Limit(count=10, within=YEAR)),
        ("none", None),
        (None, None),
    ],
)
def test_limits(written: object, limit: Limit | None) -> None:
    rules = read_identity({"limits": {"anonymous_id": written}}).limit_rules
    assert rules.of("anonymous_id") == limit
    assert rules.of("user_id") == Limit(count=1)


def test_all_of_it() -> None:
    settings = read_identity(
        {
            "identifiers": {"loyalty_id": {"from": "traits.loyalty_id"}, "card": {"from": ["properties.card.number"]}},
            "blocked": {"values": [0, "n.a."], "patterns": "^x+$", "by_type": {"user_id": {"values": "guest-1"}}},
            "hubs": {"people": 3, "types": ["email"]},
            "limits": {"others": 9, "email": 2},
            "caps": {"merges": 7},
            "priorities": ["loyalty_id", "anonymous_id"],
        }
    )
    assert settings.configured == {"loyalty_id": ("traits.loyalty_id",), "card": ("properties.card.number",)}
    assert {"0", "n.a.", "null"} <= settings.blocked_values.values
    assert settings.blocked_values.patterns_by_type == {}
    assert settings.blocked_values.values_by_type["user_id"] == {"guest-1"}
    assert settings.hub_rules == Hubs(types=("email",), people=3)
    assert (settings.limit_rules.of("card"), settings.limit_rules.of("email")) == (Limit(count=9), Limit(count=2))
    assert (settings.cap_rules.merges, settings.cap_rules.identifiers) == (7, 1000)
    assert settings.priority_rules.order({"user_id", "anonymous_id", "loyalty_id", "card"}) == (
        *("loyalty_id", "anonymous_id", "user_id", "card"),
    )


def test_switched_off() -> None:
    assert read_identity({"hubs": "off"}).hub_rules is None
    assert read_identity({"hubs": False}).hub_rules is None
    bare = read_identity({"blocked": {"usual": False, "values": ["x"]}}).blocked_values
    assert bare == Blocked(values=frozenset({"x"}), patterns=())


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ({"limit": {}}, "identity.limit: not a setting; did you mean limits?"),
        ({"limits": {"email": "often"}}, "identity.limits: email: write a number, such as 5, 5 ever"),
        ({"limits": {"email": 0}}, "identity.limits: email: write a number"),
        ({"limits": {"email": True}}, "identity.limits: email: write a number"),
        ({"limits": {"userId": 1}}, "identity.limits: userId is not a type of identifiers; did you mean user_id?"),
        ({"hubs": {"peple": 3}}, "identity.hubs.peple: not a setting; did you mean people?"),
        ({"hubs": {"people": 0}}, "identity.hubs.people: has to be 1 or more"),
        ({"caps": {"merge": 3}}, "identity.caps.merge: not a setting; did you mean merges?"),
        ({"blocked": {"pattern": "x"}}, "identity.blocked.pattern: not a setting; did you mean patterns?"),
        ({"blocked": {"patterns": ["("]}}, "identity.blocked.patterns: ( is not a pattern"),
        ({"blocked": {"patterns": ["(?=x)"]}}, "looks around or back"),
        (
            {"blocked": {"by_type": {"email": {"value": "x"}}}},
            "identity.blocked.by_type.email.value: not a setting; did you mean values?",
        ),
        (
            {"identifiers": {"card": {"form": "traits.card"}}},
            "identity.identifiers.card.form: not a setting; did you mean from?",
        ),
        ({"identifiers": {"card": {"from": "card"}}}, "identity.identifiers.card.from: write a path such as"),
        ({"priorities": ["email", "email"]}, "identity.priorities: email stands there twice"),
    ],
)
def test_mistakes(written: dict[str, Any], told: str) -> None:
    with pytest.raises(GuestlistError) as caught:
        read_identity(written)
    assert told in caught.value.message
    assert caught.value.code == "identity_settings"
