"""Phone numbers as most people write them, read as whole columns: what `read_form` gives, some ten times as fast.

Only what is beyond doubt: an international number, or a national one beside a settled country whose rules are simple,
that is valid by the library's own patterns. All else is left to the rule. A property test keeps the two together.
"""

import pyarrow as pa
import pyarrow.compute as pc

from guestlist.destinations.meta.fast_paths import PHONE_COUNTRIES, UNSURE, national_pattern, phone_pattern

_SIGNS = "[ ./()-]"
_INTERNATIONAL = r"^(\+|00)[1-9][0-9]*([ ./-]+[0-9]+)*$"
# The first digits may stand in brackets; a zero alone in brackets is another matter.
_NATIONAL = r"^([0-9]+|\([0-9]{2,}\))([ ./-]*[0-9]+)*$"
_DECIMAL = r"\.0+$"  # out of a spreadsheet
_NONE = pa.scalar(None, pa.string())
# Dialled before a national number; it is no part of it.
_TRUNK = {"gb": "0", "de": "0", "fr": "0", "nl": "0"}


def plain_phones(raws: pa.Array, countries: pa.Array) -> pa.Array:
    """The normal form of each number that is plainly written, null for all others. Countries as settled, "" unknown."""
    digits = pc.replace_substring_regex(raws, _SIGNS, "")
    number = pc.invert(pc.match_substring_regex(raws, _DECIMAL))
    read = pc.if_else(number, _international(raws, digits), _NONE)
    plain = pc.and_(number, pc.match_substring_regex(raws, _NATIONAL))
    for country, code in PHONE_COUNTRIES.items():
        trunk = _TRUNK.get(country, "")
        valid = pc.match_substring_regex(digits, f"^{trunk}(?:{national_pattern(country)})$")
        here = pc.and_(pc.equal(countries, country), pc.and_(plain, valid))
        number = pc.binary_join_element_wise(code, pc.utf8_slice_codeunits(digits, len(trunk)), "")
        read = pc.if_else(here, number, read)
    return pc.if_else(pc.starts_with(read, UNSURE), _NONE, read)


def _international(raws: pa.Array, digits: pa.Array) -> pa.Array:
    dialled = pc.replace_substring_regex(digits, "^00", "+")
    good = pc.and_(pc.match_substring_regex(raws, _INTERNATIONAL), pc.match_substring_regex(dialled, phone_pattern()))
    return pc.if_else(good, pc.utf8_slice_codeunits(dialled, 1), _NONE)
