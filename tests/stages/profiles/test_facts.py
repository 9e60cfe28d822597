"""Traits, events and do-not-send tokens, in a real engine."""

import hashlib
from datetime import timedelta
from typing import Any

import ibis
import pyarrow as pa
import pytest
from tests.stages.profiles.warehouse import START

from guestlist.profiles.do_not_send import identifier_token, listed_profiles, token
from guestlist.profiles.events import events
from guestlist.profiles.relations import MESSAGE_PROFILE
from guestlist.profiles.traits import traits
from guestlist.store.in_memory import in_memory

Row = dict[str, Any]


class Warehouse:
    """Materialises into temporary tables, as the store does."""

    def __init__(self) -> None:
        self.connection: Any = ibis.duckdb.connect()

    def materialise(self, name: str, expr: Any, /) -> Any:
        """Write once under a new name."""
        return self.connection.create_table(name, expr, temp=True)


def _rows(table: Any) -> list[Row]:
    rows: list[Row] = table.to_pyarrow().to_pylist()
    return rows


def _messages(warehouse: Warehouse, said: list[Row]) -> tuple[Any, Any]:
    columns = {"type": "identify", "event": None, "traits": None, "properties": None, "context": "{}", "who": "p1"}
    rows = [
        {**columns, "source": "s", "message_id": f"m{n}", "at": START + timedelta(seconds=n), "ordinal": n, **row}
        for n, row in enumerate(said)
    ]
    schema = {
        "source": "string",
        "message_id": "string",
        "type": "string",
        "event": "string",
        "at": "timestamp('UTC')",
        "traits": "string",
        "properties": "string",
        "context": "string",
        "ordinal": "int64",
    }
    message = pa.table({name: [row[name] for row in rows] for name in schema}, schema=ibis.schema(schema).to_pyarrow())
    whose = [row for row in rows if row["who"]]
    columns_of = {"ordinal": "ordinal", "profile_id": "who"}
    profile = in_memory({name: [row[key] for row in whose] for name, key in columns_of.items()}, MESSAGE_PROFILE)
    return (
        warehouse.connection.create_table("message", message, temp=True),
        warehouse.connection.create_table("message_profile", profile, temp=True),
    )


def _traits(*said: str | Row, unify_spellings: bool = False) -> dict[str, tuple[str, float | None]]:
    warehouse = Warehouse()
    rows = [{"traits": row} if isinstance(row, str) else row for row in said]
    out = _rows(traits(*_messages(warehouse, rows), warehouse.materialise, unify_spellings=unify_spellings))
    assert len({(row["profile_id"], row["key"]) for row in out}) == len(out)
    return {row["key"]: (row["value"], row["number"]) for row in out}


@pytest.mark.parametrize(
    ("said", "known"),
    [
        pytest.param(['{"a": 1, "b": "x"}'], {"a": ("1", 1.0), "b": ("x", None)}, id="types"),
        pytest.param(['{"a": "1"}', '{"a": "2.50"}'], {"a": ("2.50", 2.5)}, id="last wins, text as number"),
        pytest.param(['{"a": 1}', '{"a": null}'], {}, id="null removes"),
        pytest.param(['{"a": null}', '{"a": 1}'], {"a": ("1", 1.0)}, id="and may come back"),
        pytest.param(['{"a": ""}'], {"a": ("", None)}, id="empty text is a value"),
        pytest.param(['{"a": true, "b": "nan"}'], {"a": ("true", None), "b": ("nan", None)}, id="no numbers"),
        pytest.param(['{"a": [1, "2"]}'], {"a": ('[1,"2"]', None)}, id="array"),
        pytest.param(
            ['{"a": {"city": "Köln", "geo": {"lat": 50.9}}}', '{"a": {"city": "Bonn"}}'],
            {"a.city": ("Bonn", None), "a.geo.lat": ("50.9", 50.9)},
            id="nested",
        ),
        pytest.param(['{"a": {"b": 1}}', '{"a": null}'], {}, id="null above removes all below"),
        pytest.param(['{"a": {"b": 1}}', '{"a": "x"}'], {"a": ("x", None)}, id="text replaces object"),
        pytest.param(['{"a": "x"}', '{"a": {"b": 1}}'], {"a.b": ("1", 1.0)}, id="object replaces text"),
        pytest.param(['{"a": "say \\"hi\\""}'], {"a": ('say "hi"', None)}, id="quotes"),
        pytest.param(["{}", "[1]", '{"a": {}}'], {}, id="nothing"),
        pytest.param([{"type": "group", "traits": '{"a": 1}'}], {}, id="a group's traits are no person's"),
        pytest.param([{"who": None, "traits": '{"a": 1}'}], {}, id="nobody's"),
        pytest.param(
            [
                {"at": START, "message_id": "b", "traits": '{"a": 1}'},
                {"at": START, "message_id": "a", "traits": '{"a": 2}'},
            ],
            {"a": ("1", 1.0)},
            id="same instant, by message id",
        ),
        pytest.param(
            [
                {"at": START, "message_id": "b", "source": "a", "traits": '{"a": 1}'},
                {"at": START, "message_id": "a", "source": "b", "traits": '{"a": 2}'},
            ],
            {"a": ("1", 1.0)},
            id="by message id before source",
        ),
        pytest.param(
            [
                {"at": START, "message_id": "a", "source": "b", "traits": '{"a": 1}'},
                {"at": START, "message_id": "a", "source": "a", "traits": '{"a": 2}'},
            ],
            {"a": ("1", 1.0)},
            id="then by source",
        ),
        pytest.param(['{"a.b": 1, "a": "x"}'], {"a": ("x", None), "a.b": ("1", 1.0)}, id="a dot of one's own"),
        pytest.param(
            ['{"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {"i": 1}}}}}}}}}'],
            {"a.b.c.d.e.f.g.h": ('{"i":1}', None)},
            id="deeper than eight is text",
        ),
    ],
)
def test_traits(said: list[str | Row], known: dict[str, tuple[str, float | None]]) -> None:
    assert _traits(*said) == known


SPELLINGS = [
    (['{"firstName": "A"}', '{"first_name": "B"}'], {"first_name": "B"}),
    (['{"first_name": "A"}', '{"firstName": "B"}'], {"first_name": "B"}),
    (['{"firstName": "A", "first_name": "B"}'], {"first_name": "B"}),
    (['{"first_name": "B", "FirstName": "A"}'], {"first_name": "B"}),
    (['{"first_name": "A"}', '{"firstName": null}'], {}),
    (['{"homeAddress": {"postalCode": 1}}', '{"home_address": {"postal_code": 2}}'], {"home_address.postal_code": "2"}),
    (['{"homeAddress": {"city": "A"}}', '{"home_address": "B"}'], {"home_address": "B"}),
    (['{"IPAddress": "A", "userID": "B", "line2Text": "C"}'], {"ip_address": "A", "user_id": "B", "line2_text": "C"}),
    (['{"Größe": 1, "My Trait": 2, "plain": 3}'], {"Größe": "1", "My Trait": "2", "plain": "3"}),
]


@pytest.mark.parametrize(("said", "known"), SPELLINGS)
def test_spellings_are_one_trait_when_asked(said: list[str], known: dict[str, str]) -> None:
    assert {key: value for key, (value, _) in _traits(*said, unify_spellings=True).items()} == known


def test_spellings_are_two_traits_otherwise() -> None:
    assert set(_traits('{"firstName": "A", "first_name": "B"}')) == {"firstName", "first_name"}


def test_events() -> None:
    said: list[Row] = [
        {"type": "track", "event": "Order Completed", "properties": '{"total":1}'},
        {"type": "track", "event": "Order Completed", "who": None},
        {"type": "identify", "traits": "{}"},
    ]
    out = _rows(events(*_messages(Warehouse(), said)))
    assert [(row["profile_id"], row["event"], row["message_id"], row["properties"]) for row in out] == [
        ("p1", "Order Completed", "m0", '{"total":1}')
    ]


def test_clear_and_hashed_are_one_entry() -> None:
    digest = hashlib.sha256(b"a@x.y").hexdigest()
    assert (
        identifier_token("p", "email", "a@x.y") == identifier_token("p", "email", digest) == token("p", "EMAIL", digest)
    )
    assert identifier_token("p", "user_id", "7") == token("p", "user_id", "7") != token("q", "user_id", "7")


def test_listed_in_the_engine() -> None:
    schema = {"type": "string", "value": "string", "profile_id": "string"}
    known = [
        ("email", "a@x.y", "1"),
        ("phone", "49151", "2"),
        ("ios.idfa", "ab-cd", "3"),
        ("user_id", "7", "4"),
        ("email", "b@x.y", "5"),
    ]
    columns = dict(zip(schema, map(list, zip(*known, strict=True)), strict=True))
    listed = in_memory(
        {"token": [identifier_token("p", kind, value).hex() for kind, value, _ in known[:4]]}, {"token": "string"}
    )
    out = _rows(listed_profiles(in_memory(columns, schema), listed, "p"))
    assert sorted(row["profile_id"] for row in out) == ["1", "2", "3", "4"]
