"""Who is who, in a real engine."""

import pytest
from tests.stages.profiles.warehouse import Message, message, resolved

from guestlist.profiles.do_not_send import identifier_token
from guestlist.profiles.rules import Blocked, Hubs, IdentityRules, Normaliser


@pytest.mark.parametrize(
    ("messages", "people"),
    [
        pytest.param([message("m1", 1, "u:1", "e:x")], ["e:x u:1"], id="one message"),
        pytest.param([message("m1", 1, "a:1"), message("m2", 2, "a:2")], ["a:1", "a:2"], id="strangers"),
        pytest.param(
            [message("m1", 1, "a:1"), message("m2", 2, "a:1", "u:1"), message("m3", 3, "u:1", "e:x")],
            ["a:1 e:x u:1"],
            id="merged",
        ),
        pytest.param(
            [message("m1", 1, "u:1", "e:x"), message("m2", 2, "u:2", "e:x")],
            ["e:x u:1", "u:2"],
            id="second user with the same address",
        ),
        pytest.param(
            [message("m1", 1, "u:1", "a:k"), message("m2", 2, "u:2", "a:k", "e:y"), message("m3", 3, "e:z", "a:k")],
            ["a:k e:z u:1", "e:y u:2"],
            id="kiosk",
        ),
        pytest.param([message("m1", 1, "u:1", "u:2", "e:x")], ["e:x u:1", "u:2"], id="two users in one message"),
        pytest.param(
            [message("m1", 1, "e:x", "p:1"), message("m2", 2, "c:7", "p:1"), message("m3", 3, "i:d", "c:7")],
            ["c:7 e:x i:d p:1"],
            id="every type joins",
        ),
        pytest.param([message("m1", 1, "u:1", "a:0-0"), message("m2", 2, "e:NULL")], ["u:1"], id="blocked"),
    ],
)
def test_people(messages: list[Message], people: list[str]) -> None:
    assert resolved(messages).people == people


def test_chain_and_star() -> None:
    chain = [message(f"m{n}", n, f"a:{n}", f"a:{n + 1}") for n in range(1, 601)]
    star = [message(f"s{n}", n, "c:hub", f"i:{n}") for n in range(1, 601)]
    assert [len(person.split()) for person in resolved(chain + star).people] == [601, 601]


def test_message_of_contested_person_goes_to_its_strongest() -> None:
    out = resolved([message("m1", 1, "u:1", "e:x"), message("m2", 2, "u:2", "e:x"), message("m3", 3, "e:x")])
    assert out.messages["m1"] == out.messages["m3"] != out.messages["m2"]
    assert out.decided("set_aside") == ["e:x limit"]
    assert [row["message_id"] for row in out.decisions if row["decision"] == "set_aside"] == ["m2"]


def test_hub_joins_nobody() -> None:
    many = [message(f"m{n}", n, f"u:{n}", "e:test@x.y") for n in range(1, 5)] + [message("only", 9, "e:test@x.y")]
    out = resolved(many, IdentityRules(salt="s", hubs=Hubs(people=3)))
    assert out.people == ["u:1", "u:2", "u:3", "u:4"]
    assert out.decided("set_aside") == ["e:test@x.y hub"]
    assert "only" not in out.messages


def test_many_devices_of_one_person_are_no_hub() -> None:
    known = [message(f"m{n}", n, "u:1", "e:x", f"a:{n}") for n in range(150)]
    unknown = [message(f"n{n}", n, "e:x", f"a:n{n}") for n in range(50)]
    assert len(resolved(known + unknown).people) == 1


def test_blocked_by_rule() -> None:
    blocked = Blocked(values_by_type={"email": frozenset({"Info@x.y"})}, patterns_by_type={"user_id": (r"^guest-",)})
    rules = IdentityRules(
        salt="s", blocked=blocked, normalisers={"email": Normaliser(rule=_address, plain=r"^[a-z.@]+$")}
    )
    out = resolved(
        [message("m1", 1, "u:guest-1", "e:INFO@x.y", "a:1"), message("m2", 2, "a:1", "e:A@x.y", "e:nonsense ")], rules
    )
    assert out.people == ["a:1 e:a@x.y"]
    assert out.decided("blocked") == ["e:INFO@x.y blocked_value", "e:nonsense  not_valid", "u:guest-1 blocked_value"]


def test_blocked_as_it_is_read_not_as_it_is_written() -> None:
    trimmed = Normaliser(rule=lambda text, _country: text.replace(" ", ""))
    rules = IdentityRules(salt="s", blocked=Blocked(values=frozenset({"x@y.z"})), normalisers={"email": trimmed})
    out = resolved([message("m1", 1, "u:1", "e:x @ y.z")], rules)
    assert out.people == ["u:1"]
    assert out.decided("blocked") == ["e:x @ y.z blocked_value"]


def test_a_blocked_value_names_the_earliest_message_that_carried_it() -> None:
    out = resolved([message("z", 1, "u:1", "a:null"), message("a", 2, "u:1", "a:null")])
    assert out.decided("blocked", "message_id") == ["a:null blocked_value z"]


def _address(text: str, _country: str) -> str | None:
    return text.lower() if "@" in text else None


def test_ids() -> None:
    history = [
        message("m1", 1, "a:1"),
        message("m2", 2, "e:x"),
        message("m3", 3, "a:1", "e:x"),
        message("m4", 4, "e:x", "u:1"),
    ]
    early, later = resolved(history[:2]), resolved(history)
    older, younger = early.messages["m1"], early.messages["m2"]
    assert set(later.messages.values()) == {older}
    assert later.alias[younger] == later.alias[older] == older
    assert len(older) == 32


def test_every_decision_names_the_message_that_caused_it() -> None:
    history = [
        message("m1", 1, "a:1"),
        message("m2", 2, "e:x", "a:2"),
        message("m3", 3, "a:1", "e:x"),
        message("m4", 4, "u:1", "e:x"),
        message("m5", 5, "u:2", "e:x"),
        message("m6", 6, "a:null"),
    ]
    out = resolved(history)
    assert out.decided("merged", "message_id") == [
        "a:2 shared_message m2",
        "e:x shared_message m3",
        "u:1 shared_message m4",
    ]
    assert out.decided("set_aside", "message_id") == ["e:x limit m5"]
    assert out.decided("blocked", "message_id") == ["a:null blocked_value m6"]
    assert {row["profile_id"] for row in out.decisions if row["decision"] == "merged"} == {out.messages["m1"]}


def test_split_off_joins_nobody() -> None:
    history = [
        message("m1", 1, "u:1", "e:x", "a:1"),
        message("m2", 2, "e:x"),
        message("m3", 3, "a:1"),
        message("m4", 4, "u:2", "e:x"),
    ]
    alone = frozenset({identifier_token("pepper", "email", "x").hex()})
    out = resolved(history, IdentityRules(salt="s", pepper="pepper", alone=alone))
    assert out.people == ["a:1 u:1", "e:x", "u:2"]
    assert out.messages["m1"] == out.messages["m3"]
    assert len({out.messages[key] for key in ("m1", "m2", "m4")}) == 3
    assert out.decided("set_aside") == ["e:x split"]


def test_addresses_in_order_first_seen() -> None:
    out = resolved([message("m1", 2, "u:1", "e:b", "e:a"), message("m2", 1, "u:1", "e:c")])
    emails = sorted((row["ordinal"], row["value"]) for row in out.identifiers if row["type"] == "email")
    assert emails == [(0, "c"), (1, "a"), (2, "b")]


def test_nothing() -> None:
    assert resolved([]).people == []
