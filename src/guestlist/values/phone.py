"""Phone numbers: E.164 digits without the plus."""

import re
import unicodedata
from collections.abc import Iterator
from types import ModuleType

import phonenumbers
import rphonenumbers

from guestlist.values.reading import Flag, Reading, Reason, blank, good
from guestlist.values.text import trim, whole

# Read by the engine too: nothing here may go beyond RE2.
INTERNATIONAL = r"^[^\w+(]*(?:\+|\(\+|\(?00)"
_TRUNK_ZERO = re.compile(r"\(\s*0\s*\)")
_EXTENSION = re.compile(r"(?:[;,]|\b(?:ext?|extn|extension|x|#)\b|x\d|#).*", re.IGNORECASE | re.DOTALL)
_SCIENTIFIC = re.compile(r"\d(?:\.\d+)?[eE]\+?\d+")
_NO_DIGIT = re.compile(r"\D+")

# A number without country code that only misses it has at least this many digits; fewer no country can mend.
_SHORTEST = 4


def read_phone(text: str, country: str, space_country: str) -> Reading:
    """Read a number with the person's country, then the space's, then as if it began with `+` (either may be "").

    The first valid reading wins, else the first possible one, flagged.
    """
    text = whole(_fold_digits(trim(text)))
    digits = _NO_DIGIT.sub("", text)
    if not digits.strip("0") or _SCIENTIFIC.fullmatch(text):
        return blank(Reason.BAD_PHONE)
    if re.match(INTERNATIONAL, text):
        return _best(_international(text)) or blank(Reason.BAD_PHONE)
    regions = list(dict.fromkeys(c.upper() for c in (country, space_country) if c))
    best = _best(_national(text, regions))
    if regions:
        return best or blank(Reason.BAD_PHONE)
    if best and not best.flags:
        return best
    return blank(Reason.PHONE_WITHOUT_COUNTRY if len(digits) >= _SHORTEST else Reason.BAD_PHONE)


def _fold_digits(text: str) -> str:
    if text.isascii():
        return text
    return "".join("+" if c == "＋" else _ascii_digit(c) for c in text)


def _ascii_digit(letter: str) -> str:
    value = unicodedata.decimal(letter, None)
    return letter if value is None else str(value)


def _variants(text: str) -> list[str]:
    """The text without its (0), then with the zero in place: in Italy it is part of the number."""
    without = _TRUNK_ZERO.sub(" ", text)
    return [text] if without == text else [without, _TRUNK_ZERO.sub("0", text)]


def _international(text: str) -> Iterator[tuple[str, str | None]]:
    for variant in _variants(text):
        digits = _plus_digits(variant)
        # No country code begins with 0, but `+00` is seen for `+`.
        yield digits.removeprefix("00"), None


def _national(text: str, regions: list[str]) -> Iterator[tuple[str, str | None]]:
    for region in regions:
        for variant in _variants(text):
            yield variant, region
    for variant in _variants(text):
        yield _plus_digits(variant), None


def _plus_digits(text: str) -> str:
    return _NO_DIGIT.sub("", _EXTENSION.sub("", text))


def _best(readings: Iterator[tuple[str, str | None]]) -> Reading | None:
    possible = None
    for text, region in readings:
        found = _parse(text, region)
        if found is None:
            continue
        number, valid = found
        if valid:
            return good(number)
        possible = possible or good(number, Flag.PHONE_UNVERIFIED)
    return possible


def _parse(text: str, region: str | None) -> tuple[str, bool] | None:
    """The number and whether it is valid, None when not even possible. Without region the text is digits after `+`."""
    if region is None:
        if not text or text.startswith("0"):
            return None
        text = f"+{text}"
    try:
        return parse_with(rphonenumbers, text, region)
    except rphonenumbers.NumberParseException:
        # The Rust port is young: what it cannot read, the library it is a port of is asked too.
        try:
            return parse_with(phonenumbers, text, region)
        except phonenumbers.NumberParseException:
            return None


def parse_with(library: ModuleType, text: str, region: str | None) -> tuple[str, bool] | None:
    """One reading by one of the two libraries, which have the same interface."""
    number = library.parse(text, region)
    code, national = number.country_code, number.national_number
    if code == 52 and 10**10 <= national < 2 * 10**10:
        # Until 2019 Mexican mobiles were called with a 1 after the country code.
        number = library.parse(f"+52{national - 10**10}", None)
        national = number.national_number
    valid = library.is_valid_number(number)
    if not valid and library.is_possible_number_with_reason(number) != library.ValidationResult.IS_POSSIBLE:
        return None
    zeros = "0" * (number.number_of_leading_zeros or 1) if number.italian_leading_zero else ""
    return f"{code}{zeros}{national}", valid
