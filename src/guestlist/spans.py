"""Amounts of time as people write them, in options and in settings: `60s`, `15 minutes`, `1h`, `2d`."""

import re
from datetime import timedelta

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SPAN = re.compile(r"(\d{1,6}) ?(s|m|h|d|w|secs?|seconds?|mins?|minutes?|hours?|days?|weeks?)", re.IGNORECASE)


def span_of(text: str, *, plain: str | None = None) -> timedelta | None:
    """So much time; None where the text says none. `plain`: the unit of a number that has none, if it may lack it."""
    written = str(text).strip()
    if plain is not None and re.fullmatch(r"\d{1,6}(\.\d{1,3})?", written):
        return timedelta(**{plain: float(written)})
    found = _SPAN.fullmatch(written)
    return None if found is None else timedelta(**{_UNITS[found[2][0].lower()]: int(found[1])})
