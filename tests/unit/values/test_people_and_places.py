"""Names, gender, ids, states, cities, postal codes."""

import pytest

from guestlist.values.people import (
    first_name,
    last_name,
    read_extern_id,
    read_gender,
    read_initial,
    read_madid,
    read_name,
)
from guestlist.values.places import US_STATES, Postcode, read_city, read_state, read_zip
from guestlist.values.reading import Flag, Reason

IDFA = "AECE52E7-03EE-455A-B3C4-E57283966239"


@pytest.mark.parametrize("raw", ["1234", "!!!", "👋", "\u0301"])
def test_no_letter_is_no_name(raw: str) -> None:
    assert read_name(raw).reason is read_initial(raw).reason is Reason.BAD_NAME


@pytest.mark.parametrize(
    ("raw", "initial"), [("J", "j"), ("John", "j"), ("j.", "j"), ("Élodie", "é"), (" 3x", "x"), ("李明", "李")]
)
def test_initial(raw: str, initial: str) -> None:
    assert read_initial(raw).normal == initial


@pytest.mark.parametrize(
    ("full", "first", "last"),
    [
        ("John Smith", "John", "Smith"),
        ("Smith, John", "John", "Smith"),
        ("Ana de la Cruz", "Ana", "Cruz"),
        ("Ana", "Ana", ""),
        ("", "", ""),
    ],
)
def test_full_name(full: str, first: str, last: str) -> None:
    assert (first_name(full), last_name(full)) == (first, last)


@pytest.mark.parametrize(
    ("words", "gender"),
    [
        ("m M male Male man boy MANN männlich masculin homme garçon masculino hombre varón uomo maschio homem", "m"),
        ("f F female woman girl Frau weiblich féminin femme fille femenino mujer donna femmina mulher feminino", "f"),
        ("x unknown non-binary diverse 0 1 Mr other", ""),
    ],
)
def test_gender(words: str, gender: str) -> None:
    for word in words.split():
        reading = read_gender(word)
        assert (word, reading.normal, reading.reason) == (word, gender, None if gender else Reason.UNKNOWN_GENDER)


@pytest.mark.parametrize(
    ("raw", "normal", "reason"),
    [
        (IDFA, IDFA.lower(), None),
        (f" {IDFA.lower()} ", IDFA.lower(), None),
        ("00000000-0000-0000-0000-000000000000", "", Reason.TRACKING_OFF),
        (IDFA.replace("-", ""), "", Reason.BAD_MADID),
        ("some-id", "", Reason.BAD_MADID),
    ],
)
def test_madid(raw: str, normal: str, reason: Reason | None) -> None:
    assert (read_madid(raw).normal, read_madid(raw).reason) == (normal, reason)


@pytest.mark.parametrize("raw", ["User_123", "AbC.", "crm-001", "6940095963366", "e\u0301"])
def test_extern_id_is_untouched(raw: str) -> None:
    assert read_extern_id(raw, "us", "") == read_extern_id(raw, "us", "us")
    assert read_extern_id(raw, "us", "").normal == raw


def test_extern_id_reports_surrounding_space() -> None:
    assert (read_extern_id(" 123 ", "", "").normal, read_extern_id(" 123 ", "", "").flags) == (
        " 123 ",
        (Flag.SURROUNDING_SPACE,),
    )


@pytest.mark.parametrize(
    "raw", ["ann@example.org", " Ann@example.org ", "+1 650 555 1212", "(650) 555-1212", "16505551212"]
)
def test_extern_id_is_personal(raw: str) -> None:
    assert read_extern_id(raw, "us", "").reason is Reason.EXTERN_ID_IS_PERSONAL


@pytest.mark.parametrize(
    ("raw", "country", "normal"),
    [
        ("CA", "us", "ca"), ("California", "us", "ca"), ("New York", "us", "ny"), ("new hampshire", "us", "nh"),
        ("N.Y.", "us", "ny"), (" N. Y. ", "us", "ny"), ("West Virginia", "us", "wv"), ("District of Columbia", "us", "dc"),
        ("Washington, D.C.", "us", "dc"), ("DC", "us", "dc"), ("Puerto Rico", "us", "pr"), ("Guam", "us", "gu"),
        ("U.S. Virgin Islands", "us", "vi"), ("American Samoa", "us", "as"), ("Northern Mariana Islands", "us", "mp"),
        ("California", "", "ca"), ("TX", "", "tx"), ("Bavaria", "", "bavaria"), ("Carolina", "", "carolina"),
        ("California", "mx", "california"), ("CA", "it", "ca"), ("Bayern", "de", "bayern"),
        ("New South Wales", "au", "newsouthwales"), ("Île-de-France", "fr", "iledefrance"), ("Québec", "ca", "quebec"),
    ],
)  # fmt: skip
def test_state(raw: str, country: str, normal: str) -> None:
    assert read_state(raw, country).normal == normal


@pytest.mark.parametrize(
    ("raw", "country", "reason"),
    [
        ("Carolina", "us", Reason.BAD_STATE),
        ("Bavaria", "us", Reason.BAD_STATE),
        ("12", "us", Reason.BAD_STATE),
        ("Москва", "ru", Reason.NOT_LATIN),
        ("12", "fr", Reason.BAD_STATE),
    ],
)
def test_no_state(raw: str, country: str, reason: Reason) -> None:
    assert read_state(raw, country).reason is reason


def test_states_are_complete() -> None:
    assert len(US_STATES) == 50 + len(("dc", "pr", "gu", "vi", "as", "mp"))


@pytest.mark.parametrize(
    ("raw", "normal"),
    [
        ("San Francisco", "sanfrancisco"), ("St. Louis", "stlouis"), ("St. John's", "stjohns"), ("Montréal", "montreal"),
        ("São Paulo", "saopaulo"), ("Zürich", "zurich"), ("Gießen", "giessen"), ("Los Angeles 90210", "losangeles"),
        ("1st City", "stcity"), ("Coeur d'Alene", "coeurdalene"), ("Winston-Salem", "winstonsalem"), ("Łódź", "lodz"),
        ("Miami (Beach)", "miamibeach"), ("A\u030alesund", "alesund"), ("New👋York", "newyork"),
    ],
)  # fmt: skip
def test_city(raw: str, normal: str) -> None:
    assert read_city(raw).normal == normal


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("東京", Reason.NOT_LATIN),
        ("Москва", Reason.NOT_LATIN),
        ("Paris Москва", Reason.NOT_LATIN),
        ("123", Reason.BAD_CITY),
    ],
)
def test_no_city(raw: str, reason: Reason) -> None:
    assert read_city(raw).reason is reason


@pytest.mark.parametrize(
    ("raw", "country", "uk", "normal"),
    [
        ("94035-1234", "us", "full", "94035"), ("94035 1234", "us", "full", "94035"), ("940351234", "us", "full", "94035"),
        (" 94035 ", "us", "full", "94035"), ("94035", "", "full", "94035"), ("94035-1234", "", "full", "94035"),
        ("2101", "us", "full", "02101"), ("501", "us", "full", "00501"), ("2101-1234", "us", "full", "02101"),
        ("2101.0", "us", "full", "02101"), ("2101", "", "full", "2101"), ("1067", "de", "full", "01067"),
        ("1000", "fr", "full", "01000"), ("8001", "es", "full", "08001"), ("100", "it", "full", "00100"),
        ("100", "fi", "full", "00100"), ("7400", "mx", "full", "07400"), ("7400", "dk", "full", "7400"),
        ("M1 1AE", "gb", "full", "m11ae"), ("SW1A 1AA", "gb", "full", "sw1a1aa"), ("sw1a-1aa", "gb", "full", "sw1a1aa"),
        ("SW1A 1AA", "gb", "sector", "sw1a1"), ("M1 1AE", "gb", "sector", "m11"), ("SW1A", "gb", "sector", "sw1a"),
        ("K1A 0A6", "ca", "full", "k1a0a6"), ("150-0001", "jp", "full", "1500001"), ("1234-567", "pt", "full", "1234567"),
        ("１５０", "jp", "full", "１５０"),
    ],
)  # fmt: skip
def test_zip(raw: str, country: str, uk: Postcode, normal: str) -> None:
    assert read_zip(raw, country, uk).normal == normal


@pytest.mark.parametrize(
    ("raw", "country"),
    [("K1A 0A6", "us"), ("abc", "us"), ("1", "us"), ("12345678901", "us"), ("12345678901", "de"), ("!!", "de")],
)
def test_no_zip(raw: str, country: str) -> None:
    assert read_zip(raw, country, "full").reason is Reason.BAD_ZIP
