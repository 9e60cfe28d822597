"""A definition in words, for people who do not read YAML."""

from collections.abc import Iterator
from datetime import date

from guestlist.audiences import definition as d
from guestlist.audiences.schedule import schedule_text
from guestlist.audiences.traits.definition import ComputedTrait, SqlTrait, TraitDefinition

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
    "first": "first",
    "last": "last",
    "most_frequent": "most frequent",
}

_TRAITS = {"unique_list": "all different", "unique_list_count": "number of different"}


def lines(condition: d.Condition, depth: int = 0) -> Iterator[str]:
    """The condition and what is inside it, indented by depth."""
    yield "  " * depth + words(condition)
    for part in d.parts(condition):
        yield from lines(part, depth + 1)


def names(condition: d.Condition) -> frozenset[tuple[str, str]]:
    """What is asked about: every event, trait and type of identifier, as (`event`, `trait` or `identifier`, name)."""
    return frozenset(found for one in d.every(condition) for found in _names(one))


def _names(condition: d.Condition) -> Iterator[tuple[str, str]]:
    match condition:
        case d.Trait(trait=trait):
            yield "trait", trait
        case d.Listed(list=listed):
            yield "identifier", listed.identifier
        case d.Event(step=step):
            for each in d.steps(step):
                yield "event", each.event
                tests = (one.test for one in d.property_tests(each.where))
                likes = (test.reference for test in tests if isinstance(test, d.Like))
                yield from (("trait", reference.path) for reference in likes if reference.of == "trait")


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
        case d.Listed(list=listed, inside=inside):
            where = listed.file or "a query"
            return f"{'is' if inside else 'is not'} among the {listed.identifier}s of {where}"
        case d.External(audience=audience):
            return f"is in Segment's audience {audience}"
        case d.Trait(trait=trait, test=test):
            return f"{trait} {_test(test)}"
        case d.Event():
            return _event(condition)


def _event(event: d.Event) -> str:
    told = [_did(event), _where(event.step), _window(event.window), _measure(event.measure)]
    return " ".join(part for part in told if part) + _nexts(event.step)


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


def _test(test: d.Test | d.Like) -> str:
    said = _TESTS[test.comparator]
    match test:
        case d.Like(reference=d.Reference(of="parent", path=path)):
            return f"{said} the same as {path} before" if test.comparator == "equals" else f"{said} {path} before"
        case d.Like(reference=reference):
            return f"{said} the person's {reference.path}"
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
    told = [_filter(one) for one in step.where if not isinstance(one, d.Then)]
    if step.source is not None:
        told.append(f"source {_test(step.source)}")
    return f"where {' and '.join(told)}" if told else ""


def _filter(one: d.Filter) -> str:
    match one:
        case d.PropertyTest(path=path, test=test):
            return f"{path} {_test(test)}"
        case d.EveryTest(tests=tests):
            return f"({' and '.join(_filter(test) for test in tests)})"
        case d.AnyTest(tests=tests):
            return f"({' or '.join(_filter(test) for test in tests)})"
        case d.NoTest(test=test):
            return f"not {_filter(test)}"
        case d.Then():
            return _then(one)


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


def _nexts(step: d.Step) -> str:
    return "".join(f", and {_then(one)}" for one in step.where if isinstance(one, d.Then))


def _then(then: d.Then) -> str:
    did = "did not do" if then.count == d.Count(comparator="exactly", number=0) else "did"
    soon = f"within {then.within} after it" if then.within else "after it"
    told = [soon, did, then.step.event, _where(then.step), "" if did == "did not do" else _measure(then.count)]
    return " ".join(part for part in told if part) + _nexts(then.step)


def asked(one: d.Filter) -> str:
    """What a filter asks of an event."""
    return _filter(one)


def measured(one: d.Aggregate) -> str:
    """What events were made."""
    return f"{_REDUCED[one.reducer]} {one.property}"


def percent(number: float) -> str:
    """A share of a hundred."""
    return f"{number:.4g} %"


SAMPLE = "in the sample of {}"
ANONYMOUS = "more is known of them than an anonymous id"


def limits(one: d.Definition) -> Iterator[str]:
    """What a definition says beside who belongs to it."""
    match one.since:
        case "now":
            yield "events count from the first evaluation on"
        case date():
            yield since(one.since)
    if not one.anonymous:
        yield f"only if {ANONYMOUS}"
    if one.sample < _WHOLE:
        yield f"a sample of {percent(one.sample)}, drawn by lot"
    held = sum(group.percent for group in one.split if group.name == d.HOLDOUT)
    if held:
        yield f"holdout: {percent(held)} of them, drawn by lot, are not sent"
    shares = [f"{group.name} {percent(group.percent)}" for group in one.split if group.name != d.HOLDOUT]
    if shares:
        yield f"split by lot into {', '.join(shares)}"


_WHOLE = 100


def since(day: date) -> str:
    """Which events count, by a date that the definition names."""
    return f"events count from {day.isoformat()} only"


def held_out(one: d.Definition) -> str:
    """Of somebody who drew the hold-out."""
    share = next((group.percent for group in one.split if group.name == d.HOLDOUT), None)
    told = "by a lot drawn earlier" if share is None else f"holdout: {percent(share)}"
    return f"held out ({told}), so not sent"


_OFTEN = {"on_change": "whenever it changes", "manual": "when told to"}


def sync(one: d.Sync) -> str:
    """Where an audience goes and how often."""
    when = schedule_text(one.when)
    often = _OFTEN.get(when, f"at {when}" if isinstance(one.when, d.Cron) else f"every {when}")
    how = {"mirror": "", "add_only": ", only ever adding", "remove_only": ", only ever removing"}[one.mode]
    groups = {0: "", 1: ", the group "}.get(len(one.groups), ", the groups ") + " and ".join(one.groups)
    return f"{one.to}, {often}{how}{groups}"


def trait(one: TraitDefinition) -> str:
    """What a trait is made of."""
    if isinstance(one, SqlTrait):
        return "what a query gives"
    step = " ".join(part for part in (one.step.event, _where(one.step), _window(one.window)) if part)
    taken = f", less {one.less.path} of {one.less.step.event}" if one.less else ""
    how = (
        "number of"
        if one.reducer == "count"
        else f"{_TRAITS.get(one.reducer, _REDUCED.get(one.reducer))} {one.path} of"
    )
    return f"{how} {step}{_nexts(one.step)}{taken}"


def events_of(one: ComputedTrait) -> tuple[str, ...]:
    """The events that a trait is made of."""
    taken = [one.step, *([one.less.step] if one.less else [])]
    return tuple(each.event for step in taken for each in d.steps(step))
