"""The column path gives what the record path gives, row for row and cell for cell."""

import random
from collections.abc import Iterator
from typing import Any

import ibis
import pyarrow as pa
import pytest

from guestlist.destinations.meta.columns import grow_forms, prepare_rows, trait_columns
from guestlist.destinations.meta.forms import FORM, form_of_distinct
from guestlist.destinations.meta.manifest import KEYS, MANY
from guestlist.destinations.meta.match_keys import MatchKeySettings
from guestlist.destinations.meta.row_keys import key_columns
from guestlist.destinations.meta.rows import Row, keys_of, read_record, row_key
from guestlist.store.in_memory import in_memory
from guestlist.values.text import sha256

IDFA = "AECE52E7-03EE-455A-B3C4-E57283966239"
POOL: dict[str, list[str | None]] = {
    "first_name": [
        "Ann",
        "Valéry",
        "Vale\u0301ry",
        "O'Brien",
        "123",
        "n/a",
        None,
        "null",
        "정",
        "İpek",
        sha256("ann"),
        "d" * 32,
    ],
    "firstName": ["Bea", None, None],
    "last_name": ["Lee", "Müller", "St. John", None, "-", "李"],
    "first_initial": ["A", "é", None, "1"],
    "name": ["Ann Lee", "Lee, Ann", "Ann", None],
    "gender": ["m", "Frau", "x", None, "Z"],
    "birth_year": ["1990", "1990.0", None, "90", None],
    "birthday": ["1990-02-16", "2/16/1990", "3/4/1990", "16", "1970-01-01", "soon", None, "35477", sha256("16")],
    "state": ["CA", "New York", "Bayern", "Москва", None, "Carolina"],
    "city": ["Paris", "São Paulo", "東京", "123", None],
    "address.city": ["Rome", None],
    "zip": ["94035", "94035-1234", "2101", "SW1A 1AA", "K1A 0A6", "!!", None, "123456789012"],
    "country": ["US", "United States", "Deutschland", "gb", "Narnia", None, None, "n/a", sha256("us"), "fr"],
    "crm_id": ["User_1", " 7 ", "a@example.org", "16505551212", None],
    "adTrackingEnabled": ["true", None, None, "false"],
}
LISTS: dict[str, list[str]] = {
    "EMAIL": [
        "a@example.org",
        "B@example.org",
        "b@example.org",
        "bad",
        "c@example.org; d@example.org",
        "noreply@example.org",
        "",
        sha256("a@example.org"),
    ],
    "PHONE": ["+16505551212", "(650)555-1212", "020 7946 0958", "abc", "+15559876543", "+44 (0)20 7946 0958"],
    "MADID": [IDFA, IDFA.lower(), "x", "00000000-0000-0000-0000-000000000000"],
}
SETTINGS = [
    MatchKeySettings(this_year=2026),
    MatchKeySettings(this_year=2026, country="US", date_order="dmy", extern_id="crm_id", split_name=True),
    MatchKeySettings(
        this_year=2026,
        country="GB",
        uk_postcode="sector",
        off=frozenset({"PHONE", "ST"}),
        required_any=frozenset({"EMAIL"}),
    ),
    MatchKeySettings(
        this_year=2026, value_maps={"GEN": {"Z": "f"}, "FN": {"Ann": "Bea"}}, remap={"ZIP": ("zip", "city")}
    ),
]


class Store:
    """Forms in a table of their own."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.engine.create_table("form", schema=ibis.schema(FORM))

    def forms(self) -> Any:
        return self.engine.table("form")

    def append_forms(self, rows: pa.Table) -> None:
        self.engine.insert("form", rows)


def profiles(seed: int, count: int) -> Iterator[dict[str, Any]]:
    chance = random.Random(seed)
    for n in range(count):
        profile: dict[str, Any] = {"profile_id": f"p{n}"}
        for key, values in LISTS.items():
            profile[key] = chance.choices(values, k=chance.choice([0, 1, 1, 1, 2, 3])) or (
                [] if chance.random() < 0.5 else None
            )
        yield profile | {trait: chance.choice(values) for trait, values in POOL.items()}


def wide(people: list[dict[str, Any]], by: MatchKeySettings, without: set[str]) -> pa.Table:
    columns = trait_columns(by)
    names = {name: columns.get(name, name) for name in ("profile_id", *LISTS, *POOL) if name not in without}
    text, listed = pa.string(), pa.list_(pa.string())
    known = {name: column for name, column in names.items() if name in {"profile_id", *LISTS} or name in columns}
    return pa.table(
        {
            column: pa.array([person[name] for person in people], listed if name in LISTS else text)
            for name, column in known.items()
        }
    )


def expected(person: dict[str, Any], by: MatchKeySettings, without: set[str]) -> list[Row]:
    traits = {name: value for name, value in person.items() if name not in without and name not in LISTS}
    for key, trait in zip(MANY, ("email", "phone", "idfa"), strict=True):
        traits[trait] = person[key] if key not in without else None
    return list(read_record(traits, by).rows)


def said(row: Row, key: Any) -> str | None:
    cell = row.cells.get(key)
    return None if cell is None else cell.reason or ",".join(cell.flags) or None


@pytest.mark.parametrize(
    ("by", "without"),
    [
        pytest.param(SETTINGS[0], {"MADID", "country", "city"}, id="plain, some columns"),
        pytest.param(SETTINGS[0], set(LISTS), id="plain, no lists"),
        pytest.param(SETTINGS[1], set(), id="us"),
        pytest.param(SETTINGS[2], set(), id="gb"),
        pytest.param(SETTINGS[3], set(), id="mapped"),
    ],
)
def test_columns_are_records(by: MatchKeySettings, without: set[str]) -> None:
    engine = ibis.duckdb.connect()
    people = list(profiles(7, 250))
    table = engine.create_table("profile", wide(people, by, without))
    store = Store(engine)
    grow_forms(table, store, by)
    assert grow_forms(table, store, by) == 0
    rows = prepare_rows(table, store.forms(), by)
    keyed = rows.mutate(**{f"key_{kind}": column for kind, column in key_columns(rows).items()})
    made: dict[tuple[str, int], dict[str, Any]] = {(r["profile_id"], r["n"]): r for r in keyed.to_pyarrow().to_pylist()}
    wanted = {
        (person["profile_id"], n): row for person in people for n, row in enumerate(expected(person, by, without))
    }
    assert made.keys() == wanted.keys()
    for at, row in wanted.items():
        got = made[at]
        assert {key: got[key] for key in KEYS} == {key: row.sent(key) for key in KEYS}, at
        assert {key: got[f"{key}_reason"] for key in KEYS} == {key: said(row, key) for key in KEYS}, at
        assert (str(got["row_key"]), got["cannot"]) == (str(row_key(row)), row.cannot)
        kinds = {kind: str(key) for kind, key in keys_of(row).items()}
        assert kinds == {
            kind: str(got[f"key_{kind}"])
            for kind in ("email", "phone", "madid", "extern_id", "weak")
            if got[f"key_{kind}"]
        }


def test_blanked_values_leave_rows_and_their_reason() -> None:
    engine = ibis.duckdb.connect()
    by = MatchKeySettings(this_year=2026, extern_id="crm_id")
    people = [
        {"profile_id": "one", "EMAIL": ["hub@example.org"], "PHONE": ["+16505551212"]},
        {"profile_id": "two", "EMAIL": ["hub@example.org", "a@example.org"], "PHONE": []},
        {"profile_id": "all", "EMAIL": ["hub@example.org", "HUB@example.org"], "PHONE": []},
        {"profile_id": "who may", "EMAIL": ["hub@example.org"], "PHONE": []},
    ]
    table = engine.create_table("profile", pa.Table.from_pylist(people))
    store = Store(engine)
    grow_forms(table, store, by)
    refused = {"key": "EMAIL", "sent": sha256("hub@example.org"), "reason": "shared_by_many"}
    blanks = in_memory([{"profile_id": who, **refused} for who in ("one", "two", "all")])
    rows = prepare_rows(table, store.forms(), by, blanks=blanks).order_by("profile_id", "n").to_pyarrow().to_pylist()
    assert [(r["profile_id"], r["EMAIL"], r["EMAIL_reason"], r["cannot"]) for r in rows] == [
        ("all", "", "shared_by_many", "only_unusable"),
        ("one", "", "shared_by_many", None),
        ("two", sha256("a@example.org"), None, None),
        ("who may", sha256("hub@example.org"), None, None),
    ]


def test_forms_of_distinct_values() -> None:
    by = MatchKeySettings(this_year=2026)
    raws = pa.array(["(650)555-1212", "+15559876543", "abc", "n/a"])
    made = form_of_distinct("PHONE", raws, pa.array(["us", "", "us", ""]), by).to_pylist()
    assert [(row["normal"], row["reason"]) for row in made] == [
        ("16505551212", None),
        ("15559876543", "phone_unverified"),
        ("", "bad_phone"),
        ("", None),
    ]


def test_trait_columns_are_distinct_to_an_engine() -> None:
    columns = trait_columns(SETTINGS[1])
    assert len({column.lower() for column in columns.values()}) == len(columns)
