"""A phone number is read with the country that came with it."""

from datetime import timedelta
from pathlib import Path

import orjson
import pytest
from tests.stages.profiles.warehouse import START, Row, arrow, opened

from guestlist import pipeline
from guestlist.cli.imports import As, import_files
from guestlist.cli.place import Place
from guestlist.cli.space import init
from guestlist.identity_rules import identity_rules
from guestlist.profiles.places import with_countries
from guestlist.profiles.relations import IDENTIFIER_USE
from guestlist.space import open_space


def test_a_local_number_is_of_the_person_s_country_not_of_the_space_s(tmp_path: Path) -> None:
    space = tmp_path / "shop"
    init(space, country="DE")
    people = tmp_path / "people.csv"
    people.write_text(
        "id,phone,country\nu1,(201) 555-0123,US\nu2,(201) 555-0123,United States\nu3,0171 3920007,\nu4,+1 201 555 0123,DE\n"
    )
    calls = tmp_path / "calls.jsonl"
    traits = {"phone": "201-555-0124", "address": {"country": "US"}}
    calls.write_bytes(orjson.dumps({"type": "identify", "messageId": "m", "userId": "u5", "traits": traits}))

    import_files([people], reading=As.PEOPLE, id_column="id", folder=Place(folder=space))
    import_files([calls], folder=Place(folder=space))
    later = tmp_path / "later.jsonl"
    later.write_bytes(
        orjson.dumps({"type": "identify", "messageId": "n", "userId": "u1", "traits": {"phone": "201 555 0125"}})
    )
    import_files([later], folder=Place(folder=space))
    with open_space(space).open_warehouse() as warehouse:
        pipeline.resolve(warehouse, identity_rules("DE", "salt"), fingerprint="1")
        known = warehouse.read(warehouse.table("identifier")).to_pylist()

    phones = {row["value"] for row in known if row["type"] == "phone"}
    assert phones == {"12015550123", "12015550124", "12015550125", "491713920007"}


LATER = "a number without a country"


@pytest.mark.parametrize(
    ("told", "senders", "country"),
    [
        pytest.param([("u:1", 1, "US"), ("u:1", 2, "DE")], ["u:1"], "DE", id="the latest telling"),
        pytest.param([("u:1", 2, "DE"), ("u:1", 1, "US")], ["u:1"], "DE", id="in whatever order they came"),
        pytest.param([("u:1", 1, "US"), ("u:1", 1, "DE")], ["u:1"], "US", id="at one instant always the same"),
        pytest.param([("u:1", 1, "DE"), ("u:1", 1, "US")], ["u:1"], "US", id="and in the other order"),
        pytest.param([("u:1", 1, "US"), ("a:1", 2, "DE")], ["a:1", "u:1"], "US", id="the user id before the device"),
        pytest.param([("e:1", 1, "US"), ("a:1", 2, "DE")], ["a:1", "e:1"], "US", id="the address before the device"),
        pytest.param([("u:1", 1, "DE"), ("e:1", 2, "US")], ["e:1", "u:1"], "DE", id="the user id before the address"),
        pytest.param([("u:2", 1, "US")], ["u:1"], "", id="somebody else's"),
    ],
)
def test_whose_country_a_number_without_one_is_read_with(
    told: list[tuple[str, int, str]], senders: list[str], country: str
) -> None:
    with opened() as warehouse:
        lines = [_use(f"m{n}", sender, at, place) for n, (sender, at, place) in enumerate(told)]
        lines += [_use(LATER, use, 9, None) for use in [*senders, "p:0171 3920007"]]
        warehouse.append("identifier_use", arrow(lines, IDENTIFIER_USE))
        uses = warehouse.table("identifier_use")
        found = warehouse.read(with_countries(uses, uses, warehouse)).to_pylist()
    assert [row["country"] for row in found if row["type"] == "phone"] == [country]


_TYPES = {"u": "user_id", "e": "email", "a": "anonymous_id", "p": "phone"}


def _use(message: str, use: str, second: int, country: str | None) -> Row:
    at = START + timedelta(seconds=second)
    named = {"source": "s", "message_id": message, "ordinal": 1, "at": at, "country": country}
    return {**named, "type": _TYPES[use[0]], "value": use[2:]}
