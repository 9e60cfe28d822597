"""The same in the product's own warehouse, from relations as landing writes them."""

from pathlib import Path
from typing import Any

from tests.stages.profiles.warehouse import START

from guestlist.profiles.events import events
from guestlist.profiles.identity import resolve
from guestlist.profiles.relations import MESSAGE_PROFILE
from guestlist.profiles.rules import IdentityRules, Normaliser
from guestlist.profiles.traits import traits
from guestlist.sources.messages import IDENTIFIER_USE, MESSAGE
from guestlist.store import Warehouse
from guestlist.values.email import read_email


def _normal_email(text: str, _country: str) -> str | None:
    return read_email(text).normal or None


def test_from_landed_messages_to_facts(tmp_path: Path) -> None:
    rules = IdentityRules(salt="s", normalisers={"email": Normaliser(rule=_normal_email)})
    with Warehouse(tmp_path / "warehouse.duckdb") as warehouse:
        _land(warehouse)
        identity = resolve(warehouse.table("identifier_use"), rules, warehouse.materialise)
        for name in ("identifier", "alias", "message_profile", "identity_decision"):
            warehouse.replace(name, getattr(identity, name))
        message, whose = warehouse.table("message"), warehouse.table("message_profile")
        warehouse.replace("trait", traits(message, whose, warehouse.materialise))
        warehouse.replace("event", events(message, whose))
        known = {row["profile_id"] for row in warehouse.read(warehouse.table("identifier")).to_pylist()}
        facts = warehouse.read(warehouse.table("trait")).to_pylist()
        done = warehouse.read(warehouse.table("event")).to_pylist()
        assert warehouse.columns("message_profile") == tuple(MESSAGE_PROFILE)
    assert len(known) == 1
    assert [(row["profile_id"], row["key"], row["number"]) for row in facts] == [(*known, "age", 30.0)]
    assert [(row["profile_id"], row["event"]) for row in done] == [(*known, "Order Completed")]


def _land(warehouse: Warehouse) -> None:
    warehouse.create("message", MESSAGE)
    warehouse.create("identifier_use", IDENTIFIER_USE)
    empty: dict[str, Any] = dict.fromkeys(MESSAGE)
    common = {"source": "s", "at": START, "received_at": START}
    said = [
        {**empty, **common, "message_id": "1", "type": "identify", "traits": '{"age": 30}'},
        {**empty, **common, "message_id": "2", "type": "track", "event": "Order Completed", "properties": "{}"},
    ]
    uses = [
        {"source": "s", "message_id": key, "type": "email", "value": value, "at": START, "ordinal": n}
        for n, (key, value) in enumerate((("1", "Ann@X.com"), ("2", "ann@x.com")))
    ]
    warehouse.append("message", _arrow(said, warehouse, "message"))
    warehouse.append("identifier_use", _arrow(uses, warehouse, "identifier_use"))


def _arrow(rows: list[dict[str, Any]], warehouse: Warehouse, name: str) -> Any:
    schema = warehouse.table(name).schema().to_pyarrow()
    return schema.empty_table().from_pylist(rows, schema=schema)
