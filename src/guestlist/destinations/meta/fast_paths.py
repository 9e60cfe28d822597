"""The rules as engine expressions, for plain ASCII shapes only.

Each fast path is a guard and a normal form. Where the guard holds, the form is exactly what `read_form` gives, without
reason and without flag; where it does not, the value goes through `read_form` once per distinct value. A property test
keeps the two together. Guards err towards the rule: what is rare or has few distinct values has no fast path at all.

Only what RE2 and DuckDB do for ASCII is used; lower-casing stands behind guards that let no other letter in.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import ibis
import phonenumbers

from guestlist.destinations.meta.match_keys import MatchKeySettings, key_of_form
from guestlist.values.dates import PLACEHOLDERS
from guestlist.values.email import BLOCKED, UNLIKELY
from guestlist.values.people import MADID, NO_MADID
from guestlist.values.places import FIVE_DIGITS

Column: TypeAlias = ibis.Column

_EMAIL = r"^[A-Za-z0-9._%+'-]{1,64}@([A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,24}$"
# 30 letters are no digest, and the shortest digest in hexadecimal digits has 32.
_NAME = r"^[A-Za-z][A-Za-z '.-]{0,29}$"
_ABSENT_LETTERS = ("null", "none", "nan", "undefined", "na", "n", "notset")
_ISO = r"^(19|20)[0-9]{2}-((0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)$"
_SLASHED = {
    "mdy": r"^((0[1-9]|1[0-2])/(0[1-9]|1[0-9]|2[0-8])|(0[13-9]|1[0-2])/(29|30)|(0[13578]|1[02])/31)/(19|20)[0-9]{2}$",
    "dmy": r"^((0[1-9]|1[0-9]|2[0-8])/(0[1-9]|1[0-2])|(29|30)/(0[13-9]|1[0-2])|31/(0[13578]|1[02]))/(19|20)[0-9]{2}$",
}
_EXTERN_ID = r"^[A-Za-z0-9_-]*[A-Za-z_][A-Za-z0-9_-]*$"
_PHONE_SHAPE = r"^\+?[0-9(][0-9() .-]{5,22}[0-9]$"
_ZIP_SHAPE = r"^[A-Za-z0-9][A-Za-z0-9 -]{0,9}$"

# Countries whose national numbers never begin with the digit that is dialled before them, by calling code. Valid
# there and without trunk zero means: one reading, valid, digits kept.
_PHONE_COUNTRIES = {"us": "1", "gb": "44", "de": "49", "fr": "33", "es": "34", "nl": "31", "pl": "48"}


@dataclass(frozen=True, kw_only=True)
class FastPath:
    """Where `guard` holds (never null), `normal` is the normal form, with nothing to say about it."""

    guard: Column
    normal: Column


def fast_path(form: str, raw: Column, country: Column, settings: MatchKeySettings) -> FastPath | None:
    """The fast path of a form, if it has one, over columns of raw values and settled countries ("" when not known)."""
    make = _PATHS.get(form)
    if make is None or settings.value_maps.get(key_of_form(form)):
        return None
    path = make(raw, country, settings)
    return FastPath(guard=path.guard.fill_null(False), normal=path.normal)


def _email(raw: Column, _country: Column, _settings: MatchKeySettings) -> FastPath:
    address = raw.lower()
    plain = raw.re_search(_EMAIL) & ~address.re_search(UNLIKELY) & ~address.isin(sorted(BLOCKED))
    return FastPath(guard=plain, normal=address)


def _madid(raw: Column, _country: Column, _settings: MatchKeySettings) -> FastPath:
    return FastPath(guard=raw.re_search(f"^{MADID}$") & (raw != NO_MADID), normal=raw.lower())


def _name(raw: Column, _country: Column, _settings: MatchKeySettings) -> FastPath:
    name = raw.re_replace("[^A-Za-z]", "").lower()
    return FastPath(guard=raw.re_search(_NAME) & ~name.isin(_ABSENT_LETTERS), normal=name)


def _initial(raw: Column, country: Column, settings: MatchKeySettings) -> FastPath:
    name = _name(raw, country, settings)
    return FastPath(guard=name.guard, normal=name.normal.substr(0, 1))


def _year(raw: Column, _country: Column, settings: MatchKeySettings) -> FastPath:
    return FastPath(guard=raw.re_search("^[0-9]{4}$") & raw.between("1900", str(settings.this_year)), normal=raw)


def _month(raw: Column, _country: Column, _settings: MatchKeySettings) -> FastPath:
    return FastPath(guard=raw.re_search("^(0?[1-9]|1[0-2])$"), normal=raw.lpad(2, "0"))


def _date_part(part: str) -> Callable[[Column, Column, MatchKeySettings], FastPath]:
    def make(raw: Column, _country: Column, settings: MatchKeySettings) -> FastPath:
        placeholders = [day.isoformat() for day in PLACEHOLDERS]
        upto = f"{settings.this_year}-12-31"
        iso = raw.re_search(_ISO) & ~raw.isin(placeholders) & (raw <= upto)
        start, length = {"year": (0, 4), "month": (5, 2), "day": (8, 2)}[part]
        normal = raw.substr(start, length)
        if settings.date_order is None:
            return FastPath(guard=iso, normal=normal)
        slashed = raw.re_search(_SLASHED[settings.date_order]) & ~raw.isin(["01/01/1900", "01/01/1970"])
        slashed = slashed & (raw.substr(6, 4) <= str(settings.this_year))
        first = 0 if (settings.date_order == "mdy") == (part == "month") else 3
        other = raw.substr(6, 4) if part == "year" else raw.substr(first, 2)
        return FastPath(guard=iso | slashed, normal=ibis.ifelse(raw.substr(2, 1) == "/", other, normal))

    return make


def _day(raw: Column, country: Column, settings: MatchKeySettings) -> FastPath:
    dated = _date_part("day")(raw, country, settings)
    alone = raw.re_search("^(0?[1-9]|[12][0-9]|3[01])$")
    return FastPath(guard=alone | dated.guard, normal=ibis.ifelse(alone, raw.lpad(2, "0"), dated.normal))


def _zip(raw: Column, country: Column, settings: MatchKeySettings) -> FastPath:
    code = raw.re_replace("[ -]", "").lower()
    us = (country == "us") & raw.re_search("^[0-9]{5}(-?[0-9]{4})?$")
    plain = raw.re_search(_ZIP_SHAPE) & raw.re_search("[0-9]")
    of_five = country.isin(sorted(FIVE_DIGITS - {"us"})) & raw.re_search("^[0-9]{5}$")
    elsewhere = plain & ~country.isin(["", "us", *(["gb"] if settings.uk_postcode == "sector" else []), *FIVE_DIGITS])
    return FastPath(guard=us | of_five | elsewhere, normal=ibis.ifelse(country == "us", code.substr(0, 5), code))


def _extern_id(raw: Column, _country: Column, _settings: MatchKeySettings) -> FastPath:
    return FastPath(guard=raw.re_search(_EXTERN_ID) & ~raw.lower().isin(_ABSENT_LETTERS), normal=raw)


def _phone(raw: Column, country: Column, _settings: MatchKeySettings) -> FastPath:
    """Numbers that are valid by the library's own patterns, in a country where nothing else needs to be known."""
    digits = raw.re_replace("[^0-9]", "")
    shaped = raw.re_search(_PHONE_SHAPE) & ~raw.re_search(r"\( *0 *\)")
    patterns = _phone_patterns()
    abroad = "|".join(f"{_PHONE_COUNTRIES[c]}(?:{pattern})" for c, pattern in patterns.items())
    plus = raw.startswith("+") & digits.re_search(f"^(?:{abroad})$")
    at_home = country.cases(*((c, digits.re_search(f"^(?:{p})$")) for c, p in patterns.items()), else_=False)
    code = country.cases(*_PHONE_COUNTRIES.items(), else_="")
    home = ~raw.startswith("+") & ~digits.startswith("00") & at_home
    return FastPath(guard=shaped & (plus | home), normal=ibis.ifelse(raw.startswith("+"), digits, code.concat(digits)))


@cache
def _phone_patterns() -> dict[str, str]:
    return {country: _phone_pattern(country.upper()) for country in _PHONE_COUNTRIES}


def _phone_pattern(region: str) -> str:
    metadata: Any = phonenumbers.PhoneMetadata.metadata_for_region(region, None)
    kinds = (metadata.fixed_line, metadata.mobile)
    return "|".join(dict.fromkeys(kind.national_number_pattern for kind in kinds))


_PATHS: dict[str, Callable[[Column, Column, MatchKeySettings], FastPath]] = {
    "EMAIL": _email,
    "PHONE": _phone,
    "MADID": _madid,
    "FN": _name,
    "LN": _name,
    "FI": _initial,
    "DOBY": _year,
    "DOBM": _month,
    "DOBD": _day,
    "DOBY:date": _date_part("year"),
    "DOBM:date": _date_part("month"),
    "CT": _name,
    "ZIP": _zip,
    "EXTERN_ID": _extern_id,
}
