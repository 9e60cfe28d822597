"""A value that was split off from a person is not sent for them, wherever it stands; who else has it still sends it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from fakemeta.harness import Running, running

from .conftest import Desk

DAY = 86_400
BUYERS = "key: buyers\nname: Buyers\nwho: { any: [{ event: Bought }, { trait: club, equals: yes }] }\nsync: main\n"
MADID = "3f0c1a52-7a1e-4b6e-9c51-0a1b2c3d4e5f"


def iphone(madid: str) -> dict[str, Any]:
    return {"device": {"type": "ios", "advertisingId": madid, "adTrackingEnabled": True}}


# What is split off, the field by which Meta knows its owner, who then is wrongly in, and a message that carries it
# beside what is rightly the person's; then the same value as another message spells it.
KINDS = [
    pytest.param(
        "email:wrong@example.org",
        {"emails": ["wrong@example.org"]},
        {"traits": {"email": "Wrong@Example.org", "phone": "+491713920001"}},
        {"traits": {"email": " wrong@example.org"}},
        "EMAIL",
        id="email",
    ),
    pytest.param(
        "phone:+49 171 3920007",
        {"phones": ["+491713920007"]},
        {"traits": {"phone": "0171 3920007", "email": "right@example.org"}},
        {"traits": {"phone_number": "+49 (0)171/392-0007", "country": "DE"}},
        "PHONE",
        id="phone",
    ),
    pytest.param(
        f"ios.idfa:{MADID}",
        {"madids": [MADID]},
        {"traits": {"idfa": MADID.upper(), "email": "right@example.org"}, "context": iphone(MADID)},
        {"traits": {"madid": MADID}, "context": iphone(MADID.upper())},
        "MADID",
        id="mobile id",
    ),
]
RIGHT = {"emails": ["right@example.org"], "phones": ["+491713920001"]}


@pytest.fixture
def meta() -> Iterator[Running]:
    with running() as simulated:
        yield simulated


@pytest.fixture
def shop(desk: Desk, meta: Running) -> Desk:
    token = desk.space.parent / "token"
    token.write_text(meta.access_token, "utf-8")
    given = ("--ad-account", meta.ad_account, "--token-file", token, "--graph-url", meta.graph_url)
    assert desk.type("destinations", "connect", "main", *given).code == 0
    (desk.space / "audiences" / "buyers.yaml").write_text(BUYERS, "utf-8")
    return desk


def say(desk: Desk, user_id: str, name: str, **told: Any) -> None:
    """They buy, and tell something of themselves."""
    calls = [
        {"type": "track", "messageId": f"{user_id}-bought", "userId": user_id, "event": "Bought"},
        {"type": "identify", "messageId": f"{user_id}-{name}", "userId": user_id, **told},
    ]
    file = desk.space.parent / f"{user_id}-{name}.jsonl"
    file.write_text("\n".join(map(json.dumps, calls)), "utf-8")
    told_back = desk.type("import", file, "--yes")
    assert told_back.code == 0, told_back.err


def there(desk: Desk, meta: Running) -> set[int]:
    told = desk.type("sync")
    assert told.code == 0, told.out + told.err
    meta.advance(2 * DAY)
    (audience,) = meta.get("audiences")["audiences"]
    return meta.members(audience["id"])


def split(desk: Desk, typed: str, *words: str) -> None:
    told = desk.type("profile", "split", typed, *words)
    assert told.code == 0, told.err


@pytest.mark.parametrize(("typed", "known_by", "first", "later", "key"), KINDS)
def test_whom_only_that_value_matches_is_out_and_whom_another_key_matches_stays(
    shop: Desk, meta: Running, typed: str, known_by: Any, first: Any, later: Any, key: str
) -> None:
    wrong, right = meta.add_people(known_by, RIGHT)
    say(shop, "u1", "first", **first)
    assert there(shop, meta) == {wrong, right}

    split(shop, typed)
    assert there(shop, meta) == {right}
    (plan,) = shop.type("plan", "--why", "--json").facts["plans"]
    assert plan["blank_cells"] == [{"key": key, "reason": "split_off", "people": 1}]
    for words in (("profile", "show", "user_id:u1"), ("audiences", "explain", "buyers", "user_id:u1")):
        assert shop.type(*words, "--json").facts["blank_cells"] == [
            {"destination": "main", "key": key, "reason": "split_off"}
        ]
        assert f"{key} left blank: was split off from this person by hand" in shop.type(*words).out
    set_aside = shop.type("profile", "show", "user_id:u1", "--json").facts["set_aside"]
    assert [(one["type"], one["reason"]) for one in set_aside] == [(typed.partition(":")[0], "split")]

    say(shop, "u1", "later", **later)
    assert there(shop, meta) == {right}

    split(shop, typed, "--undo")
    assert there(shop, meta) == {wrong, right}


def test_who_has_nothing_else_cannot_be_sent(shop: Desk, meta: Running) -> None:
    (wrong,) = meta.add_people({"emails": ["wrong@example.org"]})
    say(shop, "u1", "first", traits={"email": "wrong@example.org"})
    assert there(shop, meta) == {wrong}
    split(shop, "email:wrong@example.org")
    assert desk_plan(shop)["cannot_be_sent"] == {"only_unusable": 1}
    assert there(shop, meta) == set()


def desk_plan(desk: Desk) -> dict[str, Any]:
    (plan,) = desk.type("plan", "--json").facts["plans"]
    found: dict[str, Any] = plan
    return found


def test_somebody_else_with_the_value_sends_it_still(shop: Desk, meta: Running) -> None:
    """One address, two user ids: it joined the first, and stands in the traits of both."""
    shared, first, second = meta.add_people(
        {"emails": ["wrong@example.org"]}, {"phones": ["+491713920001"]}, {"phones": ["+491713920002"]}
    )
    say(shop, "u1", "first", traits={"email": "wrong@example.org", "phone": "+491713920001"})
    say(shop, "u2", "first", traits={"email": "wrong@example.org", "phone": "+491713920002"})
    assert there(shop, meta) == {shared, first, second}
    split(shop, "email:wrong@example.org")
    assert there(shop, meta) == {shared, first, second}
    # It was the second's: with the second it goes, though the first is a member still.
    assert shop.type("do-not-send", "add", "user_id:u2").code == 0
    assert there(shop, meta) == {first}


def test_messages_that_carry_nothing_else_send_it_still(shop: Desk, meta: Running) -> None:
    wrong, right = meta.add_people({"emails": ["wrong@example.org"]}, RIGHT)
    say(shop, "u1", "first", traits={"email": "wrong@example.org", "phone": "+491713920001"})
    file = shop.space.parent / "club.csv"
    file.write_text("email,club\nwrong@example.org,yes\n", "utf-8")
    assert shop.type("import", file, "--as", "people", "--yes").code == 0
    split(shop, "email:wrong@example.org")
    assert there(shop, meta) == {wrong, right}


def test_who_becomes_one_with_the_person_sends_it_no_more(shop: Desk, meta: Running) -> None:
    wrong, right = meta.add_people({"emails": ["wrong@example.org"]}, RIGHT)
    device = {"anonymousId": "device-1"}
    say(shop, "u1", "first", traits={"email": "wrong@example.org", "phone": "+491713920001"})
    split(shop, "email:wrong@example.org")
    visit = {"type": "identify", "messageId": "v", **device, "traits": {"email": "wrong@example.org"}}
    bought = {"type": "track", "messageId": "b", **device, "event": "Bought"}
    file = shop.space.parent / "device.jsonl"
    file.write_text("\n".join(map(json.dumps, (visit, bought))), "utf-8")
    assert shop.type("import", file, "--yes").code == 0
    assert there(shop, meta) == {wrong, right}  # of the device, whoever uses it
    say(shop, "u1", "login", **device)
    assert there(shop, meta) == {right}


def test_an_erased_person_leaves_no_trace_of_what_was_split_off_from_them(shop: Desk) -> None:
    say(shop, "u1", "first", traits={"email": "wrong@example.org", "phone": "+491713920001"})
    say(shop, "u2", "first", traits={"email": "else@example.org"})
    ids = set(shop.people().values())
    split(shop, "email:wrong@example.org")
    (person,) = ids & {one for (kind, value), one in shop.people().items() if value == "u1"}
    assert shop.where(person)
    assert shop.type("erase", "user_id:u1").code == 0
    assert shop.where(person) == []
