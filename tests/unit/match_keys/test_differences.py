"""What other implementations make of the same inputs, and each difference that is intended, by name.

`peers` is what most of six implementations give for the raw value ("" blank or refused); where they split evenly, the
one that Meta's page asks for. They know no country of the row; ours is read with the one given.
"""

from enum import StrEnum

import pytest

from guestlist.destinations.meta.match_keys import MatchKeySettings, cell

BY = MatchKeySettings(this_year=2026)
DIGEST = "8df99a46f811595e1a1de5016e2445bc202f72b94648203ac82e5ad0dc5cb42a"


class Why(StrEnum):
    """The intended differences."""

    AS_MOST = ""
    TRAILING_DOT = "trailing dots go, the rest of the address is good"
    LOWER_CASE_HASH = "Meta compares digests in lower case"
    WRONG_HASH = "MD5 never matches"
    PHONE_IN_FULL = "Meta needs the country code: the row's country gives it"
    TRUNK_ZERO = "(0) is not dialled from abroad"
    EXTENSION = "an extension is not part of the number"
    NO_PHONE = "digits that are no number match nobody"
    LETTERS_ARE_DIGITS = "letters on a keypad stand for digits"
    SCRIPT_DIGITS = "digits of other scripts are digits"
    NO_GUESS = "a gender is not guessed"
    WORDS = "words are understood"
    DATE_RANGE = "Meta takes 1900 to this year, 1 to 12, 1 to 31"
    NUMBERS = "1990.0 is 1990"
    ONLY_LETTERS = "Meta wants names without space, punctuation, digits and symbols"
    NFC = "Meta's vectors are in composed form"
    DOTTED_I = "İ is i"
    INITIAL = "one letter"
    FOLDED = "an accent does not delete its letter"
    STATE_CODE = "Meta wants the code of US states"
    NO_STATE = "no state of the US"
    ZIP_5 = "US codes have five digits"
    ZIP_HYPHEN = "a hyphen parts nothing off outside the US"
    COUNTRY_CODE = "names and longer codes become ISO codes"
    NO_COUNTRY = "an unassigned code matches nobody"
    MADID_LOWER = "Meta wants it in lower case and trimmed"
    ZEROS = "all zeros is no device"


W = Why
# (key, raw, country, what most peers give, what we give, why)
CASES = [
    ("EMAIL", "  John_Smith@GMAIL.com ", "", "john_smith@gmail.com", "john_smith@gmail.com", W.AS_MOST),
    ("EMAIL", "Mary@Example.com", "", "mary@example.com", "mary@example.com", W.AS_MOST),
    ("EMAIL", "user.name+tag@gmail.com", "", "user.name+tag@gmail.com", "user.name+tag@gmail.com", W.AS_MOST),
    ("EMAIL", "not-an-email", "", "", "", W.AS_MOST),
    ("EMAIL", "test@example", "", "", "", W.AS_MOST),
    ("EMAIL", "a@b.c", "", "a@b.c", "a@b.c", W.AS_MOST),
    ("EMAIL", "..test@x.com.", "", "", "..test@x.com", W.TRAILING_DOT),
    ("EMAIL", "josé@exämple.com", "", "josé@exämple.com", "josé@exämple.com", W.AS_MOST),
    ("EMAIL", "foo@bar.com.", "", "", "foo@bar.com", W.TRAILING_DOT),
    ("EMAIL", DIGEST, "", DIGEST, DIGEST, W.AS_MOST),
    ("EMAIL", DIGEST.upper(), "", DIGEST.upper(), DIGEST, W.LOWER_CASE_HASH),
    ("EMAIL", "5d41402abc4b2a76b9719d911017c592", "", "5d41402abc4b2a76b9719d911017c592", "", W.WRONG_HASH),
    ("PHONE", "+1 (650) 555-1212", "", "16505551212", "16505551212", W.AS_MOST),
    ("PHONE", "00919876543210", "", "919876543210", "919876543210", W.AS_MOST),
    ("PHONE", "+44 (0)20 7946 0958", "", "4402079460958", "442079460958", W.TRUNK_ZERO),
    ("PHONE", "020 7946 0958", "gb", "2079460958", "442079460958", W.PHONE_IN_FULL),
    ("PHONE", "020 7946 0958", "", "2079460958", "", W.PHONE_IN_FULL),
    ("PHONE", "6505551212", "us", "6505551212", "16505551212", W.PHONE_IN_FULL),
    ("PHONE", "+1-555-123-4567 ext. 123", "", "15551234567123", "15551234567", W.EXTENSION),
    ("PHONE", "+0000000000", "", "", "", W.AS_MOST),
    ("PHONE", "1-800-FLOWERS", "us", "1800", "18003569377", W.LETTERS_ARE_DIGITS),
    ("PHONE", "@09432457768", "in", "9432457768", "919432457768", W.PHONE_IN_FULL),
    ("PHONE", "911", "us", "911", "", W.NO_PHONE),
    ("PHONE", "abc", "us", "", "", W.AS_MOST),
    ("PHONE", "+١٦٥٠٥٥٥١٢١٢", "", "", "16505551212", W.SCRIPT_DIGITS),
    ("GEN", "F", "", "f", "f", W.AS_MOST),
    ("GEN", "female", "", "f", "f", W.AS_MOST),
    ("GEN", "Male", "", "m", "m", W.AS_MOST),
    ("GEN", "woman", "", "f", "f", W.AS_MOST),
    ("GEN", "Mr", "", "m", "", W.NO_GUESS),
    ("GEN", "unknown", "", "unknown", "", W.NO_GUESS),
    ("GEN", "x", "", "x", "", W.NO_GUESS),
    ("GEN", "non-binary", "", "non-binary", "", W.NO_GUESS),
    ("GEN", "0", "", "0", "", W.NO_GUESS),
    ("DOBY", "1990", "", "1990", "1990", W.AS_MOST),
    ("DOBY", " 1990 ", "", "1990", "1990", W.AS_MOST),
    ("DOBY", "90", "", "90", "", W.DATE_RANGE),
    ("DOBY", "1990.0", "", "19900", "1990", W.NUMBERS),
    ("DOBY", "0000", "", "0000", "", W.DATE_RANGE),
    ("DOBY", "2030", "", "2030", "", W.DATE_RANGE),
    ("DOBY", "1899", "", "1899", "", W.DATE_RANGE),
    ("DOBM", "3", "", "03", "03", W.AS_MOST),
    ("DOBM", "03", "", "03", "03", W.AS_MOST),
    ("DOBM", "March", "", "march", "03", W.WORDS),
    ("DOBM", "Mar", "", "mar", "03", W.WORDS),
    ("DOBM", "13", "", "13", "", W.DATE_RANGE),
    ("DOBM", "0", "", "00", "", W.DATE_RANGE),
    ("DOBM", "3.0", "", "30", "03", W.NUMBERS),
    ("DOBM", " 3 ", "", "03", "03", W.AS_MOST),
    ("DOBD", "5", "", "05", "05", W.AS_MOST),
    ("DOBD", "05", "", "05", "05", W.AS_MOST),
    ("DOBD", "31", "", "31", "31", W.AS_MOST),
    ("DOBD", "32", "", "32", "", W.DATE_RANGE),
    ("DOBD", "0", "", "0", "", W.DATE_RANGE),
    ("DOBD", "5.0", "", "50", "05", W.NUMBERS),
    ("FN", "Mary", "", "mary", "mary", W.AS_MOST),
    ("FN", "  Mary  ", "", "mary", "mary", W.AS_MOST),
    ("FN", "Mary-Jane", "", "maryjane", "maryjane", W.AS_MOST),
    ("FN", "Mary Jane", "", "mary jane", "maryjane", W.ONLY_LETTERS),
    ("FN", "O'Brien", "", "obrien", "obrien", W.AS_MOST),
    ("FN", "Valéry", "", "valéry", "valéry", W.AS_MOST),
    ("FN", "José María", "", "josé maría", "josémaría", W.ONLY_LETTERS),
    ("FN", "정", "", "정", "정", W.AS_MOST),
    ("FN", "Владимир", "", "владимир", "владимир", W.AS_MOST),
    ("FN", "John Smith1", "", "john smith1", "johnsmith", W.ONLY_LETTERS),
    ("FN", "Dr. John Smith", "", "dr john smith", "drjohnsmith", W.ONLY_LETTERS),
    ("FN", "Zoë™", "", "zoë™", "zoë", W.ONLY_LETTERS),
    ("FN", "A$AP", "", "a$ap", "aap", W.ONLY_LETTERS),
    ("FN", "Mary–Jane", "", "mary–jane", "maryjane", W.ONLY_LETTERS),
    ("FN", "İstanbul", "", "i\u0307stanbul", "istanbul", W.DOTTED_I),
    ("FN", "STRASSE ß", "", "strasse ß", "strasseß", W.ONLY_LETTERS),
    ("FN", "e\u0301mile", "", "e\u0301mile", "émile", W.NFC),
    ("FI", "J", "", "j", "j", W.AS_MOST),
    ("FI", "John", "", "john", "j", W.INITIAL),
    ("FI", "j.", "", "j", "j", W.AS_MOST),
    ("FI", "É", "", "é", "é", W.AS_MOST),
    ("CT", "San Francisco", "", "sanfrancisco", "sanfrancisco", W.AS_MOST),
    ("CT", "St. Louis", "", "stlouis", "stlouis", W.AS_MOST),
    ("CT", "Montréal", "", "montral", "montreal", W.FOLDED),
    ("CT", "São Paulo", "", "sopaulo", "saopaulo", W.FOLDED),
    ("CT", "Zürich", "", "zrich", "zurich", W.FOLDED),
    ("CT", "東京", "", "", "", W.AS_MOST),
    ("CT", "Москва", "", "", "", W.AS_MOST),
    ("CT", "Los Angeles 90210", "", "losangeles", "losangeles", W.AS_MOST),
    ("CT", "1st City", "", "stcity", "stcity", W.AS_MOST),
    ("CT", "Coeur d'Alene", "", "coeurdalene", "coeurdalene", W.AS_MOST),
    ("CT", "Winston-Salem", "", "winstonsalem", "winstonsalem", W.AS_MOST),
    ("CT", "Miami (Beach)", "", "miamibeach", "miamibeach", W.AS_MOST),
    ("CT", "München", "", "mnchen", "munchen", W.FOLDED),
    ("ST", "CA", "us", "ca", "ca", W.AS_MOST),
    ("ST", "California", "us", "california", "ca", W.STATE_CODE),
    ("ST", "New York", "us", "newyork", "ny", W.STATE_CODE),
    ("ST", "new hampshire", "us", "newhampshire", "nh", W.STATE_CODE),
    ("ST", "N.Y.", "us", "ny", "ny", W.AS_MOST),
    ("ST", "Bavaria", "de", "bavaria", "bavaria", W.AS_MOST),
    ("ST", "British Columbia", "ca", "britishcolumbia", "britishcolumbia", W.AS_MOST),
    ("ST", "Ontario", "ca", "ontario", "ontario", W.AS_MOST),
    ("ST", "Île-de-France", "fr", "ledefrance", "iledefrance", W.FOLDED),
    ("ST", "District of Columbia", "us", "districtofcolumbia", "dc", W.STATE_CODE),
    ("ST", "DC", "us", "dc", "dc", W.AS_MOST),
    ("ST", "Puerto Rico", "us", "puertorico", "pr", W.STATE_CODE),
    ("ST", "Carolina", "us", "carolina", "", W.NO_STATE),
    ("ST", "Carolina", "", "carolina", "carolina", W.AS_MOST),
    ("ST", "12", "us", "", "", W.AS_MOST),
    ("ZIP", "94035-1234", "us", "94035", "94035", W.AS_MOST),
    ("ZIP", "94035", "us", "94035", "94035", W.AS_MOST),
    ("ZIP", " 94035 ", "us", "94035", "94035", W.AS_MOST),
    ("ZIP", "940351234", "us", "940351234", "94035", W.ZIP_5),
    ("ZIP", "M1 1AE", "gb", "m11ae", "m11ae", W.AS_MOST),
    ("ZIP", "SW1A 1AA", "gb", "sw1a1aa", "sw1a1aa", W.AS_MOST),
    ("ZIP", "sw1a-1aa", "gb", "sw1a", "sw1a1aa", W.ZIP_HYPHEN),
    ("ZIP", "K1A 0A6", "ca", "k1a0a6", "k1a0a6", W.AS_MOST),
    ("ZIP", "02101", "us", "02101", "02101", W.AS_MOST),
    ("ZIP", "2101", "us", "2101", "02101", W.ZIP_5),
    ("ZIP", "1", "us", "1", "", W.ZIP_5),
    ("ZIP", "75018", "fr", "75018", "75018", W.AS_MOST),
    ("ZIP", "150-0001", "jp", "150", "1500001", W.ZIP_HYPHEN),
    ("ZIP", "7400", "dk", "7400", "7400", W.AS_MOST),
    ("COUNTRY", "US", "", "us", "us", W.AS_MOST),
    ("COUNTRY", "us", "", "us", "us", W.AS_MOST),
    ("COUNTRY", "USA", "", "", "us", W.COUNTRY_CODE),
    ("COUNTRY", "United States", "", "", "us", W.COUNTRY_CODE),
    ("COUNTRY", "UK", "", "uk", "gb", W.COUNTRY_CODE),
    ("COUNTRY", "GB", "", "gb", "gb", W.AS_MOST),
    ("COUNTRY", "United Kingdom", "", "", "gb", W.COUNTRY_CODE),
    ("COUNTRY", "U.S.", "", "us", "us", W.AS_MOST),
    ("COUNTRY", "Germany", "", "", "de", W.COUNTRY_CODE),
    ("COUNTRY", "Deutschland", "", "", "de", W.COUNTRY_CODE),
    ("COUNTRY", "XX", "", "xx", "", W.NO_COUNTRY),
    ("COUNTRY", "in", "", "in", "in", W.AS_MOST),
    ("COUNTRY", "", "", "", "", W.AS_MOST),
    (
        "MADID", "AECE52E7-03EE-455A-B3C4-E57283966239", "",
        "AECE52E7-03EE-455A-B3C4-E57283966239", "aece52e7-03ee-455a-b3c4-e57283966239", W.MADID_LOWER,
    ),
    (
        "MADID", " aece52e7-03ee-455a-b3c4-e57283966239 ", "",
        " aece52e7-03ee-455a-b3c4-e57283966239 ", "aece52e7-03ee-455a-b3c4-e57283966239", W.MADID_LOWER,
    ),
    (
        "MADID", "00000000-0000-0000-0000-000000000000", "",
        "00000000-0000-0000-0000-000000000000", "", W.ZEROS,
    ),
    ("EXTERN_ID", "User_123", "", "User_123", "User_123", W.AS_MOST),
    ("EXTERN_ID", " 123 ", "", " 123 ", " 123 ", W.AS_MOST),
    ("EXTERN_ID", "AbC.", "", "AbC.", "AbC.", W.AS_MOST),
    ("EXTERN_ID", "", "", "", "", W.AS_MOST),
]  # fmt: skip


@pytest.mark.parametrize(
    ("key", "raw", "country", "peers", "ours", "why"), CASES, ids=[f"{case[0]} {case[1]!r} {case[2]}" for case in CASES]
)
def test_case(key: str, raw: str, country: str, peers: str, ours: str, why: Why) -> None:
    made = cell(key, raw, country, BY)
    assert (made.sent if made.normal is None else made.normal) == ours
    assert (peers == ours) == (why is Why.AS_MOST)


def test_every_named_difference_is_shown_by_a_case() -> None:
    assert {case[5] for case in CASES} == set(Why)
