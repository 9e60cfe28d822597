"""Wherever the guard of a fast path holds, the expression is the rule function; and it holds for the common shapes."""

import ibis
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guestlist.destinations.meta.fast_paths import fast_path
from guestlist.destinations.meta.match_keys import FORMS, MatchKeySettings, read_form
from guestlist.destinations.meta.plain_phones import plain_phones
from guestlist.values.reading import Reading
from guestlist.values.text import ABSENT

FULL = MatchKeySettings(this_year=2026, country="US", date_order="mdy")
SECTOR = MatchKeySettings(this_year=2026, uk_postcode="sector")
COUNTRIES = ("", "us", "gb", "de", "fr", "es", "nl", "pl", "it", "mx", "ca", "jp")
ENGINE = ibis.duckdb.connect()

Cases = list[tuple[str, str]]


def guarded(form: str, cases: Cases, by: MatchKeySettings) -> list[tuple[str, str, str]]:
    """The cases (raw, country) where the guard holds, with what the expression gives."""
    return all_guarded((form,), cases, by)[form]


def all_guarded(forms: tuple[str, ...], cases: Cases, by: MatchKeySettings) -> dict[str, list[tuple[str, str, str]]]:
    table = ibis.memtable(pa.table({"raw": [c[0] for c in cases], "country": [c[1] for c in cases]}))
    paths = {form: path for form in forms if (path := fast_path(form, table.raw, table.country, by))}
    normals = {form: ibis.ifelse(path.guard, path.normal, ibis.null("string")) for form, path in paths.items()}
    rows = ENGINE.to_pyarrow(table.mutate(**normals)).to_pylist()
    return {form: [(r["raw"], r["country"], r[form]) for r in rows if r.get(form) is not None] for form in forms}


_NOISE = st.text(
    st.sampled_from([*"aAzZfF019 \t\n'.-+()@;,/_=%#<>", "é", "İ", "ß", "Σ", "٣", "\u00a0", "\u200b", "k", "\u0301"]),
    max_size=24,
)
_WORD = st.from_regex(r"[A-Za-z]{1,40}", fullmatch=True)
_EMAIL = st.from_regex(r"[A-Za-z0-9._+'-]{1,9}@[A-Za-z0-9.-]{1,12}\.[A-Za-z]{2,5}\.?", fullmatch=True)
_PHONE = st.from_regex(
    r"(\+|00|\+\+|)(1|44|49|33|34|31|48|39|52)?[ (]?0?(49)?[1-9][0-9]{1,4}[). -]{0,2}[0-9]{2,5}[ -]?[0-9]{2,5}( x[0-9])?",
    fullmatch=True,
)
_NANP = st.from_regex(r"(\+1|1|)[ (]{0,2}[2-9][0-9]{2}[) -]{0,2}[2-9][0-9]{2}[ .-]?[0-9]{4}", fullmatch=True)
_ZIP = st.from_regex(r"[A-Z0-9]{1,5}[ -]?[A-Z0-9]{0,5}(\.0)?", fullmatch=True)
_HEX = st.from_regex(r"[0-9a-fA-F]{30,32}|[0-9a-fA-F]{40}|[0-9a-f]{64}", fullmatch=True)
_UUID = st.uuids().map(str) | st.uuids().map(lambda u: str(u).upper()) | st.just("00000000-0000-0000-0000-000000000000")
_ABSENT = st.sampled_from(sorted(ABSENT)).map(str.upper) | st.sampled_from(sorted(ABSENT))
_MARKED = [
    "noreply@example.org",
    "x@privaterelay.appleid.com",
    "test@test.com",
    "Test@Test.com",
    "do-not-reply+1@example.org",
]
RAW = st.one_of(_NOISE, _WORD, _EMAIL, _PHONE, _NANP, _ZIP, _HEX, _UUID, _ABSENT, st.sampled_from(_MARKED))
CASES = st.lists(st.tuples(RAW, st.sampled_from(COUNTRIES)), min_size=200, max_size=400)


@given(cases=CASES)
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
def test_where_the_guard_holds_expression_is_function(cases: Cases) -> None:
    for by, forms in ((FULL, FORMS), (SECTOR, ("ZIP",))):
        for form, held in all_guarded(forms, cases, by).items():
            for raw, country, normal in held:
                assert (form, raw, country, read_form(form, raw, country, by)) == (
                    form,
                    raw,
                    country,
                    Reading(normal=normal),
                )


_PLAIN = st.from_regex(
    r"(\+|00)?(1|44|49|33|34|31|48)?[ /]?(0|\(0[0-9]{1,4}\)|\([2-9][0-9]{2}\))?"
    r"[ -]?(49|[1-9])[0-9]{2,4}[ ./-]?[0-9]{2,4}[ .-]?[0-9]{2,4}(\.0)?",
    fullmatch=True,
)
SOMEWHERE = st.sampled_from(["us", "gb", "de", "fr", "es", "nl", "pl", "it", ""])
PHONES = st.lists(st.tuples(st.one_of(_PLAIN, _PHONE, _NANP, _NOISE), SOMEWHERE), min_size=100, max_size=300)


@given(cases=PHONES)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_plain_phone_reads_as_the_rule_reads_it(cases: Cases) -> None:
    for by in (FULL, MatchKeySettings(this_year=2026, country="DE")):
        read = plain_phones(pa.array([c[0] for c in cases], pa.string()), pa.array([c[1] for c in cases], pa.string()))
        for (raw, country), normal in zip(cases, read.to_pylist(), strict=True):
            if normal is not None:
                assert (raw, country, read_form("PHONE", raw, country, by)) == (raw, country, Reading(normal=normal))


PLAIN_PHONES = [
    ("+49 151 12345678", "", "4915112345678"),
    ("0049 151/1234-5678", "fr", "4915112345678"),
    ("0151 12345678", "de", "4915112345678"),
    ("(030) 1234567", "de", "49301234567"),
    ("06 12 34 56 78", "fr", "33612345678"),
    ("(650) 555-1212", "us", "16505551212"),
    ("020 7946 0958", "gb", "442079460958"),
    ("612 34 56 78", "es", "34612345678"),
    # left to the rule
    ("0151 12345678", "", None),
    ("+44 (0)20 7946 0958", "gb", None),
    ("0151 12345678 x3", "de", None),
    ("06 12 34 56 78", "it", None),
    ("+49 4937 17808594", "", None),
    ("0151 1234567.0", "de", None),
]


@pytest.mark.parametrize(("raw", "country", "normal"), PLAIN_PHONES)
def test_plain_phones(raw: str, country: str, normal: str | None) -> None:
    assert plain_phones(pa.array([raw]), pa.array([country])).to_pylist() == [normal]


@pytest.mark.parametrize(
    ("form", "cases"),
    [
        ("EMAIL", [("Ann.Lee+x@Example.org", ""), ("a@b.co.uk", "")]),
        ("FN", [("Ann", ""), ("LEE", "")]),
        ("LN", [("Lee", "")]),
        ("MADID", [("AECE52E7-03EE-455A-B3C4-E57283966239", "")]),
        (
            "PHONE",
            [("+16505551212", ""), ("+442079460958", "us"), ("+491711234567", "fr")],
        ),
        (
            "ZIP",
            [
                ("94035", "us"),
                ("94035-1234", "us"),
                ("75018", "fr"),
                ("SW1A 1AA", "gb"),
                ("K1A 0A6", "ca"),
                ("150-0001", "jp"),
            ],
        ),
        ("EXTERN_ID", [("User_1", ""), ("crm-001x", "")]),
    ],
)
def test_guard_holds_for_common_shapes(form: str, cases: Cases) -> None:
    assert [(raw, country) for raw, country, _ in guarded(form, cases, FULL)] == cases


def test_a_value_map_switches_the_fast_path_off() -> None:
    mapped = MatchKeySettings(this_year=2026, value_maps={"FN": {"Ann": "Bea"}})
    assert guarded("FN", [("Ann", "")], mapped) == []
    assert guarded("LN", [("Ann", "")], mapped) != []
