"""The event conditions of a document: which events, in which window, how often or with what in common."""

from collections.abc import Mapping
from typing import cast

from guestlist.audiences import definition as d
from guestlist.audiences.comparators import COMPARATORS, NUMBERS, ONE_VALUE, read_test
from guestlist.audiences.mistakes import Mistakes
from guestlist.audiences.reading import join, known_keys, read_duration, read_moment, read_number, read_text, read_whole
from guestlist.audiences.steps import COUNTS, EACH, NEXT, STEP_KEYS, check_path, read_count, read_step, split_path

NUMBER_COMPARATORS = (*ONE_VALUE, *NUMBERS)
OF_NUMBERS = ("sum", "average", "min", "max", "distinct")
OF_VALUES = ("first", "last", "most_frequent")
REDUCERS = (*OF_NUMBERS, *OF_VALUES)
WINDOW_KEYS = ("within", "between", "from", "to")
MEASURE_KEYS = tuple(dict.fromkeys((*REDUCERS, "minimum", *COUNTS, *COMPARATORS)))
EVENT_KEYS = (*STEP_KEYS, *WINDOW_KEYS, *NEXT, *MEASURE_KEYS)


def read_event(body: Mapping[str, object], path: str, mistakes: Mistakes) -> d.Condition | None:
    known_keys(body, EVENT_KEYS, path, mistakes)
    step = read_step(body, path, mistakes)
    window = read_window(body, path, mistakes)
    measure = read_measure(body, path, mistakes)
    if step is None or measure is None:
        return None
    return d.Event(step=step, measure=measure, window=window)


def read_window(body: Mapping[str, object], path: str, mistakes: Mistakes) -> d.Window | None:
    kinds = [kind for kind in ("within", "between", "from", "to") if kind in body]
    if len(kinds) > 1 and kinds != ["from", "to"]:
        both = " and ".join(f"`{kind}`" for kind in kinds)
        mistakes.add(path, f"has {both}: an event has one window.", "Keep one of them.")
        return None
    match kinds:
        case ["within"]:
            last = read_duration(body["within"], join(path, "within"), mistakes)
            return None if last is None else d.Within(last=last)
        case ["between"]:
            return _read_between(body["between"], join(path, "between"), mistakes)
        case []:
            return None
    return _read_dates(body, path, mistakes)


def _read_between(value: object, path: str, mistakes: Mistakes) -> d.Between | None:
    if not isinstance(value, list) or len(value) != 2:
        mistakes.add(path, "must be two amounts of time, such as `[7 days, 30 days]`.")
        return None
    ends = [read_duration(part, f"{path}[{n}]", mistakes) for n, part in enumerate(value)]
    newest, oldest = ends
    if newest is None or oldest is None:
        return None
    if _roughly(newest) >= _roughly(oldest):
        mistakes.add(path, "is empty: the nearer end comes first.", f"Did you mean `[{oldest}, {newest}]`?")
        return None
    return d.Between(newest=newest, oldest=oldest)


def _roughly(duration: d.Duration) -> float:
    """Hours, only to see which end is nearer; no window is computed from it."""
    hours = {"minutes": 1 / 60, "hours": 1, "days": 24, "weeks": 168, "months": 730.5, "years": 8766}
    return duration.amount * hours[duration.unit]


def _read_dates(body: Mapping[str, object], path: str, mistakes: Mistakes) -> d.Dates | None:
    start = read_moment(body["from"], join(path, "from"), mistakes) if "from" in body else None
    end = read_moment(body["to"], join(path, "to"), mistakes) if "to" in body else None
    if start is not None and end is not None and str(start)[:10] > str(end)[:10]:
        mistakes.add(path, f"is empty: `from` ({start}) comes after `to` ({end}).", "Exchange them.")
        return None
    return d.Dates(start=start, end=end)


def read_measure(body: Mapping[str, object], path: str, mistakes: Mistakes) -> d.Count | d.Aggregate | None:
    reducers = [name for name in REDUCERS if name in body]
    tests = [name for name in body if name in COMPARATORS or name in COUNTS]
    if len(reducers) > 1 or len(tests) > 1:
        both = " and ".join(f"`{name}`" for name in (reducers if len(reducers) > 1 else tests))
        mistakes.add(path, f"has {both}: an event condition asks one.", "Put two conditions in a list under `all:`.")
        return None
    if "minimum" in body and reducers != ["most_frequent"]:
        mistakes.add(join(path, "minimum"), "goes with `most_frequent` only.", "To count events, use `at_least`.")
    if reducers:
        return _read_aggregate(body, reducers[0], tests, path, mistakes)
    if not tests:
        return d.Count()
    if tests[0] in COUNTS:
        return read_count(tests[0], body[tests[0]], join(path, tests[0]), mistakes)
    _tell_no_aggregate(tests[0], join(path, tests[0]), mistakes)
    return None


def _tell_no_aggregate(comparator: str, path: str, mistakes: Mistakes) -> None:
    instead = {"equals": "exactly", "greater_than": "at_least", "less_than": "at_most"}.get(comparator)
    hint = f"To count events, use `{instead}`." if instead else "To compare a property of each event, use `where`."
    mistakes.add(path, f"compares an aggregate, and there is none ({', '.join(REDUCERS)}).", hint)


def _read_aggregate(
    body: Mapping[str, object], reducer: str, tests: list[str], path: str, mistakes: Mistakes
) -> d.Aggregate | None:
    name = read_text(body[reducer], join(path, reducer), mistakes)
    if name is not None:
        check_path(name, join(path, reducer), mistakes)
        tell_many(name, reducer, join(path, reducer), mistakes)
    possible = NUMBER_COMPARATORS if reducer in OF_NUMBERS else COMPARATORS
    if not tests or tests[0] not in possible:
        hint = "Beside an aggregate, `exactly` is `equals`." if tests == ["exactly"] else ""
        mistakes.add(path, f"`{reducer}` needs a comparator: {', '.join(possible)}.", hint)
        return None
    test = _read_outcome(reducer, tests[0], body[tests[0]], join(path, tests[0]), mistakes)
    minimum = read_whole(body.get("minimum", 1), join(path, "minimum"), mistakes)
    if name is None or test is None or minimum is None:
        return None
    return d.Aggregate(reducer=cast(d.Reducer, reducer), property=name, test=test, minimum=minimum)


def tell_many(name: str, reducer: str, path: str, mistakes: Mistakes) -> None:
    """Refuse a property that is many values of one event."""
    if EACH in split_path(name):
        told = f"has a `{EACH}`: that is many values of one event, and `{reducer}` takes one of each."
        mistakes.add(path, told, "Name a place, such as `items.0.price`.")


def _read_outcome(reducer: str, comparator: str, value: object, path: str, mistakes: Mistakes) -> d.Test | None:
    if reducer in OF_VALUES:
        return read_test(comparator, value, path, mistakes)
    number = read_number(value, path, mistakes)
    if number is None:
        return None
    if comparator in ONE_VALUE:
        return d.Matches(comparator=cast(d.TextComparator, comparator), values=(number,))
    return d.Amount(comparator=cast(d.NumberComparator, comparator), number=number)
