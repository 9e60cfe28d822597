"""The same in the product's own pipeline, from relations as landing writes them."""

from typing import Any

import pytest
from tests.stages.profiles.warehouse import START, arrow, opened, rows

from guestlist import pipeline
from guestlist.profiles.relations import IDENTIFIER, IDENTITY_DECISION, MESSAGE_PROFILE
from guestlist.profiles.rules import IdentityRules, Normaliser
from guestlist.sources.messages import IDENTIFIER_USE, MESSAGE
from guestlist.store import Warehouse
from guestlist.values.email import read_email


def _normal_email(text: str, _country: str) -> str | None:
    return read_email(text).normal or None


RULES = IdentityRules(salt="s", normalisers={"email": Normaliser(rule=_normal_email)})
LOYAL = IdentityRules(salt="s", configured={"loyalty_id": ("traits.loyalty_id", "properties.card.number")})


def test_from_landed_messages_to_facts() -> None:
    with opened() as warehouse:
        _land(
            warehouse,
            {"type": "identify", "traits": '{"age": 30}', "email": "Ann@X.com"},
            {"type": "track", "event": "Order Completed", "properties": "{}", "email": "ann@x.com"},
        )
        pipeline.resolve(warehouse, RULES, fingerprint="1")
        known = {row["profile_id"] for row in rows(warehouse, "identifier")}
        facts, done = rows(warehouse, "trait"), rows(warehouse, "event")
        for name, schema in (
            ("identifier", IDENTIFIER),
            ("message_profile", MESSAGE_PROFILE),
            ("identity_decision", IDENTITY_DECISION),
        ):
            assert sorted(warehouse.columns(name)) == sorted(schema)
    assert len(known) == 1
    assert [(row["profile_id"], row["key"], row["number"]) for row in facts] == [(*known, "age", 30.0)]
    assert [(row["profile_id"], row["event"]) for row in done] == [(*known, "Order Completed")]


def test_a_warehouse_of_before_is_found_anew() -> None:
    """Earlier versions kept as tables what are views now, and no `message_owner`."""
    with opened() as warehouse:
        _land(warehouse, {"type": "identify", "traits": "{}", "email": "ann@x.com"})
        pipeline.resolve(warehouse, RULES, fingerprint="1")
        known = rows(warehouse, "identifier")
        for name in ("identifier", "alias", "message_profile", "identity_decision"):
            lines = warehouse.read(warehouse.table(name))
            warehouse.drop(name)
            warehouse.replace(name, lines.slice(0, 0))
        for name in ("message_owner", "not_joined"):
            warehouse.drop(name)
        assert pipeline.resolve(warehouse, RULES, fingerprint="1")
        assert rows(warehouse, "identifier") == known
        assert len(rows(warehouse, "alias")) == len(rows(warehouse, "message_profile")) == 1


@pytest.mark.parametrize("in_pieces", [False, True])
def test_a_key_of_ones_own_joins_also_what_landed_before(in_pieces: bool) -> None:
    said = [
        {"type": "identify", "traits": '{"loyaltyId": "L7"}', "email": "ann@x.com"},
        {"type": "track", "event": "Paid", "properties": '{"card": {"number": "L7"}}', "email": "second@x.com"},
        {"type": "group", "traits": '{"loyalty_id": "L7"}', "email": "boss@x.com"},
        {"type": "identify", "traits": '{"loyalty_id": {"no": "L7"}}', "email": "list@x.com"},
        {"type": "track", "event": "Seen", "context": '{"traits": {"loyalty_id": 7}}', "email": "seven@x.com"},
        {"type": "track", "event": "Seen", "properties": '{"card": {"number": " 7 "}}', "email": "blanks@x.com"},
    ]
    with opened() as warehouse:
        _land(warehouse, *(said[:5] if in_pieces else said))
        pipeline.resolve(warehouse, RULES, fingerprint="1")
        apart = {row["value"]: row["profile_id"] for row in rows(warehouse, "identifier")}
        pipeline.resolve(warehouse, LOYAL, fingerprint="2")
        if in_pieces:
            _land(warehouse, said[5])
            pipeline.resolve(warehouse, LOYAL, fingerprint="2")
        together = {row["value"]: row["profile_id"] for row in rows(warehouse, "identifier")}
    assert len(set(apart.values())) == len(apart)
    assert together["ann@x.com"] == together["second@x.com"] == together["L7"]
    assert together["seven@x.com"] == together["blanks@x.com"] == together["7"]
    assert len({together[f"{name}@x.com"] for name in ("ann", "boss", "list", "seven")}) == 4


@pytest.mark.parametrize("in_pieces", [False, True])
def test_e_mails_that_stand_together_in_a_key_of_ones_own_are_one_person_s(in_pieces: bool) -> None:
    rules = IdentityRules(
        salt="s", configured={"email": ("properties.to",)}, normalisers={"email": Normaliser(rule=_normal_email)}
    )
    said = [
        {"type": "track", "event": "Sent", "properties": '{"to": "a@x.com"}'},
        {"type": "track", "event": "Sent", "properties": '{"to": "B@x.com"}', "user_id": "u1"},
        *({"type": "track", "event": "Sent", "properties": f'{{"to": "{n}@x.com"}}'} for n in range(20)),
        {"type": "track", "event": "Sent", "properties": '{"to": "A@x.com ; nobody, b@x.com"}'},
    ]
    with opened() as warehouse:
        for piece in (said[:-1], said[-1:]) if in_pieces else (said,):
            _land(warehouse, *piece)
            pipeline.resolve(warehouse, rules, fingerprint="1")
        whose = {row["value"]: row["profile_id"] for row in rows(warehouse, "identifier")}
        blocked = [row["value"] for row in rows(warehouse, "identity_decision") if row["decision"] == "blocked"]
    assert whose["a@x.com"] == whose["b@x.com"] == whose["u1"]
    assert len(set(whose.values())) == 21
    assert blocked == ["nobody"]


def test_a_country_told_later_reads_an_older_number_anew() -> None:
    def read(raw: str, country: str) -> str:
        return raw if raw.startswith("+") else f"{country}{raw}"

    rules = IdentityRules(salt="s", normalisers={"phone": Normaliser(rule=read)})
    identify = {"type": "identify", "traits": "{}"}
    with opened() as warehouse:
        _land(warehouse, {**identify, "user_id": "u", "phone": "01"}, {**identify, "user_id": "v", "country": "x"})
        pipeline.resolve(warehouse, rules, fingerprint="1")
        _land(warehouse, {**identify, "user_id": "u", "country": "de"})
        pipeline.resolve(warehouse, rules, fingerprint="1")
        phones = [row["value"] for row in rows(warehouse, "identifier") if row["type"] == "phone"]
    assert phones == ["de01"]


def _land(warehouse: Warehouse, *messages: dict[str, Any]) -> None:
    last = warehouse.count("message")
    kinds = ("email", "phone", "user_id")
    said, uses = [], []
    for place, given in enumerate(messages, last + 1):
        common = {"source": "s", "message_id": str(place), "at": START, "ordinal": place}
        empty = {**dict.fromkeys(MESSAGE), "traits": "{}", "properties": "{}", "context": "{}", "received_at": START}
        said.append({**empty, **{key: value for key, value in given.items() if key in MESSAGE}, **common})
        country = given.get("country")
        uses += [{**common, "type": kind, "value": given[kind], "country": country} for kind in kinds if kind in given]
    warehouse.append("message", arrow(said, MESSAGE))
    warehouse.append("identifier_use", arrow(uses, IDENTIFIER_USE))
