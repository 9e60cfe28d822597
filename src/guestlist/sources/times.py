"""Times as files write them, read by columns."""

from typing import Any, Literal

import ibis

from guestlist.store.functions import instant_in

INSTANT = "timestamp('UTC')"

_CLOCK = r"(?:[T ]+[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?)"
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_WITH_OFFSET = rf"^({_DATE}{_CLOCK}) ?(?:Z|z|UTC|([+-][0-9]{{2}}):?([0-9]{{2}})?)$"
_WITHOUT = rf"^{_DATE}{_CLOCK}?$"
_BASIC = r"^([0-9]{4})([0-9]{2})([0-9]{2})($|[T ].*)"
_YEAR_FIRST = r"^([0-9]{4})[/.]([0-9]{1,2})[/.]([0-9]{1,2})($|[T ,].*)"
_YEAR_LAST = r"^([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4})($|[T ,].*)"


def instant_of(text: Any, zone: str, date_order: Literal["dmy", "mdy"] | None) -> Any:
    """The instant a text tells; null where it tells none, or where day and month could be either way round.

    ISO 8601, its basic dates, year-first and year-last dates, and Unix seconds or milliseconds. Without an offset the
    clocks of the zone are meant; without a time, midnight there.
    """
    iso = _iso_text(text.re_replace(r"^\s+|\s+$", ""), date_order)
    offset = iso.re_extract(_WITH_OFFSET, 2).nullif("").fill_null("+00")
    minutes = iso.re_extract(_WITH_OFFSET, 3).nullif("").fill_null("00")
    exact = iso.re_extract(_WITH_OFFSET, 1).replace(",", ".") + offset + ":" + minutes
    return ibis.cases(
        (iso.re_search(_WITH_OFFSET), exact.try_cast(INSTANT)),
        (iso.re_search(_WITHOUT), instant_in(zone, iso.replace(",", ".").try_cast("timestamp(6)"))),
        (iso.re_search(r"^[0-9]{10}([.][0-9]+)?$"), _unix(iso, 1000)),
        (iso.re_search(r"^[0-9]{13}$"), _unix(iso, 1)),
        else_=ibis.null(INSTANT),
    )


def _unix(text: Any, milliseconds: int) -> Any:
    return (text.try_cast("float64") * milliseconds).cast("int64").as_timestamp("ms").cast(INSTANT)


def _iso_text(text: Any, date_order: Literal["dmy", "mdy"] | None) -> Any:
    def joined(pattern: str, year: int, month: int, day: int) -> Any:
        parts = (text.re_extract(pattern, year), *(text.re_extract(pattern, n).lpad(2, "0") for n in (month, day)))
        rest = text.re_extract(pattern, 4).re_replace("^,", "")
        return parts[0] + "-" + parts[1] + "-" + parts[2] + rest

    first = text.re_extract(_YEAR_LAST, 1).try_cast("int64")
    second = text.re_extract(_YEAR_LAST, 2).try_cast("int64")
    day_first = (first > 12) | text.re_search(r"^[0-9]{1,2}[.]") | (date_order == "dmy")
    month_first = (second > 12) | (date_order == "mdy")
    return ibis.cases(
        (text.re_search(_BASIC) & ~text.re_search(r"^[0-9]{10}"), joined(_BASIC, 1, 2, 3)),
        (text.re_search(_YEAR_FIRST), joined(_YEAR_FIRST, 1, 2, 3)),
        (text.re_search(_YEAR_LAST) & day_first, joined(_YEAR_LAST, 3, 2, 1)),
        (text.re_search(_YEAR_LAST) & month_first, joined(_YEAR_LAST, 3, 1, 2)),
        else_=text,
    )
