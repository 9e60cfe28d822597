"""Single values of a document: words, numbers, durations, dates; each says what it expected."""

import math
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime

from guestlist.audiences.definition import Duration, Scalar, Unit
from guestlist.audiences.mistakes import Mistakes, did_you_mean, nearest

UNITS: dict[str, Unit] = {
    "m": "minutes", "min": "minutes", "mins": "minutes", "minute": "minutes", "minutes": "minutes",
    "h": "hours", "hour": "hours", "hours": "hours",
    "d": "days", "day": "days", "days": "days",
    "w": "weeks", "week": "weeks", "weeks": "weeks",
    "mo": "months", "month": "months", "months": "months",
    "y": "years", "year": "years", "years": "years",
}  # fmt: skip
BESIDE_WHO = ("name", "description", "anonymous", "history", "sample", "split", "holdout", "sync", "owner")
DURATION = re.compile(r"\s*(\d{1,6})\s*([A-Za-z]+)\s*")
# What a double holds exactly; a longer whole number is an id and is compared as text.
EXACT = 2**53


def shown(value: object) -> str:
    """A value as the writer of the file would recognise it."""
    match value:
        case bool():
            return "true" if value else "false"
        case None:
            return "nothing"
        case Mapping():
            return "a mapping"
        case list():
            return "a list" if value else "an empty list"
        case _:
            return f"`{value}`"


def known_keys(value: Mapping[str, object], known: Iterable[str], path: str, mistakes: Mistakes) -> None:
    names = sorted(known)
    for key in value:
        if key in names:
            continue
        if key in BESIDE_WHO and re.match(r"who\b", path):
            tell_beside_who(key, path, mistakes)
        else:
            mistakes.add(join(path, key), "is not known here.", did_you_mean(key, names))


def as_meant(value: Mapping[str, object], known: Iterable[str], path: str, mistakes: Mistakes) -> dict[str, object]:
    """Tell the keys that are not known, and give the parts under those that were meant: their mistakes are told, too."""
    known_keys(value, known, path, mistakes)
    right = {key: part for key, part in value.items() if key in known}
    meant = {near: part for key, part in value.items() if key not in known and (near := nearest(key, known))}
    return meant | right


def tell_beside_who(key: str, path: str, mistakes: Mistakes) -> None:
    """Say that something stands inside of the condition that is said of the audience as a whole."""
    told = "is said of the whole audience: it belongs beside `who`, not into it."
    mistakes.add(join(path, key), told, f"Write `{key}:` as far to the left as `who:`.")


def join(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)


def read_mapping(value: object, path: str, mistakes: Mistakes) -> dict[str, object] | None:
    if not isinstance(value, dict):
        mistakes.add(path, f"must be a mapping (`name: value`), not {shown(value)}.")
        return None
    for key in value:
        if not isinstance(key, str):
            mistakes.add(join(path, key), "is a name and must be text.", f'Write it in quotes: "{key}".')
    return {str(key): part for key, part in value.items()}


def read_text(value: object, path: str, mistakes: Mistakes) -> str | None:
    if isinstance(value, str) and not value.isspace() and value:
        return value
    hint = f'Write it in quotes: "{value}".' if isinstance(value, int | float) and not isinstance(value, bool) else ""
    mistakes.add(path, f"must be text, not {shown(value) if value != '' else 'empty'}.", hint)
    return None


def read_word(value: object, known: Iterable[str], path: str, mistakes: Mistakes) -> str | None:
    words = sorted(known)
    if isinstance(value, str) and value in words:
        return value
    listed = ", ".join(words)
    mistakes.add(path, f"must be one of {listed}, not {shown(value)}.", did_you_mean(value, words))
    return None


def read_flag(value: object, path: str, mistakes: Mistakes) -> bool | None:
    if isinstance(value, bool):
        return value
    hint = did_you_mean({"yes": "true", "no": "false"}.get(str(value).casefold(), str(value)), ("true", "false"))
    mistakes.add(path, f"must be true or false, not {shown(value)}.", hint)
    return None


def read_number(value: object, path: str, mistakes: Mistakes) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return value
    mistakes.add(path, f"must be a number, not {shown(value)}.", _instead_of_number(value))
    return None


def _instead_of_number(value: object) -> str:
    if not isinstance(value, str):
        return ""
    if _parse_moment(value) is not None:
        return "To compare dates, use `before` or `after`."
    if DURATION.fullmatch(value):
        return "To compare with a time ago, use `within_last` or `before_last`."
    if re.fullmatch(r"[-+]?\d+(\.\d+)?", value):
        return f"Write it without quotes: {value}."
    return ""


def read_whole(value: object, path: str, mistakes: Mistakes) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    hint = f"Write it without quotes: {value}." if isinstance(value, str) and value.isdecimal() else ""
    mistakes.add(path, f"must be a whole number, 0 or more, not {shown(value)}.", hint)
    return None


def read_scalar(value: object, path: str, mistakes: Mistakes) -> Scalar | None:
    match value:
        case bool() | str():
            return value
        case int():
            return value if abs(value) <= EXACT else str(value)
        case float() if math.isfinite(value):
            return value
    hint = "To ask whether there is a value at all, use `exists` or `absent`." if value is None else ""
    mistakes.add(path, f"must be one text, number, true or false, not {shown(value)}.", hint)
    return None


def read_scalars(value: object, path: str, mistakes: Mistakes) -> tuple[Scalar, ...] | None:
    if not isinstance(value, list):
        one = read_scalar(value, path, mistakes)
        return None if one is None else (one,)
    if not value:
        mistakes.add(path, "is an empty list: name at least one value.")
        return None
    read = [read_scalar(part, f"{path}[{n}]", mistakes) for n, part in enumerate(value)]
    return tuple(part for part in read if part is not None) if None not in read else None


def read_duration(value: object, path: str, mistakes: Mistakes) -> Duration | None:
    found = DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        hint = f"Did you mean `{value} days`?" if isinstance(value, int) and not isinstance(value, bool) else ""
        mistakes.add(path, f"must be an amount of time such as `7 days` or `12h`, not {shown(value)}.", hint)
        return None
    amount, word = int(found[1]), found[2]
    unit = UNITS.get(word.casefold())
    if unit is None:
        mistakes.add(path, f"has the unknown unit `{word}`.", did_you_mean(word, UNITS))
        return None
    if amount == 0:
        mistakes.add(path, "is an empty stretch of time: it must be 1 or more.")
        return None
    return _within_reach(Duration(amount=amount, unit=unit), path, mistakes)


def _within_reach(duration: Duration, path: str, mistakes: Mistakes) -> Duration | None:
    most = {"minutes": 525_600, "hours": 876_000, "days": 36_500, "weeks": 5_200, "months": 1_200, "years": 100}
    if duration.amount <= most[duration.unit]:
        return duration
    mistakes.add(path, f"is longer than can be counted (at most {most[duration.unit]} {duration.unit}).")
    return None


def read_moment(value: object, path: str, mistakes: Mistakes) -> date | None:
    moment = _parse_moment(value) if isinstance(value, str) else None
    if moment is not None:
        return moment
    hint = ""
    if isinstance(value, str) and DURATION.fullmatch(value):
        hint = "For a time counted back from now, use `within`, `between`, `within_last` or `before_last`."
    mistakes.add(path, f"must be a date such as 2026-01-31 or 2026-01-31T18:00, not {shown(value)}.", hint)
    return None


def _parse_moment(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == len("2026-01-31") else datetime.fromisoformat(text)
    except ValueError:
        return None
