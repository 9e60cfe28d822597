"""The condition tree -> the text of a query, which reads back as the same tree."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from guestlist.audiences import definition as d
from guestlist.audiences.query_words import COMPARATORS, REDUCERS, SIGNS, SOURCES
from guestlist.errors import GuestlistError

_SIGNS = {ours: sign for sign, ours in SIGNS.items()}
_CALLS = {ours: call for call, ours in COMPARATORS.items()}
_REDUCERS = {ours: reducer for reducer, ours in REDUCERS.items()}
_COUNTS = {"at_least": ">=", "exactly": "=", "at_most": "<="}
_LISTS = ("one_of", "none_of", "contains")
_UNQUOTED = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def query_text(condition: d.Condition, *, audiences: frozenset[str] = frozenset()) -> str:
    """GuestlistError `query_cannot_say` where there are no words. A group of one is written as that one.

    `audiences`: the keys known where the text will be read.
    """
    return _Writer(audiences=audiences | d.references(condition)).condition(condition)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Writer:
    audiences: frozenset[str]

    def condition(self, condition: d.Condition) -> str:
        condition = _alone(condition)
        match condition:
            case d.All(conditions=parts) | d.AnyOf(conditions=parts):
                word = "AND" if isinstance(condition, d.All) else "OR"
                return _joined(word, [self._operand(part) for part in parts])
            case d.Not(condition=part):
                return f"NOT ({self.condition(part)})"
            case d.Event():
                return _event(condition)
            case d.Trait():
                return self._trait(condition)
            case d.Member(audience=audience, inside=inside):
                return f"trait({_trait_name(audience)}) = {_scalar(inside)}"
            case d.Listed(list=listed, inside=inside):
                return f"{_list(listed)} = {_scalar(inside)}"
            case d.External(audience=audience):
                return f"external({_quoted(audience)}) = true"

    def _operand(self, condition: d.Condition) -> str:
        text = self.condition(condition)
        return f"({text})" if isinstance(_alone(condition), d.All | d.AnyOf) else text

    def _trait(self, condition: d.Trait) -> str:
        if condition.trait in self.audiences and _asks_for_truth(condition.test):
            what = f"whether the trait `{condition.trait}` is true, as an audience has that key"
            raise _unsayable(what, "Use `one_of`, or another name for the trait.")
        return f"trait({_trait_name(condition.trait)}){_compared(condition.test)}"


def _unsayable(what: str, next_step: str) -> GuestlistError:
    return GuestlistError("query_cannot_say", f"The query language cannot say {what}.", next_step=next_step)


def _asks_for_truth(test: d.Test) -> bool:
    """Whether a reader takes it for a question about an audience."""
    if not isinstance(test, d.Matches) or test.comparator not in {"equals", "not_equals"}:
        return False
    return isinstance(test.values[0], bool) or test.values[0] in {"true", "false"}


def _alone(condition: d.Condition) -> d.Condition:
    """What a group holds, where it holds only one."""
    while isinstance(condition, d.All | d.AnyOf) and len(condition.conditions) == 1:
        condition = condition.conditions[0]
    return condition


def _filter_alone(one: d.Filter) -> d.Filter:
    while isinstance(one, d.EveryTest | d.AnyTest) and len(one.tests) == 1:
        one = one.tests[0]
    return one


def _joined(word: str, parts: Iterable[str]) -> str:
    text = f" {word} ".join(parts)
    if not text:
        raise _unsayable("a group with nothing in it", "Take the empty group out.")
    return text


# Events


def _event(event: d.Event) -> str:
    return f"{_step(event.step)}{_window(event.window)}{_measure(event.measure)}"


def _step(step: d.Step) -> str:
    filtered = ""
    if step.where:
        where = [_filter_alone(one) for one in step.where]
        single = len(where) == 1 and not isinstance(where[0], d.EveryTest)
        inside = _filter(where[0]) if single else _joined("AND", map(_operand, where))
        filtered = f".where({inside})"
    return f"event({_quoted(step.event)}){filtered}{_sources(step.source)}"


def _sources(source: d.Matches | None) -> str:
    if source is None:
        return ""
    for word, (for_one, for_several) in SOURCES.items():
        if source.comparator == for_several:
            return f".sources({{{word}: {_array(source.values)}}})"
        if source.comparator == for_one:
            return f".sources({{{word}: {_scalar(source.values[0])}}})"
    raise AssertionError(source.comparator)


def _window(window: d.Window | None) -> str:
    match window:
        case d.Within(last=last):
            return f".within({last})"
        case d.Between(newest=newest, oldest=oldest):
            return f".between({newest}, {oldest})"
        case d.Dates(start=start, end=end):
            ends = (("from", start), ("to", end))
            return "".join(f".{word}('{moment.isoformat()}')" for word, moment in ends if moment is not None)
    return ""


def _measure(measure: d.Count | d.Aggregate) -> str:
    if isinstance(measure, d.Count):
        return _count(measure)
    reducer, name = _REDUCERS[measure.reducer], f"property({_path(measure.property)})"
    if reducer == "unique":
        return f".unique({name}).count(){_compared(measure.test)}"
    minimum = f", {measure.minimum}" if reducer == "mode" else ""
    return f".{reducer}({name}{minimum}){_compared(measure.test)}"


def _count(count: d.Count) -> str:
    return f".count() {_COUNTS[count.comparator]} {count.number}"


def _filter(one: d.Filter) -> str:
    one = _filter_alone(one)
    match one:
        case d.PropertyTest(path=path, test=test):
            return f"property({_path(path)}){_compared(test)}"
        case d.EveryTest(tests=tests):
            return _joined("AND", map(_operand, tests))
        case d.AnyTest(tests=tests):
            return _joined("OR", map(_operand, tests))
        case d.NoTest(test=test):
            return f"NOT ({_filter(test)})"
        case d.Then(step=step, count=count, within=within):
            window = "" if within is None else f".within(parent: {within})"
            return f"{_step(step)}{window}{_count(count)}"


def _operand(one: d.Filter) -> str:
    return f"({_filter(one)})" if isinstance(_filter_alone(one), d.EveryTest | d.AnyTest) else _filter(one)


# Comparisons


def _compared(test: d.Test | d.Like) -> str:
    match test:
        case d.Like(comparator=comparator, reference=reference):
            return f" {_SIGNS[comparator]} {_reference(reference)}"
        case d.Matches(comparator="equals" | "not_equals", values=values):
            return f" {_SIGNS[test.comparator]} {_scalar(values[0])}"
        case d.Amount(comparator=comparator, number=number):
            return f" {_SIGNS[comparator]} {_scalar(number)}"
        case _:
            return f".{_CALLS[test.comparator]}({_arguments(test)})"


def _arguments(test: d.Matches | d.Amount | d.Moment | d.Relative | d.Presence) -> str:
    match test:
        case d.Matches(comparator=comparator, values=values):
            return _array(values) if comparator in _LISTS or len(values) > 1 else _scalar(values[0])
        case d.Moment(moment=moment):
            return f"'{moment.isoformat()}'"
        case d.Relative(duration=duration):
            return str(duration)
    return ""


def _reference(reference: d.Reference) -> str:
    if reference.of == "trait":
        return f"trait({_trait_name(reference.path)})"
    return f"property(parent: {_path(reference.path)})"


# Values and names


def _scalar(value: d.Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, int | float) else _quoted(value)


def _array(values: tuple[d.Scalar, ...]) -> str:
    return f"[{', '.join(map(_scalar, values))}]"


def _quoted(text: str) -> str:
    return "'" + "".join(_UNQUOTED.get(letter, letter) for letter in text) + "'"


def _path(path: str) -> str:
    if re.search(r"\\\\\.", path):
        raise _unsayable(f"the name `{path}`, with a backslash before a dot", "Name the property differently.")
    return _quoted(path)


def _trait_name(name: str) -> str:
    if "\\." in name:
        raise _unsayable(f"the name `{name}`, with a backslash before a dot", "Name the trait differently.")
    return _quoted(name)


def _list(listed: d.IdentifierList) -> str:
    named = {"file": listed.file, "query": listed.query, "column": listed.column, "type": listed.identifier}
    return f"list({', '.join(f'{name}: {_quoted(text)}' for name, text in named.items() if text is not None)})"
