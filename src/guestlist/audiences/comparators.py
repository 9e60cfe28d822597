"""The comparators of a document -> tests of one value."""

from typing import cast

from guestlist.audiences import definition as d
from guestlist.audiences.mistakes import Mistakes
from guestlist.audiences.reading import (
    read_duration,
    read_flag,
    read_moment,
    read_number,
    read_scalar,
    read_scalars,
)

ONE_VALUE = ("equals", "not_equals")
SOME_VALUES = ("one_of", "none_of", "contains", "omits", "starts_with", "ends_with")
NUMBERS = ("greater_than", "at_least", "less_than", "at_most")
DATES = ("before", "after")
RELATIVE = ("within_last", "within_next", "before_last", "after_next")
PRESENCE = ("exists", "absent")
COMPARATORS = (*ONE_VALUE, *SOME_VALUES, *NUMBERS, *DATES, *RELATIVE, *PRESENCE)


def read_test(comparator: str, value: object, path: str, mistakes: Mistakes) -> d.Test | None:
    if comparator in ONE_VALUE or comparator in SOME_VALUES:
        return read_matches(comparator, value, path, mistakes)
    if comparator in PRESENCE:
        flag = read_flag(value, path, mistakes)
        positive = (comparator == "exists") == flag
        return None if flag is None else d.Presence(comparator="exists" if positive else "absent")
    if comparator in NUMBERS:
        number = read_number(value, path, mistakes)
        return None if number is None else d.Amount(comparator=cast(d.NumberComparator, comparator), number=number)
    if comparator in DATES:
        moment = read_moment(value, path, mistakes)
        return None if moment is None else d.Moment(comparator=cast(d.DateComparator, comparator), moment=moment)
    duration = read_duration(value, path, mistakes)
    relative = cast(d.RelativeComparator, comparator)
    return None if duration is None else d.Relative(comparator=relative, duration=duration)


def read_matches(comparator: str, value: object, path: str, mistakes: Mistakes) -> d.Matches | None:
    if comparator in ONE_VALUE and isinstance(value, list):
        other = "one_of" if comparator == "equals" else "none_of"
        mistakes.add(path, "compares with one value, not a list.", f"Did you mean `{other}`?")
        return None
    read = read_scalars(value, path, mistakes) if comparator in SOME_VALUES else _one(value, path, mistakes)
    return None if read is None else d.Matches(comparator=cast(d.TextComparator, comparator), values=read)


def _one(value: object, path: str, mistakes: Mistakes) -> tuple[d.Scalar, ...] | None:
    read = read_scalar(value, path, mistakes)
    return None if read is None else (read,)
