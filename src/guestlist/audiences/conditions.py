"""The `who` of a document -> the condition tree."""

from collections.abc import Callable, Mapping

from guestlist.audiences import definition as d
from guestlist.audiences.comparators import COMPARATORS, read_test
from guestlist.audiences.events import read_event
from guestlist.audiences.mistakes import Mistakes, did_you_mean
from guestlist.audiences.reading import join, known_keys, read_mapping, read_text, shown
from guestlist.audiences.steps import DEEPEST

KINDS = ("all", "any", "not", "event", "trait", "member_of", "not_member_of", "in_list", "not_in_list")
LIST_KEYS = ("file", "query", "column", "type")
IDENTIFIERS = ("user_id", "email", "phone", "anonymous_id", "ios.idfa", "android.idfa")


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


def _read_list(body: Mapping[str, object], path: str, mistakes: Mistakes, _depth: int) -> d.Condition | None:
    kind = "in_list" if "in_list" in body else "not_in_list"
    known_keys(body, (kind,), path, mistakes)
    here = join(path, kind)
    told = read_mapping({"file": body[kind]} if isinstance(body[kind], str) else body[kind], here, mistakes)
    if told is None:
        return None
    known_keys(told, LIST_KEYS, here, mistakes)
    if ("file" in told) == ("query" in told):
        mistakes.add(
            here, "needs one of `file` and `query`.", "For example: `in_list: {file: vip.csv, column: email}`."
        )
        return None
    texts = {name: read_text(part, join(here, name), mistakes) for name, part in told.items() if name in LIST_KEYS}
    if None in texts.values():
        return None
    return d.Listed(list=_list_of(texts), inside=kind == "in_list")


def _list_of(texts: Mapping[str, str | None]) -> d.IdentifierList:
    """A column called like an identifier holds that one; of neither is said, it is e-mails."""
    kind, column = texts.get("type"), texts.get("column")
    kind = kind or (column if column in IDENTIFIERS else "email")
    return d.IdentifierList(identifier=kind, column=column or kind, file=texts.get("file"), query=texts.get("query"))


_READERS: dict[str, Callable[[Mapping[str, object], str, Mistakes, int], d.Condition | None]] = {
    "all": _read_group,
    "any": _read_group,
    "not": _read_not,
    "event": read_event,
    "trait": _read_trait,
    "member_of": _read_member,
    "not_member_of": _read_member,
    "in_list": _read_list,
    "not_in_list": _read_list,
}
