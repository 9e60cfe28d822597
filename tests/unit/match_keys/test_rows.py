"""From a record to its rows."""

from typing import Any

import pytest

from guestlist.destinations.meta.manifest import KEYS, TRAITS
from guestlist.destinations.meta.match_keys import MatchKeySettings
from guestlist.destinations.meta.rows import Identifier, Record, keys_of, read_record, row_key
from guestlist.values.text import sha256

PLAIN = MatchKeySettings(this_year=2026)
US = MatchKeySettings(this_year=2026, country="US")
IDFA = "AECE52E7-03EE-455A-B3C4-E57283966239"
GOOD = {
    "EMAIL": "ann@example.org", "PHONE": "+16505551212", "MADID": IDFA, "FN": "Ann", "LN": "Lee", "FI": "A", "GEN": "f",
    "DOBY": "1990", "DOBM": "2", "DOBD": "16", "ST": "Bayern", "CT": "Paris", "ZIP": "75018", "COUNTRY": "FR",
}  # fmt: skip


def normals(record: Record, key: Any) -> list[str | None]:
    return [row.cells[key].normal if key in row.cells else "" for row in record.rows]


def reasons(record: Record) -> list[tuple[str, str, str]]:
    return [(issue.key, issue.raw, issue.reason.value) for issue in record.issues]


def nested(trait: str, value: Any) -> dict[str, Any]:
    head, dot, rest = trait.partition(".")
    return {head: nested(rest, value) if dot else value}


ALL_TRAITS = [(key, trait) for key in GOOD for trait in TRAITS[key]]  # type: ignore[index]


@pytest.mark.parametrize(("key", "trait"), ALL_TRAITS, ids=[f"{key} {trait}" for key, trait in ALL_TRAITS])
def test_every_trait_key_feeds_its_match_key(key: Any, trait: str) -> None:
    for traits in (nested(trait, GOOD[key]), {trait: GOOD[key]}):
        assert read_record(traits, PLAIN).rows[0].sent(key)


@pytest.mark.parametrize("key", ["FN", "LN", "GEN", "DOBD", "ST", "CT", "ZIP", "COUNTRY"])
def test_trait_keys_are_tried_in_order_and_the_first_usable_wins(key: Any) -> None:
    first, second = TRAITS[key][:2]
    other = {
        "FN": "Bea",
        "LN": "Roe",
        "GEN": "m",
        "DOBD": "17",
        "ST": "Hessen",
        "CT": "Rome",
        "ZIP": "10115",
        "COUNTRY": "DE",
    }[key]
    given = read_record({second: other, first: GOOD[key]}, PLAIN).rows[0].sent(key)
    assert given == read_record({first: GOOD[key]}, PLAIN).rows[0].sent(key)
    for unusable in ("n/a", "!!!", None):
        fallen_back = read_record({first: unusable, second: other}, PLAIN)
        assert fallen_back.rows[0].sent(key) == read_record({second: other}, PLAIN).rows[0].sent(key)
        assert fallen_back.issues == ()


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        ("email", "EMAIL", "a@example.org"),
        ("phone", "PHONE", "+16505551212"),
        ("ios.idfa", "MADID", IDFA),
        ("android.idfa", "MADID", IDFA),
    ],
)
def test_identifiers_come_first(kind: str, key: Any, value: str) -> None:
    record = read_record({"email": "z@example.org"}, PLAIN, [Identifier(type=kind, value=value)])
    assert record.rows[0].sent(key)
    assert record.rows[0].cells["EMAIL"].raw == (value if key == "EMAIL" else "z@example.org")


@pytest.mark.parametrize(
    ("traits", "emails", "phones"),
    [
        pytest.param({"email": "a@example.org"}, ["a@example.org"], [""], id="one"),
        pytest.param(
            {"email": "a@example.org;b@example.org, c@example.org"},
            ["a@example.org", "b@example.org", "c@example.org"],
            [""] * 3,
            id="split",
        ),
        pytest.param(
            {"emails": ["a@example.org", "B@example.org"]}, ["a@example.org", "b@example.org"], [""] * 2, id="list"
        ),
        pytest.param(
            {"email": ["a@example.org", "b@example.org", "c@example.org"], "phone": ["+16505551212", "+442079460958"]},
            ["a@example.org", "b@example.org", "c@example.org"],
            ["16505551212", "442079460958", "16505551212"],
            id="shorter lists repeat their first",
        ),
        pytest.param(
            {"email": "a@example.org", "emails": ["A@example.org", "b@example.org"]},
            ["a@example.org", "b@example.org"],
            [""] * 2,
            id="each once",
        ),
        pytest.param({"email": ["bad", "a@example.org"]}, ["a@example.org"], [""], id="bad ones take no place"),
        pytest.param(
            {"email": ["b@example.org", "a@example.org", "b@example.org"]},
            ["b@example.org", "a@example.org"],
            [""] * 2,
            id="as first seen",
        ),
        pytest.param(
            {"email": ["a@example.org", sha256("a@example.org")]}, ["a@example.org"], [""], id="clear and hash are one"
        ),
        pytest.param({"email": "bad"}, [""], [""], id="only bad"),
        pytest.param({}, [""], [""], id="nothing"),
    ],
)
def test_rows_of_lists(traits: dict[str, Any], emails: list[str], phones: list[str]) -> None:
    record = read_record({**traits, "first_name": "Ann"}, PLAIN)
    assert (normals(record, "EMAIL"), normals(record, "PHONE")) == (emails, phones)
    assert normals(record, "FN") == ["ann"] * len(record.rows)


def test_a_bad_value_of_a_list_is_told() -> None:
    record = read_record({"email": ["bad", "a@example.org"]}, PLAIN)
    assert reasons(record) == [("EMAIL", "bad", "bad_email")]
    assert [row.can_be_sent for row in record.rows] == [True]


@pytest.mark.parametrize(
    ("traits", "cannot"),
    [
        ({"email": "a@example.org"}, None),
        ({"phone": "+16505551212"}, None),
        ({"idfa": IDFA}, None),
        ({"first_name": "Ann", "last_name": "Lee", "zip": "75018"}, "has_none"),
        ({"email": "bad", "first_name": "Ann"}, "only_unusable"),
        ({"phone": "020 7946 0958"}, "only_unusable"),
    ],
)
def test_what_can_be_sent(traits: dict[str, Any], cannot: str | None) -> None:
    assert read_record(traits, PLAIN).rows[0].cannot == cannot


def test_required_any() -> None:
    seed = MatchKeySettings(this_year=2026, required_any=frozenset({"EMAIL", "MADID"}))
    assert read_record({"phone": "+16505551212"}, seed).rows[0].cannot == "has_none"
    assert read_record({"idfa": IDFA}, seed).rows[0].cannot is None


def test_country_is_settled_first() -> None:
    record = read_record({"phone": "020 7946 0958", "zip": "1067", "state": "CA", "country": "GB"}, US)
    assert normals(record, "PHONE") == ["442079460958"]
    assert normals(record, "ST") == ["ca"]
    record = read_record({"phone": "(650)555-1212", "zip": "2101", "state": "California"}, US)
    assert (normals(record, "PHONE"), normals(record, "ZIP"), normals(record, "ST")) == (
        ["16505551212"],
        ["02101"],
        ["ca"],
    )
    assert reasons(record) == [("COUNTRY", "", "from_default")]


def test_the_default_is_not_used_for_a_bad_country() -> None:
    record = read_record({"country": "Narnia", "email": "a@example.org"}, US)
    assert (normals(record, "COUNTRY"), reasons(record)) == ([""], [("COUNTRY", "Narnia", "bad_country")])


def test_a_hashed_country_still_settles() -> None:
    record = read_record({"phone": "(650)555-1212", "country": sha256("us")}, PLAIN)
    assert normals(record, "PHONE") == ["16505551212"]
    assert normals(record, "COUNTRY") == [None]


def test_a_full_date_gives_three_keys() -> None:
    record = read_record({"birthday": "1990-02-16"}, PLAIN)
    assert [normals(record, key) for key in ("DOBY", "DOBM", "DOBD")] == [["1990"], ["02"], ["16"]]


def test_own_year_and_month_go_before_the_date() -> None:
    record = read_record({"birth_year": 1991.0, "birth_month": "March", "birthday": "1990-02-16"}, PLAIN)
    assert [normals(record, key) for key in ("DOBY", "DOBM", "DOBD")] == [["1991"], ["03"], ["16"]]


def test_a_day_alone_has_no_year() -> None:
    record = read_record({"birthday": 16}, PLAIN)
    assert (list(record.rows[0].cells), record.issues) == (["DOBD"], ())


@pytest.mark.parametrize(("fn", "fi"), [("Ann", ""), ("123", "b"), (None, "b")])
def test_initial_only_when_the_first_name_is_blank(fn: str | None, fi: str) -> None:
    record = read_record({"first_name": fn, "first_initial": "Bea"}, PLAIN)
    assert normals(record, "FI") == [fi]
    assert record.rows[0].cells["FI"].raw == "Bea"


@pytest.mark.parametrize("enabled", [False, "false", 0, "0"])
def test_tracking_off(enabled: object) -> None:
    device = {"advertisingId": IDFA, "adTrackingEnabled": enabled}
    record = read_record({"context": {"device": device}}, PLAIN)
    assert (record.rows[0].cannot, reasons(record)) == ("only_unusable", [("MADID", IDFA, "tracking_off")])


def test_tracking_on() -> None:
    assert (
        read_record({"context": {"device": {"advertisingId": IDFA, "adTrackingEnabled": True}}}, PLAIN)
        .rows[0]
        .can_be_sent
    )


def test_extern_id_is_off_unless_chosen() -> None:
    traits = {"crm_id": " 123 ", "email": "a@example.org"}
    assert "EXTERN_ID" not in read_record(traits, PLAIN).rows[0].cells
    chosen = MatchKeySettings(this_year=2026, extern_id="crm_id")
    record = read_record(traits, chosen)
    assert (record.rows[0].sent("EXTERN_ID"), reasons(record)) == (
        " 123 ",
        [("EXTERN_ID", " 123 ", "surrounding_space")],
    )
    by_identifier = read_record({}, chosen, [Identifier(type="crm_id", value="x1")])
    assert (by_identifier.rows[0].sent("EXTERN_ID"), by_identifier.rows[0].can_be_sent) == ("x1", True)
    personal = read_record({"crm_id": "a@example.org"}, chosen)
    assert reasons(personal) == [("EXTERN_ID", "a@example.org", "extern_id_is_personal")]


def test_remap_switch_off_and_split_name() -> None:
    settings = MatchKeySettings(this_year=2026, remap={"CT": ("town",)}, off=frozenset({"ZIP"}), split_name=True)
    record = read_record({"town": "Paris", "city": "Rome", "zip": "75018", "name": "Ann Lee"}, settings)
    assert {key: cell.normal for key, cell in record.rows[0].cells.items()} == {"FN": "ann", "LN": "lee", "CT": "paris"}
    own = read_record({"first_name": "Bea", "name": "Ann Lee"}, settings)
    assert (normals(own, "FN"), normals(own, "LN")) == (["bea"], ["lee"])


def test_full_name_is_not_split_by_default() -> None:
    assert read_record({"name": "Ann Lee"}, PLAIN).rows[0].cells == {}


@pytest.mark.parametrize(
    ("trait", "value"), [("first_name", True), ("city", {"a": 1}), ("email", False), ("phone", {"x": 1})]
)
def test_what_is_no_text_is_blank_with_a_reason(trait: str, value: object) -> None:
    record = read_record({trait: value}, PLAIN)
    assert [cell.sent for cell in record.rows[0].cells.values()] == [""]
    assert len(record.issues) == 1


def test_a_bad_cell_never_costs_the_others() -> None:
    traits = {"email": "a@example.org", "phone": "abc", "zip": "!!", "city": "東京", "gender": "x", "birthday": "soon"}
    record = read_record(traits, PLAIN)
    assert (record.rows[0].can_be_sent, record.rows[0].sent("EMAIL")) == (True, sha256("a@example.org"))


def test_row_key_is_of_what_is_sent() -> None:
    clear = read_record({"email": "A@example.org", "first_name": "Ann"}, PLAIN).rows[0]
    hashed = read_record({"email": sha256("a@example.org"), "first_name": " ANN "}, PLAIN).rows[0]
    other = read_record({"email": "a@example.org", "last_name": "Ann"}, PLAIN).rows[0]
    assert row_key(clear) == row_key(hashed)
    assert row_key(clear) != row_key(other)


@pytest.mark.parametrize(
    ("traits", "kinds"),
    [
        ({"email": "a@example.org"}, ["email"]),
        (
            {"email": "a@example.org", "phone": "+16505551212", "idfa": IDFA, "crm_id": "x"},
            ["email", "phone", "madid", "extern_id"],
        ),
        ({"last": "Lee", "first": "Ann", "zip": "75018"}, ["weak"]),
        ({"last": "Lee", "first": "Ann", "city": "Paris"}, ["weak"]),
        ({"last": "Lee", "first_initial": "A", "birth_year": 1990}, ["weak"]),
        ({"last": "Lee", "first": "Ann", "country": "FR", "gender": "f", "state": "CA"}, []),
        ({"last": "Lee", "zip": "75018"}, []),
        ({"first": "Ann", "zip": "75018"}, []),
    ],
)
def test_keys_of(traits: dict[str, Any], kinds: list[str]) -> None:
    settings = MatchKeySettings(this_year=2026, extern_id="crm_id")
    assert list(keys_of(read_record(traits, settings).rows[0])) == kinds


def test_cells_are_in_the_order_of_the_manifest() -> None:
    traits = {TRAITS[key][0]: value for key, value in reversed(GOOD.items())}  # type: ignore[index]
    assert list(read_record(traits, PLAIN).rows[0].cells) == [key for key in KEYS if key in GOOD]
