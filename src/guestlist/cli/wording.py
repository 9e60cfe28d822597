"""A definition in words, for people who do not read YAML."""

from collections.abc import Iterator
from datetime import date

from guestlist.audiences import definition as d

_TESTS = {
    "equals": "is",
    "not_equals": "is there and is not",
    "one_of": "is one of",
    "none_of": "is there and is none of",
    "contains": "contains",
    "omits": "is there and does not contain",
    "starts_with": "begins with",
    "ends_with": "ends with",
    "greater_than": "more than",
    "at_least": "at least",
    "less_than": "less than",
    "at_most": "at most",
    "before": "before",
    "after": "after",
    "within_last": "in the last",
    "before_last": "further back than the last",
    "within_next": "in the next",
    "after_next": "later than the next",
    "exists": "is known",
    "absent": "is not known",
}
_REDUCED = {
    "sum": "sum of",
    "average": "average of",
    "min": "smallest",
    "max": "largest",
    "distinct": "number of different",
}


def lines(condition: d.Condition, depth: int = 0) -> Iterator[str]:
    """The condition and what is inside it, indented by depth."""
    yield "  " * depth + words(condition)
    for part in parts(condition):
        yield from lines(part, depth + 1)


def parts(condition: d.Condition) -> tuple[d.Condition, ...]:
    """The conditions directly inside one."""
    match condition:
        case d.All(conditions=inside) | d.AnyOf(conditions=inside):
            return inside
        case d.Not(condition=inside):
            return (inside,)
        case _:
            return ()


def names(condition: d.Condition) -> frozenset[tuple[str, str]]:
    """Every event and trait that is asked about, as (`event` or `trait`, name)."""
    match condition:
        case d.Event(step=step, then=then):
            steps = [step] if then is None else [step, then.step]
            return frozenset(("event", each.event) for each in steps)
        case d.Trait(trait=trait):
            return frozenset({("trait", trait)})
        case _:
            return frozenset().union(*(names(part) for part in parts(condition)))


def words(condition: d.Condition) -> str:
    """One condition in words, without what is inside it."""
    match condition:
        case d.All():
            return "all of:"
        case d.AnyOf():
            return "any of:"
        case d.Not():
            return "not:"
        case d.Member(audience=audience, inside=inside):
            return f"{'is' if inside else 'is not'} in the audience {audience}"
        case d.Trait(trait=trait, test=test):
            return f"{trait} {_test(test)}"
        case d.Event():
            return _event(condition)


def _event(event: d.Event) -> str:
    told = [_did(event), _where(event.step), _window(event.window), _measure(event.measure)]
    return " ".join(part for part in told if part) + _then(event.then)


def _did(event: d.Event) -> str:
    match event.measure:
        case d.Count(number=0, comparator="exactly" | "at_most"):
            return f"did not do {event.step.event}"
        case _:
            return f"did {event.step.event}"


def _measure(measure: d.Count | d.Aggregate) -> str:
    match measure:
        case d.Count(comparator="at_least", number=1) | d.Count(number=0):
            return ""
        case d.Count(comparator=comparator, number=number):
            times = "once" if number == 1 else f"{number:,} times"
            return f"{comparator.replace('_', ' ')} {times}"
        case d.Aggregate(reducer=reducer, property=name, test=test):
            return f"with the {_REDUCED[reducer]} {name} {_test(test)}"


def _test(test: d.Test) -> str:
    said = _TESTS[test.comparator]
    match test:
        case d.Matches(values=values):
            return f"{said} {' or '.join(_scalar(value) for value in values)}"
        case d.Amount(number=number):
            return f"{said} {_scalar(number)}"
        case d.Moment(moment=moment):
            return f"is {said} {moment.isoformat()}"
        case d.Relative(duration=duration):
            return f"is {said} {duration}"
        case d.Presence():
            return said


def _scalar(value: d.Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:,.10g}" if isinstance(value, float) else str(value)


def _where(step: d.Step) -> str:
    told = [f"{test.path} {_test(test.test)}" for test in step.where]
    if step.source is not None:
        told.append(f"source {_test(step.source)}")
    return f"where {' and '.join(told)}" if told else ""


def _window(window: d.Window | None) -> str:
    match window:
        case d.Within(last=last):
            return f"in the last {last}"
        case d.Between(newest=newest, oldest=oldest):
            return f"between {oldest} and {newest} ago"
        case d.Dates(start=start, end=end):
            return " ".join([*_end("from", start), *_end("to", end)])
    return ""


def _end(word: str, moment: date | None) -> list[str]:
    return [] if moment is None else [word, moment.isoformat()]


def _then(then: d.Then | None) -> str:
    if then is None:
        return ""
    return f", and after it {'did' if then.happened else 'did not do'} " + " ".join(
        part for part in (then.step.event, _where(then.step)) if part
    )


def sync(one: d.Sync) -> str:
    """Where an audience goes and how often."""
    often = "whenever it changes" if one.every is None else f"every {one.every}"
    how = {"mirror": "", "add_only": ", only ever adding", "remove_only": ", only ever removing"}[one.mode]
    return f"{one.to}, {often}{how}"
