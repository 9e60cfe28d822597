"""From the import to the closed receipt, with the simulator as Meta: the erased person is out, everybody else stays."""

from collections.abc import Iterator

import pytest

from fakemeta.harness import Running, running

from .conftest import Desk

DAY = 86_400
EVERYBODY = """\
key: everybody
name: Everybody who is known
who: { any: [{ trait: first_name, exists: true }, { event: Order Completed }] }
sync: main
"""


@pytest.fixture
def meta() -> Iterator[Running]:
    with running() as simulated:
        yield simulated


@pytest.fixture
def synced(desk: Desk, meta: Running) -> Desk:
    token = desk.space.parent / "token"
    token.write_text(meta.access_token, "utf-8")
    given = ("--ad-account", meta.ad_account, "--token-file", token, "--graph-url", meta.graph_url)
    assert desk.type("destinations", "connect", "main", *given).code == 0
    (desk.space / "audiences" / "everybody.yaml").write_text(EVERYBODY, "utf-8")
    desk.load()
    told = desk.type("sync")
    assert told.code == 0, told.out + told.err
    return desk


def _there(meta: Running) -> set[int]:
    (audience,) = meta.get("audiences")["audiences"]
    return meta.members(audience["id"])


def test_the_erased_person_leaves_meta_and_the_receipt_closes(
    meta: Running, desk: Desk, request: pytest.FixtureRequest
) -> None:
    jane, omar = meta.add_people(
        {"emails": ["jane.canary@example.org"], "phones": ["+491713920007"]},
        {"emails": ["omar@example.org"], "phones": ["+491713920008"]},
    )
    request.getfixturevalue("synced")
    meta.advance(2 * DAY)
    assert _there(meta) == {jane, omar}

    receipt = desk.type("erase", "email:jane.canary@example.org", "--json").facts
    assert receipt["state"] == "open"
    assert receipt["taken_by_meta_at"] is not None
    assert _there(meta) == {omar}

    assert desk.type("sync").code == 0
    assert desk.type("erase", "--receipt", receipt["receipt"], "--json").facts["state"] == "open"

    meta.advance(2 * DAY)
    desk.type("sync")
    assert desk.type("erase", "--receipt", receipt["receipt"], "--json").facts["state"] == "closed"
    assert _there(meta) == {omar}
    assert "canary" not in desk.printed.lower().replace("loyalty", "")


def test_importing_the_file_again_does_not_send_the_erased_person(
    meta: Running, desk: Desk, request: pytest.FixtureRequest
) -> None:
    jane, omar = meta.add_people(
        {"emails": ["jane.canary@example.org"], "phones": ["+491713920007"]},
        {"emails": ["omar@example.org"], "phones": ["+491713920008"]},
    )
    request.getfixturevalue("synced")
    desk.type("erase", "user_id:u1042")
    desk.load()
    assert desk.type("sync").code == 0
    meta.advance(2 * DAY)
    assert _there(meta) == {omar}
    assert jane not in _there(meta)


def test_who_is_listed_leaves_also_an_audience_that_no_file_names(
    meta: Running, desk: Desk, request: pytest.FixtureRequest
) -> None:
    jane, omar = meta.add_people(
        {"emails": ["jane.canary@example.org"], "phones": ["+491713920007"]},
        {"emails": ["omar@example.org"], "phones": ["+491713920008"]},
    )
    request.getfixturevalue("synced")
    meta.advance(2 * DAY)
    (audience,) = meta.get("audiences")["audiences"]
    assert _there(meta) == {jane, omar}

    (definition,) = (desk.space / "audiences").glob("*.yaml")
    definition.write_text(
        definition.read_text("utf-8").replace("key: ", "key: another_").replace("name: ", "name: Another "), "utf-8"
    )
    # Both: the other one has her e-mail too, as somebody who once used her account.
    desk.type("do-not-send", "add", "user_id:u1042", "email:jane.canary@example.org")
    meta.advance(2 * DAY)
    assert meta.members(audience["id"]) == {omar}
