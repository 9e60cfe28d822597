"""The rules as engine expressions, for plain ASCII shapes only.

Each fast path is a guard and a normal form. Where the guard holds, the form is exactly what `read_form` gives, without
reason and without flag; where it does not, the value goes through `read_form` once per distinct value. A property test
keeps the two together. Guards err towards the rule. Only what has about as many values as there are profiles has a fast
path: for birthdays, cities, states or genders a join with forms costs less than an expression and a hash for each row.

Only what RE2 and DuckDB do for ASCII is used; lower-casing stands behind guards that let no other letter in.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import ibis
import phonenumbers

from guestlist.destinations.meta.match_keys import MatchKeySettings, key_of_form
from guestlist.values.email import BLOCKED, UNLIKELY
from guestlist.values.people import MADID, NO_MADID
from guestlist.values.places import FIVE_DIGITS

Column: TypeAlias = ibis.Column

_EMAIL = r"^[A-Za-z0-9._%+'-]{1,64}@([A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,24}$"
# 30 letters are no digest: the shortest in hexadecimal digits has 32.
_NAME = r"^[A-Za-z]{1,30}$"
_ABSENT_WORDS = ("null", "none", "nan", "undefined")
_EXTERN_ID = r"^[A-Za-z0-9_-]*[A-Za-z_][A-Za-z0-9_-]*$"
_ZIP_SHAPE = r"^[A-Za-z]{0,9}[0-9][A-Za-z0-9 -]{0,9}$"
_US_ZIP = "^[0-9]{5}(-?[0-9]{4})?$"

# Countries whose national numbers never begin with the digit that is dialled before them, by calling code. Valid
# there and without trunk zero means: one reading, valid, digits kept.
PHONE_COUNTRIES = {"us": "1", "gb": "44", "de": "49", "fr": "33", "es": "34", "nl": "31", "pl": "48"}
UNSURE = "4949"
"""Of German area codes 49… fewer numbers are valid than the patterns for its kinds of numbers let through."""


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
    name = raw.lower()
    return FastPath(guard=raw.re_search(_NAME) & ~name.isin(_ABSENT_WORDS), normal=name)


def _zip(raw: Column, country: Column, settings: MatchKeySettings) -> FastPath:
    code = raw.replace(" ", "").replace("-", "").lower()
    # Cases are tried in turn; a conjunction would run every expression on every row.
    own_rule = ["", *(["gb"] if settings.uk_postcode == "sector" else [])]
    guard = ibis.cases(
        (country == "us", raw.re_search(_US_ZIP)),
        (country.isin(sorted(FIVE_DIGITS)), raw.re_search("^[0-9]{5}$")),
        (country.isin(own_rule) | (raw.length() > 10), False),
        else_=raw.re_search(_ZIP_SHAPE),
    )
    return FastPath(guard=guard, normal=ibis.ifelse(country == "us", code.substr(0, 5), code))


def _extern_id(raw: Column, _country: Column, _settings: MatchKeySettings) -> FastPath:
    return FastPath(guard=raw.re_search(_EXTERN_ID) & ~raw.lower().isin(_ABSENT_WORDS), normal=raw)


def _phone(raw: Column, _country: Column, _settings: MatchKeySettings) -> FastPath:
    """Numbers as `+digits` that are valid by the library's own patterns. Taking signs out costs more than a join."""
    return FastPath(guard=raw.re_search(phone_pattern()) & ~raw.startswith(f"+{UNSURE}"), normal=raw.substr(1))


@cache
def phone_pattern() -> str:
    return "|".join(rf"^\+{code}(?:{national_pattern(country)})$" for country, code in PHONE_COUNTRIES.items())


def national_pattern(country: str) -> str:
    metadata: Any = phonenumbers.PhoneMetadata.metadata_for_region(country.upper(), None)
    return "|".join(dict.fromkeys(kind.national_number_pattern for kind in (metadata.fixed_line, metadata.mobile)))


_PATHS: dict[str, Callable[[Column, Column, MatchKeySettings], FastPath]] = {
    "EMAIL": _email,
    "PHONE": _phone,
    "MADID": _madid,
    "FN": _name,
    "LN": _name,
    "ZIP": _zip,
    "EXTERN_ID": _extern_id,
}
