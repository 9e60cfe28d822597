"""States, cities and postal codes."""

import re
from typing import Literal

from guestlist.values.reading import Reading, Reason, blank, good
from guestlist.values.text import fold, is_letter, lower, nfc, trim, whole, without_space

Postcode = Literal["full", "sector"]

# ISO 3166-2 names by ANSI code: the 50 states, the District of Columbia and the inhabited territories.
US_STATES = {
    "al": "Alabama", "ak": "Alaska", "az": "Arizona", "ar": "Arkansas", "ca": "California", "co": "Colorado",
    "ct": "Connecticut", "de": "Delaware", "fl": "Florida", "ga": "Georgia", "hi": "Hawaii", "id": "Idaho",
    "il": "Illinois", "in": "Indiana", "ia": "Iowa", "ks": "Kansas", "ky": "Kentucky", "la": "Louisiana",
    "me": "Maine", "md": "Maryland", "ma": "Massachusetts", "mi": "Michigan", "mn": "Minnesota", "ms": "Mississippi",
    "mo": "Missouri", "mt": "Montana", "ne": "Nebraska", "nv": "Nevada", "nh": "New Hampshire", "nj": "New Jersey",
    "nm": "New Mexico", "ny": "New York", "nc": "North Carolina", "nd": "North Dakota", "oh": "Ohio", "ok": "Oklahoma",
    "or": "Oregon", "pa": "Pennsylvania", "ri": "Rhode Island", "sc": "South Carolina", "sd": "South Dakota",
    "tn": "Tennessee", "tx": "Texas", "ut": "Utah", "vt": "Vermont", "va": "Virginia", "wa": "Washington",
    "wv": "West Virginia", "wi": "Wisconsin", "wy": "Wyoming", "dc": "District of Columbia", "pr": "Puerto Rico",
    "gu": "Guam", "vi": "U.S. Virgin Islands", "as": "American Samoa", "mp": "Northern Mariana Islands",
}  # fmt: skip
_STATE_ALIASES = {"washingtondc": "dc", "virginislands": "vi", "usvirginislands": "vi"}
_STATES = {fold(name).replace(" ", "").replace(".", ""): code for code, name in US_STATES.items()}
_STATES |= {code: code for code in US_STATES} | _STATE_ALIASES
_STATE_NOISE = re.compile(r"[\s.,'’-]+")
_NOT_A_LETTER = re.compile(r"[^a-z]+")

FIVE_DIGITS = frozenset({"us", "de", "fr", "es", "it", "fi", "mx"})
_LONGEST_ZIP = 10
_UK_POSTCODE = re.compile(r"[a-z]{1,2}[0-9][a-z0-9]?[0-9][a-z]{2}")
_DIGITS = re.compile(r"[0-9]+")


def read_state(text: str, country: str) -> Reading:
    """A US state's code from code or name; elsewhere the name spelled in a to z. `country` "" when not known."""
    state = _STATES.get(_STATE_NOISE.sub("", fold(without_space(text))))
    if country in {"us", ""} and state:
        return good(state)
    return blank(Reason.BAD_STATE) if country == "us" else _spelled(text, Reason.BAD_STATE)


def read_city(text: str) -> Reading:
    """The name spelled in a to z."""
    return _spelled(text, Reason.BAD_CITY)


def _spelled(text: str, nothing_left: Reason) -> Reading:
    folded = fold(text)
    if not folded.isascii() and any(c > "z" and is_letter(c) for c in folded):
        return blank(Reason.NOT_LATIN)
    name = _NOT_A_LETTER.sub("", folded)
    return good(name) if name else blank(nothing_left)


def read_zip(text: str, country: str, uk_postcode: Postcode) -> Reading:
    """A postal code: US five digits, lost leading zeros given back where the country's codes have five digits."""
    code = without_space(lower(nfc(whole(trim(text))))).replace("-", "")
    digits = _DIGITS.fullmatch(code) is not None
    if country == "us" or (not country and digits and len(code) in {5, 9}):
        return _us_zip(code) if digits else blank(Reason.BAD_ZIP)
    if len(code) > _LONGEST_ZIP or not any(c.isalnum() for c in code):
        return blank(Reason.BAD_ZIP)
    if digits and country in FIVE_DIGITS:
        return good(code.zfill(5) if len(code) >= 3 else code)
    if country == "gb" and uk_postcode == "sector" and _UK_POSTCODE.fullmatch(code):
        return good(code[:-2])
    return good(code)


def _us_zip(digits: str) -> Reading:
    # ZIP codes begin at 005..: up to two zeros are lost, from the short form and from ZIP+4 alike.
    if len(digits) in {3, 4, 5}:
        return good(digits.zfill(5))
    return good(digits.zfill(9)[:5]) if len(digits) in {7, 8, 9} else blank(Reason.BAD_ZIP)
