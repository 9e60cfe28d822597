"""A definition -> the document that reads back as the same, as plain data and as YAML."""

import io
from collections.abc import Sequence
from decimal import Decimal

from ruamel.yaml import YAML

from guestlist.audiences import definition as d
from guestlist.audiences.comparators import COMPARATORS
from guestlist.audiences.steps import NEXT

Document = dict[str, object]
WHOLE = 100
_GROUPS = ("all", "any", "not", *NEXT)
_NEVER = d.Count(comparator="exactly", number=0)


def as_yaml(document: Document) -> str:
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.width = 120
    yaml.indent(mapping=2, sequence=4, offset=2)
    written = io.StringIO()
    yaml.dump(document, written)
    return written.getvalue()


def definition_document(definition: d.Definition) -> Document:
    """What is understood anyway is left out."""
    document: Document = {"key": definition.key}
    if definition.name != definition.key:
        document["name"] = definition.name
    if definition.description:
        document["description"] = definition.description
    document["who"] = condition_document(definition.who)
    if not definition.anonymous:
        document["anonymous"] = False
    if definition.since is not None:
        document["history"] = "from_now" if definition.since == "now" else definition.since.isoformat()
    if definition.sample != WHOLE:
        document["sample"] = _percent(definition.sample)
    document |= _split(definition.split)
    syncs = [_sync(sync) for sync in definition.syncs]
    if syncs:
        document["sync"] = syncs[0] if len(syncs) == 1 else syncs
    if definition.owner != "files":
        document["owner"] = definition.owner
    return document


def condition_document(condition: d.Condition) -> Document:
    match condition:
        case d.All(conditions=parts):
            return {"all": [condition_document(part) for part in parts]}
        case d.AnyOf(conditions=parts):
            return {"any": [condition_document(part) for part in parts]}
        case d.Not(condition=part):
            return {"not": condition_document(part)}
        case d.Trait(trait=trait, test=test):
            return {"trait": trait, **_test(test)}
        case d.Member(audience=audience, inside=inside):
            return {"member_of" if inside else "not_member_of": audience}
        case d.Listed(list=listed, inside=inside):
            return {"in_list" if inside else "not_in_list": _list(listed)}
        case d.External(audience=audience):
            return {"external": audience}
        case d.Event():
            return _event(condition)


def _list(listed: d.IdentifierList) -> Document:
    named = {"file": listed.file, "query": listed.query, "column": listed.column, "type": listed.identifier}
    return {name: text for name, text in named.items() if text is not None}


# Events


def _event(event: d.Event) -> Document:
    return {**_named(event.step), **_window(event.window), **_measure(event.measure), **_rest(event.step)}


def _named(step: d.Step) -> Document:
    return {"event": step.event}


def _rest(step: d.Step) -> Document:
    """Filters, source and next steps. The last filters are under `then` and `then_not` if they are steps."""
    document: Document = {}
    where, then, then_not = _parted(step.where)
    mappings = _mappings(where)
    if mappings:
        document["where"] = mappings[0] if len(mappings) == 1 else mappings
    if step.source is not None:
        document["source"] = _source(step.source)
    for word, steps in zip(NEXT, (then, then_not), strict=True):
        written = [_next(one) for one in steps]
        if written:
            document[word] = written[0] if len(written) == 1 else written
    return document


def _parted(filters: Sequence[d.Filter]) -> tuple[Sequence[d.Filter], list[d.Then], list[d.Then]]:
    """A reader finds filters, then what was done after, then what was not: so much of the end as is in that order."""
    then: list[d.Then] = []
    then_not: list[d.Then] = []
    for one in reversed(filters):
        if not isinstance(one, d.Then) or (then and one.count == _NEVER):
            break
        (then_not if one.count == _NEVER else then).insert(0, one)
    return filters[: len(filters) - len(then) - len(then_not)], then, then_not


def _source(source: d.Matches) -> object:
    plain = {"equals": source.values[0], "one_of": list(source.values)}
    return plain[source.comparator] if source.comparator in plain else _test(source)


def _next(then: d.Then) -> Document:
    within: Document = {} if then.within is None else {"within": str(then.within)}
    count = {} if then.count == _NEVER else _measure(then.count)
    return {**_named(then.step), **within, **count, **_rest(then.step)}


def _window(window: d.Window | None) -> Document:
    match window:
        case d.Within(last=last):
            return {"within": str(last)}
        case d.Between(newest=newest, oldest=oldest):
            return {"between": [str(newest), str(oldest)]}
        case d.Dates(start=start, end=end):
            ends = {"from": start, "to": end}
            return {word: moment.isoformat() for word, moment in ends.items() if moment is not None}
    return {}


def _measure(measure: d.Count | d.Aggregate) -> Document:
    match measure:
        case d.Count(comparator="at_least", number=1):
            return {}
        case d.Count(comparator=comparator, number=number):
            return {comparator: number}
        case d.Aggregate(reducer=reducer, property=name, test=test, minimum=minimum):
            more: Document = {} if minimum == 1 else {"minimum": minimum}
            return {reducer: name, **more, **_test(test)}


# Filters


def _mappings(filters: Sequence[d.Filter]) -> list[Document]:
    """As few mappings as keep the order: in one of them, each name stands once."""
    mappings: list[Document] = []
    for one in filters:
        name, value = _entry(one)
        last = mappings[-1] if mappings else None
        if last is None or (name in last and not _joins(last, name, value)):
            mappings.append({name: value})
        elif name in last:
            last[name] = {**_tests(last[name]), **_tests(value)}
        else:
            last[name] = value
    return [{name: _shortened(name, value) for name, value in mapping.items()} for mapping in mappings]


def _joins(mapping: Document, name: str, value: object) -> bool:
    """Whether one more comparator fits below a property: it is the last one, and is not compared like this yet."""
    before = mapping[name]
    if not isinstance(before, _Tests) or not isinstance(value, _Tests) or next(reversed(mapping)) != name:
        return False
    return not before.keys() & value.keys()


class _Tests(dict[str, object]):
    """The comparators of one property."""


def _tests(value: object) -> _Tests:
    assert isinstance(value, _Tests)
    return value


def _entry(one: d.Filter) -> tuple[str, object]:
    match one:
        case d.PropertyTest(path=path, test=test):
            return path, _Tests(_test(test))
        case d.EveryTest(tests=tests):
            return "all", [_element(test) for test in tests]
        case d.AnyTest(tests=tests):
            return "any", [_element(test) for test in tests]
        case d.NoTest(test=test):
            body = _element(test)
            return "not", [body] if any(name in COMPARATORS for name in body) else body
        case d.Then():
            return "then_not" if one.count == _NEVER else "then", _next(one)


def _element(one: d.Filter) -> Document:
    """A filter as a mapping of its own."""
    if isinstance(one, d.EveryTest) and len(one.tests) != 1:
        merged = _mappings(one.tests)
        if not merged:
            return {}
        if len(merged) == 1:
            return merged[0]
    return _mappings((one,))[0]


def _shortened(name: str, value: object) -> object:
    """`currency: EUR` for `currency: { equals: EUR }`, and a list for `one_of`."""
    if not isinstance(value, _Tests):
        return value
    (comparator, given), *more = value.items()
    short = comparator in {"equals", "one_of"} and not isinstance(given, dict)
    return given if short and not more and name not in _GROUPS else dict(value)


def _test(test: d.Test | d.Like) -> Document:
    match test:
        case d.Like(comparator=comparator, reference=reference):
            return {comparator: {reference.of: reference.path}}
        case d.Matches(comparator=comparator, values=values):
            several = len(values) > 1 or comparator in {"one_of", "none_of"}
            return {comparator: list(values) if several else values[0]}
        case d.Amount(comparator=comparator, number=number):
            return {comparator: number}
        case d.Moment(comparator=comparator, moment=moment):
            return {comparator: moment.isoformat()}
        case d.Relative(comparator=comparator, duration=duration):
            return {comparator: str(duration)}
        case d.Presence(comparator=comparator):
            return {comparator: True}


# Beside `who`


def _percent(percent: float) -> str:
    return f"{Decimal(repr(percent)).normalize():f}%"


def _split(groups: Sequence[d.Group]) -> Document:
    """The shares of a split are of what the hold-out leaves."""
    held = [group.percent for group in groups if group.name == d.HOLDOUT]
    document: Document = {"holdout": _percent(held[0])} if held else {}
    shares = [
        {group.name: _percent(_before(group.percent, (WHOLE - held[0]) / WHOLE) if held else group.percent)}
        for group in groups
        if group.name != d.HOLDOUT
    ]
    return {**document, "split": shares} if shares else document


def _before(percent: float, rest: float) -> float:
    """The share of which `rest` is this percentage, as short as can be."""
    exact = percent / rest
    rounded = (round(exact, digits) for digits in range(13))
    return next((one for one in rounded if one * rest == percent), exact)


def _sync(sync: d.Sync) -> object:
    plain = d.Sync(to=sync.to)
    document: Document = {"to": sync.to}
    if isinstance(sync.when, d.Cron):
        document["cron"] = sync.when.line
    elif sync.when != plain.when:
        document["every"] = str(sync.when)
    for name, value, usual in (("mode", sync.mode, plain.mode), ("rename", sync.rename, plain.rename)):
        if value != usual:
            document[name] = value
    if sync.adopt is not None:
        document["adopt"] = sync.adopt
    if sync.groups:
        document["groups"] = sync.groups[0] if len(sync.groups) == 1 else list(sync.groups)
    return sync.to if len(document) == 1 else document
