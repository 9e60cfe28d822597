"""Phone numbers: every rule of the page, by example. Numbers are of ranges kept for fiction, or of Meta's own pages."""

import phonenumbers
import pytest
import rphonenumbers

from guestlist.values.phone import parse_with, read_phone
from guestlist.values.reading import Flag, Reason

UNVERIFIED = (Flag.PHONE_UNVERIFIED,)


@pytest.mark.parametrize(
    ("raw", "country", "space", "normal", "flags"),
    [
        pytest.param("(650)555-1212", "us", "", "16505551212", (), id="Meta's vector"),
        pytest.param("+1 (650) 555-1212", "", "", "16505551212", (), id="with country code"),
        pytest.param("1-650-555-1212", "us", "", "16505551212", (), id="country code without plus"),
        pytest.param("+15559876543", "", "", "15559876543", UNVERIFIED, id="Meta's invalid vector is sent"),
        pytest.param("15559876543", "us", "", "15559876543", UNVERIFIED, id="possible in the country"),
        pytest.param("0044 20 7946 0958", "us", "", "442079460958", (), id="00 is +"),
        pytest.param("+0044 20 7946 0958", "", "", "442079460958", (), id="+00 is +"),
        pytest.param("+44 (0)20 7946 0958", "", "", "442079460958", (), id="(0) vanishes"),
        pytest.param("+39 (0)6 69812345", "", "", "390669812345", (), id="but in Italy it is part of the number"),
        pytest.param("020 7946 0958", "gb", "", "442079460958", (), id="trunk zero"),
        pytest.param("(0)20 7946 0958", "gb", "", "442079460958", (), id="trunk zero in brackets"),
        pytest.param("+49 171 1234567 ext. 5", "", "", "491711234567", (), id="extension"),
        pytest.param("+1-650-555-1212x123", "", "", "16505551212", (), id="x extension"),
        pytest.param("650.555.1212", "us", "", "16505551212", (), id="dots"),
        pytest.param("650/555-1212", "us", "", "16505551212", (), id="slash"),
        pytest.param("\u200b(650)\u00a0555‑1212", "us", "", "16505551212", (), id="no-break space and hyphen"),
        pytest.param("٠٥٥١٢٣٤٥٦٧", "sa", "", "966551234567", (), id="Arabic-Indic digits"),
        pytest.param("+١٦٥٠٥٥٥١٢١٢", "", "", "16505551212", (), id="Arabic-Indic digits after a plus"),
        pytest.param("020 7946 0958", "us", "gb", "442079460958", (), id="the space's country is second"),
        pytest.param("442079460958", "us", "us", "442079460958", (), id="then as +digits"),
        pytest.param(
            "1212345678", "us", "gb", "441212345678", (), id="valid in the second beats possible in the first"
        ),
        pytest.param("16505551212", "", "", "16505551212", (), id="no country, but valid as +digits"),
        pytest.param("+52 1 55 5555 0123", "", "", "525555550123", (), id="old Mexican 1"),
        pytest.param("5215555550123", "mx", "", "525555550123", (), id="old Mexican 1 without plus"),
        pytest.param("16505551212.0", "us", "", "16505551212", (), id="a number from a warehouse"),
        pytest.param("tel:+16505551212", "", "", "16505551212", (), id="tel"),
    ],
)
def test_normal_form(raw: str, country: str, space: str, normal: str, flags: tuple[Flag, ...]) -> None:
    reading = read_phone(raw, country, space)
    assert (reading.normal, reading.flags, reading.reason) == (normal, flags, None)


@pytest.mark.parametrize(
    ("raw", "country", "reason"),
    [
        pytest.param("abc", "us", Reason.BAD_PHONE, id="no digit"),
        pytest.param("+0000000000", "", Reason.BAD_PHONE, id="all zeros after a plus"),
        pytest.param("0000", "us", Reason.BAD_PHONE, id="all zeros"),
        pytest.param("911", "us", Reason.BAD_PHONE, id="too short"),
        pytest.param("555-1212", "us", Reason.BAD_PHONE, id="area code missing"),
        pytest.param("+1", "us", Reason.BAD_PHONE, id="a plus is read only as +digits"),
        pytest.param("+020 7946 0958", "gb", Reason.BAD_PHONE, id="no country code begins with 0"),
        pytest.param("1.65056E+10", "us", Reason.BAD_PHONE, id="rounded by a spreadsheet"),
        pytest.param("12345678901234567890", "us", Reason.BAD_PHONE, id="too long"),
        pytest.param("020 7946 0958", "", Reason.PHONE_WITHOUT_COUNTRY, id="no country known"),
        pytest.param("15559876543", "", Reason.PHONE_WITHOUT_COUNTRY, id="only possible, no country known"),
        pytest.param("abc", "", Reason.BAD_PHONE, id="no country could mend it"),
    ],
)
def test_blank(raw: str, country: str, reason: Reason) -> None:
    assert read_phone(raw, country, "").reason is reason


def _examples() -> list[tuple[str, str | None]]:
    kinds = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE)
    found: list[tuple[str, str | None]] = [("+15559876543", None), ("+390669812345", None)]
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in kinds:
            number = phonenumbers.example_number_for_type(region, kind)
            if number is not None:
                forms = (phonenumbers.PhoneNumberFormat.NATIONAL, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
                found.extend((phonenumbers.format_number(number, form), region) for form in forms)
    return found


def test_both_libraries_read_alike() -> None:
    """The fast library is checked against the one it is a port of, over an example of every region."""
    differing = [
        (text, region)
        for text, region in _examples()
        if parse_with(rphonenumbers, text, region) != parse_with(phonenumbers, text, region)
    ]
    assert len(_examples()) > 900
    assert differing == []
