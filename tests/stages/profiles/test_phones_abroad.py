"""A phone number is read with the country that came with it."""

from pathlib import Path

import orjson

from guestlist import pipeline
from guestlist.cli.imports import As, import_files
from guestlist.cli.space import init
from guestlist.identity_rules import identity_rules
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

    import_files([people], reading=As.PEOPLE, id_column="id", folder=space)
    import_files([calls], folder=space)
    later = tmp_path / "later.jsonl"
    later.write_bytes(
        orjson.dumps({"type": "identify", "messageId": "n", "userId": "u1", "traits": {"phone": "201 555 0125"}})
    )
    import_files([later], folder=space)
    with open_space(space).open_warehouse() as warehouse:
        pipeline.resolve(warehouse, identity_rules("DE", "salt"), fingerprint="1")
        known = warehouse.read(warehouse.table("identifier")).to_pylist()

    phones = {row["value"] for row in known if row["type"] == "phone"}
    assert phones == {"12015550123", "12015550124", "12015550125", "491713920007"}
