"""The `who` of a document -> the condition tree."""

from collections.abc import Callable, Iterable, Mapping
from typing import cast

from guestlist.audiences import definition as d
from guestlist.audiences.mistakes import Mistakes, did_you_mean
from guestlist.audiences.reading import (
    join,
    known_keys,
    read_duration,
    read_flag,
    read_mapping,
    read_moment,
    read_number,
    read_scalar,
    read_scalars,
    read_text,
    read_whole,
    shown,
)

Reader = Callable[[object, str, Mistakes], object]

ONE_VALUE = ("equals", "not_equals")
SOME_VALUES = ("one_of", "none_of", "contains", "omits", "starts_with", "ends_with")
NUMBERS = ("greater_than", "at_least", "less_than", "at_most")
DATES = ("before", "after")
RELATIVE = ("within_last", "within_next", "before_last", "after_next")
PRESENCE = ("exists", "absent")
COMPARATORS = (*ONE_VALUE, *SOME_VALUES, *NUMBERS, *DATES, *RELATIVE, *PRESENCE)
AGGREGATE_COMPARATORS = (*ONE_VALUE, *NUMBERS)
COUNTS = ("at_least", "exactly", "at_most")
REDUCERS = ("sum", "average", "min", "max", "distinct")
STEP_KEYS = ("event", "where", "source")
WINDOW_KEYS = ("within", "between", "from", "to")
EVENT_KEYS = (*STEP_KEYS, *WINDOW_KEYS, "then", "then_not", *REDUCERS, *COUNTS, *AGGREGATE_COMPARATORS)
KINDS = ("all", "any", "not", "event", "trait", "member_of", "not_member_of")
# Deep enough for any real audience; deeper is a file made to exhaust the reader.
DEEPEST = 50


def read_condition(value: object, path: str, mistakes: Mistakes, depth: int = 0) -> d.Condition | None:
    if isinstance(value, list):
        mistakes.add(path, "is a list: say whether all or any of it must be true.", "Did you mean `all: [...]`?")
        return None
    if depth > DEEPEST:
        mistakes.add(path, f"is nested deeper than {DEEPEST} levels.")
        return None
    body = read_mapping(value, path, mistakes)
    if body is None:
        return None
    kinds = [kind for kind in KINDS if kind in body]
    if len(kinds) == 1:
        return _READERS[kinds[0]](body, path, mistakes, depth)
    _tell_kind(body, kinds, path, mistakes)
    return None


def _tell_kind(body: Mapping[str, object], kinds: list[str], path: str, mistakes: Mistakes) -> None:
    if kinds:
        both = " and ".join(f"`{kind}`" for kind in kinds)
        mistakes.add(path, f"mixes {both}: a condition is one of them.", "Put them in a list under `all:` or `any:`.")
        return
    hints = (did_you_mean(key, KINDS) for key in body)
    mistakes.add(path, f"needs one of {', '.join(KINDS)}.", next((hint for hint in hints if hint), ""))


def _read_group(body: Mapping[str, object], path: str, mistakes: Mistakes, depth: int) -> d.Condition | None:
    kind = "all" if "all" in body else "any"
    known_keys(body, (kind,), path, mistakes)
    parts = body[kind]
    if not isinstance(parts, list) or not parts:
        mistakes.add(join(path, kind), f"must be a list of at least one condition, not {shown(parts)}.")
        return None
    read = [read_condition(part, f"{join(path, kind)}[{n}]", mistakes, depth + 1) for n, part in enumerate(parts)]
    found = tuple(part for part in read if part is not None)
    return d.All(conditions=found) if kind == "all" else d.AnyOf(conditions=found)


def _read_not(body: Mapping[str, object], path: str, mistakes: Mistakes, depth: int) -> d.Condition | None:
    known_keys(body, ("not",), path, mistakes)
    condition = read_condition(body["not"], join(path, "not"), mistakes, depth + 1)
    return None if condition is None else d.Not(condition=condition)


def _read_member(body: Mapping[str, object], path: str, mistakes: Mistakes, _depth: int) -> d.Condition | None:
    kind = "member_of" if "member_of" in body else "not_member_of"
    known_keys(body, (kind,), path, mistakes)
    audience = read_text(body[kind], join(path, kind), mistakes)
    return None if audience is None else d.Member(audience=audience, inside=kind == "member_of")


def _read_trait(body: Mapping[str, object], path: str, mistakes: Mistakes, _depth: int) -> d.Condition | None:
    trait = read_text(body["trait"], join(path, "trait"), mistakes)
    known_keys(body, ("trait", *COMPARATORS), path, mistakes)
    tests = {key: part for key, part in body.items() if key in COMPARATORS}
    if len(tests) != 1:
        _tell_number_of_tests(body, tests, path, mistakes)
        return None
    comparator, value = next(iter(tests.items()))
    test = read_test(comparator, value, join(path, comparator), mistakes)
    return None if trait is None or test is None else d.Trait(trait=trait, test=test)


def _tell_number_of_tests(
    body: Mapping[str, object], tests: Mapping[str, object], path: str, mistakes: Mistakes
) -> None:
    if tests:
        both = " and ".join(f"`{name}`" for name in tests)
        mistakes.add(path, f"has {both}: a trait has one comparator.", "Put two conditions in a list under `all:`.")
    elif len(body) == 1:
        mistakes.add(path, "needs a comparator, such as `equals: ...` or `exists: true`.")


def read_test(comparator: str, value: object, path: str, mistakes: Mistakes) -> d.Test | None:
    if comparator in ONE_VALUE or comparator in SOME_VALUES:
        return _read_matches(comparator, value, path, mistakes)
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


def _read_matches(comparator: str, value: object, path: str, mistakes: Mistakes) -> d.Matches | None:
    if comparator in ONE_VALUE and isinstance(value, list):
        other = "one_of" if comparator == "equals" else "none_of"
        mistakes.add(path, "compares with one value, not a list.", f"Did you mean `{other}`?")
        return None
    read = read_scalars(value, path, mistakes) if comparator in SOME_VALUES else _one(value, path, mistakes)
    return None if read is None else d.Matches(comparator=cast(d.TextComparator, comparator), values=read)


def _one(value: object, path: str, mistakes: Mistakes) -> tuple[d.Scalar, ...] | None:
    read = read_scalar(value, path, mistakes)
    return None if read is None else (read,)


def _read_event(body: Mapping[str, object], path: str, mistakes: Mistakes, _depth: int) -> d.Condition | None:
    known_keys(body, EVENT_KEYS, path, mistakes)
    step = _read_step(body, path, mistakes)
    window = _read_window(body, path, mistakes)
    measure = _read_measure(body, path, mistakes)
    then = _read_then(body, path, mistakes)
    if step is None or measure is None:
        return None
    return d.Event(step=step, measure=measure, window=window, then=then)


def _read_step(body: Mapping[str, object], path: str, mistakes: Mistakes) -> d.Step | None:
    event = read_text(body.get("event"), join(path, "event"), mistakes)
    where = _read_where(body["where"], join(path, "where"), mistakes) if "where" in body else ()
    source = _read_source(body["source"], join(path, "source"), mistakes) if "source" in body else None
    return None if event is None else d.Step(event=event, where=where, source=source)


def _read_where(value: object, path: str, mistakes: Mistakes) -> tuple[d.PropertyTest, ...]:
    body = read_mapping(value, path, mistakes)
    found: list[d.PropertyTest] = []
    for name, tests in (body or {}).items():
        here = join(path, name)
        if "" in split_path(name):
            mistakes.add(here, "is not a property: a part of the path is empty.", "Write a literal dot as `\\.`.")
        found += [d.PropertyTest(path=name, test=test) for test in _read_tests(tests, here, mistakes)]
    return tuple(found)


def _read_tests(value: object, path: str, mistakes: Mistakes) -> Iterable[d.Test]:
    if not isinstance(value, dict):
        comparator = "one_of" if isinstance(value, list) else "equals"
        test = read_test(comparator, value, path, mistakes)
        return [] if test is None else [test]
    if not value:
        mistakes.add(path, "needs a comparator, such as `equals: ...` or `exists: true`.")
    known_keys(value, COMPARATORS, path, mistakes)
    pairs = [(key, part) for key, part in value.items() if key in COMPARATORS]
    read = [read_test(key, part, join(path, key), mistakes) for key, part in pairs]
    return [test for test in read if test is not None]


def _read_source(value: object, path: str, mistakes: Mistakes) -> d.Matches | None:
    names = (*ONE_VALUE, *SOME_VALUES)
    body = value if isinstance(value, dict) else {"one_of" if isinstance(value, list) else "equals": value}
    known_keys(body, names, path, mistakes)
    if len(body) != 1:
        mistakes.add(path, "needs exactly one comparator.")
        return None
    comparator, part = next(iter(body.items()))
    here = join(path, comparator) if body is value else path
    return _read_matches(comparator, part, here, mistakes) if comparator in names else None


def _read_window(body: Mapping[str, object], path: str, mistakes: Mistakes) -> d.Window | None:
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


def _read_measure(body: Mapping[str, object], path: str, mistakes: Mistakes) -> d.Count | d.Aggregate | None:
    reducers = [name for name in REDUCERS if name in body]
    tests = [name for name in body if name in AGGREGATE_COMPARATORS or name in COUNTS]
    if len(reducers) > 1 or len(tests) > 1:
        both = " and ".join(f"`{name}`" for name in (reducers if len(reducers) > 1 else tests))
        mistakes.add(path, f"has {both}: an event condition asks one.", "Put two conditions in a list under `all:`.")
        return None
    if reducers:
        return _read_aggregate(body, reducers[0], tests, path, mistakes)
    if not tests:
        return d.Count()
    return _read_count(tests[0], body[tests[0]], join(path, tests[0]), mistakes)


def _read_count(comparator: str, value: object, path: str, mistakes: Mistakes) -> d.Count | None:
    if comparator not in COUNTS:
        instead = {"equals": "exactly", "greater_than": "at_least", "less_than": "at_most"}.get(comparator)
        hint = f"To count events, use `{instead}`." if instead else ""
        mistakes.add(path, "compares an aggregate, and there is none (sum, average, min, max, distinct).", hint)
        return None
    number = read_whole(value, path, mistakes)
    return None if number is None else d.Count(comparator=cast(d.CountComparator, comparator), number=number)


def _read_aggregate(
    body: Mapping[str, object], reducer: str, tests: list[str], path: str, mistakes: Mistakes
) -> d.Aggregate | None:
    name = read_text(body[reducer], join(path, reducer), mistakes)
    if not tests or tests == ["exactly"]:
        hint = "Beside an aggregate, `exactly` is `equals`." if tests else ""
        mistakes.add(path, f"`{reducer}` needs a comparator: {', '.join(AGGREGATE_COMPARATORS)}.", hint)
        return None
    number = read_number(body[tests[0]], join(path, tests[0]), mistakes)
    if name is None or number is None:
        return None
    test = _number_test(tests[0], number)
    return d.Aggregate(reducer=cast(d.Reducer, reducer), property=name, test=test)


def _number_test(comparator: str, number: float) -> d.Amount | d.Matches:
    if comparator in ONE_VALUE:
        return d.Matches(comparator=cast(d.TextComparator, comparator), values=(number,))
    return d.Amount(comparator=cast(d.NumberComparator, comparator), number=number)


def _read_then(body: Mapping[str, object], path: str, mistakes: Mistakes) -> d.Then | None:
    kinds = [kind for kind in ("then", "then_not") if kind in body]
    if len(kinds) == 2:
        mistakes.add(path, "has `then` and `then_not`: an event has one next step.", "Keep one of them.")
    if len(kinds) != 1:
        return None
    here = join(path, kinds[0])
    step_body = read_mapping(body[kinds[0]], here, mistakes)
    if step_body is None:
        return None
    _tell_not_yet(step_body, here, mistakes)
    known_keys(step_body, EVENT_KEYS, here, mistakes)
    step = _read_step(step_body, here, mistakes)
    return None if step is None else d.Then(step=step, happened=kinds[0] == "then")


def _tell_not_yet(body: Mapping[str, object], path: str, mistakes: Mistakes) -> None:
    for key in body:
        if key in EVENT_KEYS and key not in STEP_KEYS:
            mistakes.add(join(path, key), "is not possible in a next step: it takes event, where and source.")


def split_path(path: str) -> tuple[str, ...]:
    r"""The parts of a dotted path; `\.` is a dot inside a name."""
    return tuple(part.replace("\0", ".") for part in path.replace("\\.", "\0").split("."))


_READERS: dict[str, Callable[[Mapping[str, object], str, Mistakes, int], d.Condition | None]] = {
    "all": _read_group,
    "any": _read_group,
    "not": _read_not,
    "event": _read_event,
    "trait": _read_trait,
    "member_of": _read_member,
    "not_member_of": _read_member,
}
