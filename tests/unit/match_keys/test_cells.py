"""From raw value to cell: what holds for every key, and Meta's own digests."""

import hashlib

import pytest

from guestlist.destinations.meta.manifest import UNHASHED
from guestlist.destinations.meta.match_keys import MatchKeySettings, cell, key_of_form, read_value
from guestlist.errors import GuestlistError
from guestlist.values.reading import Flag, Reason
from guestlist.values.text import sha256

PLAIN = MatchKeySettings(this_year=2026)
HASHED = ("EMAIL", "PHONE", "FN", "LN", "FI", "GEN", "DOBY", "DOBM", "DOBD", "ST", "CT", "ZIP", "COUNTRY")


@pytest.mark.parametrize(
    ("key", "raw", "country", "normal", "sent"),
    [
        pytest.param(
            "PHONE",
            "(650)555-1212",
            "us",
            "16505551212",
            "e323ec626319ca94ee8bff2e4c87cf613be6ea19919ed1364124e16807ab3176",
            id="phone",
        ),
        pytest.param(
            "PHONE",
            "+15559876543",
            "",
            "15559876543",
            "1ef970831d7963307784fa8688e8fce101a15685d62aa765fed23f3a2c576a4e",
            id="invalid phone",
        ),
        pytest.param(
            "FN",
            "Vale\u0301ry",
            "",
            "val\u00e9ry",
            "08e1996b5dd49e62a4b4c010d44e4345592a863bb9f8e3976219bac29417149c",
            id="combining accent",
        ),
        pytest.param(
            "FN", "정", "", "정", "8fa8cd9c440be61d0151429310034083132b35975c4bea67fdd74158eb51db14", id="Hangul"
        ),
        pytest.param(
            "FN",
            "\u110c\u1165\u11bc",
            "",
            "정",
            "8fa8cd9c440be61d0151429310034083132b35975c4bea67fdd74158eb51db14",
            id="decomposed Hangul",
        ),
        pytest.param(
            "FN", "Mary", "", "mary", "6915771be1c5aa0c886870b6951b03d7eafc121fea0e80a5ea83beb7c449f4ec", id="name"
        ),
        pytest.param(
            "COUNTRY",
            "United States",
            "",
            "us",
            "79adb2a2fce5c6ba215fe5f27f532d4e7edbac4b6a5e09e1ef3a08084a904621",
            id="country",
        ),
        pytest.param(
            "EMAIL",
            "John_Smith@gmail.com",
            "",
            "john_smith@gmail.com",
            "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f",
            id="e-mail",
        ),
        pytest.param(
            "EMAIL",
            "mary@example.com",
            "",
            "mary@example.com",
            "f1904cf1a9d73a55fa5de0ac823c4403ded71afd4c3248d00bdcd0866552bb79",
            id="second e-mail",
        ),
        pytest.param(
            "LN",
            "Mu\u0308ller",
            "",
            "müller",
            "2dbd218072117713f2d5996a726a9b216ed791ffd0783b6ba4ab6d61b8333192",
            id="umlaut",
        ),
        pytest.param(
            "GEN", "Male", "", "m", "62c66a7a5dd70c3146618063c344e531e6d4b59e379808443ce962b3abd63c5a", id="gender"
        ),
        pytest.param(
            "MADID",
            "AECE52E7-03EE-455A-B3C4-E57283966239",
            "",
            "aece52e7-03ee-455a-b3c4-e57283966239",
            "aece52e7-03ee-455a-b3c4-e57283966239",
            id="never hash MADID",
        ),
        pytest.param("EXTERN_ID", "User_1", "", "User_1", "User_1", id="never hash EXTERN_ID"),
    ],
)
def test_digests(key: str, raw: str, country: str, normal: str, sent: str) -> None:
    made = cell(key, raw, country, PLAIN)
    assert (made.raw, made.normal, made.sent) == (raw, normal, sent)


@pytest.mark.parametrize("key", HASHED)
def test_already_hashed_passes_through(key: str) -> None:
    digest = sha256("somebody@example.org")
    made = cell(key, f" {digest.upper()} ", "", PLAIN)
    assert (made.normal, made.sent, made.flags) == (None, digest, (Flag.ALREADY_HASHED,))


@pytest.mark.parametrize("key", HASHED)
@pytest.mark.parametrize("word", ["", "null", "none", "n/a", "undefined"])
def test_hash_of_nothing(key: str, word: str) -> None:
    made = cell(key, sha256(word), "", PLAIN)
    assert (made.sent, made.reason) == ("", Reason.HASH_OF_NOTHING)


@pytest.mark.parametrize("key", HASHED)
@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(hashlib.md5(b"x").hexdigest(), id="md5"),
        pytest.param(hashlib.sha1(b"x").hexdigest(), id="sha1"),
        pytest.param("LXEWQrcmsEQBYnyp9zx5CCoJcpgUXFhzuZ4YBK0cJLc=", id="sha256 in base64"),
        pytest.param("nddbhy5WbXZ8RxDUobpj1A==", id="md5 in base64"),
    ],
)
def test_wrong_hash(key: str, raw: str) -> None:
    made = cell(key, raw, "", PLAIN)
    assert (made.sent, made.reason) == ("", Reason.WRONG_HASH)


@pytest.mark.parametrize("form", [*HASHED, "MADID", "EXTERN_ID", "DOBY:date", "DOBM:date", "FN:name", "LN:name"])
@pytest.mark.parametrize(
    "word", ["", " ", "NULL", "None", "nan", "N/A", "#N/A", "\\N", "-", "undefined", "(not set)", "\u00a0"]
)
def test_absent_is_blank_without_reason(form: str, word: str) -> None:
    made = cell(form, word, "us", PLAIN)
    assert (made.normal, made.sent, made.reason, made.flags) == ("", "", None, ())


@pytest.mark.parametrize("key", [*HASHED, "MADID"])
def test_a_blank_cell_is_never_a_hash(key: str) -> None:
    made = cell(key, "?", "us", PLAIN)
    assert (made.sent, made.reason is not None) == ("", True)


def test_value_map_comes_first() -> None:
    settings = MatchKeySettings(this_year=2026, value_maps={"GEN": {"Z": "f", "D": ""}})
    assert cell("GEN", " z ", "", settings).normal == "f"
    assert cell("GEN", "D", "", settings).reason is None
    assert cell("GEN", "x", "", settings).reason is Reason.UNKNOWN_GENDER


@pytest.mark.parametrize(
    ("form", "raw", "normal"),
    [
        ("FN:name", "Ann Lee", "ann"),
        ("LN:name", "Ann Lee", "lee"),
        ("LN:name", "Ann", ""),
        ("FN:name", "Lee, Ann", "ann"),
    ],
)
def test_parts_of_a_full_name(form: str, raw: str, normal: str) -> None:
    assert (cell(form, raw, "", PLAIN).normal, cell(form, raw, "", PLAIN).reason) == (normal, None)


@pytest.mark.parametrize("value", [0, 0.5, 100, "5", "0.0001"])
def test_value(value: float | str) -> None:
    assert float(read_value(value).normal) == float(value)


@pytest.mark.parametrize("value", ["-5", "x", "inf", "nan", None, -0.1])
def test_bad_value(value: float | str | None) -> None:
    assert read_value(value).reason is Reason.BAD_VALUE


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"lookalike_value": "ltv"}, "lookalike_value_not_yet"),
        ({"country": "Narnia"}, "unknown_country"),
        ({"time_zone": "Mars/Base"}, "unknown_time_zone"),
        ({"off": frozenset({"MAIL"})}, "unknown_match_key"),
    ],
)
def test_settings_that_cannot_work(wrong: dict[str, object], code: str) -> None:
    with pytest.raises(GuestlistError) as raised:
        MatchKeySettings(this_year=2026, **wrong)  # type: ignore[arg-type]
    assert raised.value.code == code


def test_forms_digest_follows_what_is_read_otherwise() -> None:
    assert PLAIN.forms_digest == MatchKeySettings(this_year=2026, off=frozenset({"FN"})).forms_digest
    assert PLAIN.forms_digest != MatchKeySettings(this_year=2026, date_order="mdy").forms_digest
    assert PLAIN.forms_digest != MatchKeySettings(this_year=2026, value_maps={"GEN": {"Z": "f"}}).forms_digest


def test_unhashed_keys() -> None:
    assert {"MADID", "EXTERN_ID"} == UNHASHED
    assert key_of_form("DOBY:date") == "DOBY"
