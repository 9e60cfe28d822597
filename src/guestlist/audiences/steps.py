"""The steps of a document: which events count, by what they tell and by what came after each."""

from collections.abc import Callable, Iterator, Mapping
from typing import cast, get_args

from guestlist.audiences import definition as d
from guestlist.audiences.comparators import COMPARATORS, ONE_VALUE, SOME_VALUES, read_matches, read_test
from guestlist.audiences.mistakes import Mistakes
from guestlist.audiences.reading import (
    join,
    known_keys,
    read_duration,
    read_mapping,
    read_text,
    read_whole,
)

COUNTS = ("at_least", "exactly", "at_most")
LIKE = get_args(d.LikeComparator)
NEXT = ("then", "then_not")
STEP_KEYS = ("event", "where", "source")
NEXT_KEYS = (*STEP_KEYS, "within", *NEXT, *COUNTS)
# Deep enough for any real audience; deeper is a file made to exhaust the reader.
DEEPEST = 50
EACH = "$"
"""Stands in a path for whatever place in a list."""


def read_step(
    body: Mapping[str, object], path: str, mistakes: Mistakes, *, depth: int = 0, follows: bool = False
) -> d.Step | None:
    """`follows`: whether this step comes after another, so that it can name properties of that one."""
    reading = _Filters(mistakes=mistakes, depth=depth, follows=follows)
    event = read_text(body.get("event"), join(path, "event"), mistakes)
    where = reading.where(body["where"], join(path, "where")) if "where" in body else ()
    nexts = tuple(reading.nexts(body, path))
    source = read_source(body["source"], join(path, "source"), mistakes) if "source" in body else None
    return None if event is None else d.Step(event=event, where=(*where, *nexts), source=source)


class _Filters:
    """Reads what single events must pass, groups within groups."""

    def __init__(self, *, mistakes: Mistakes, depth: int, follows: bool) -> None:
        self.mistakes = mistakes
        self.depth = depth
        self.follows = follows

    def where(self, value: object, path: str) -> tuple[d.Filter, ...]:
        """A mapping of which everything must hold, or a list of such."""
        if isinstance(value, list) and value:
            listed = cast("list[object]", value)
            return tuple(found for n, part in enumerate(listed) for found in self._mapping(part, f"{path}[{n}]"))
        return self._mapping(value, path)

    def _mapping(self, value: object, path: str) -> tuple[d.Filter, ...]:
        if self.depth > DEEPEST:
            self.mistakes.add(path, f"is nested deeper than {DEEPEST} levels.")
            return ()
        body = read_mapping(value, path, self.mistakes)
        return tuple(found for name, part in (body or {}).items() for found in self._named(name, part, path))

    def _named(self, name: str, part: object, path: str) -> Iterator[d.Filter]:
        here = join(path, name)
        if name in _GROUPS and _is_group(name, part):
            yield from self._group(name, part, here)
        elif name in NEXT and _are_steps(part):
            yield from self.nexts({name: part}, path)
        else:
            check_path(name, here, self.mistakes)
            yield from (d.PropertyTest(path=name, test=test) for test in self._tests(part, here))

    def _group(self, name: str, part: object, path: str) -> Iterator[d.Filter]:
        inside = _Filters(mistakes=self.mistakes, depth=self.depth + 1, follows=self.follows)
        listed = cast("list[object]", part if isinstance(part, list) else [part])
        paths = [f"{path}[{n}]" if isinstance(part, list) else path for n in range(len(listed))]
        tests = tuple(_one(inside._mapping(each, here)) for each, here in zip(listed, paths, strict=True))
        yield _GROUPS[name](tests)

    def _tests(self, value: object, path: str) -> Iterator[d.Test | d.Like]:
        if not isinstance(value, dict):
            value = {"one_of" if isinstance(value, list) else "equals": value}
            paths = {"one_of": path, "equals": path}
        else:
            paths = {str(key): join(path, key) for key in value}
        if not value:
            self.mistakes.add(path, "needs a comparator, such as `equals: ...` or `exists: true`.")
        known_keys(value, COMPARATORS, path, self.mistakes)
        for key, part in value.items():
            if key in COMPARATORS:
                test = self._test(key, part, paths[key])
                yield from [] if test is None else [test]

    def _test(self, comparator: str, value: object, path: str) -> d.Test | d.Like | None:
        if _is_reference(value):
            return self._like(comparator, value, path)
        return read_test(comparator, value, path, self.mistakes)

    def _like(self, comparator: str, value: object, path: str) -> d.Like | None:
        (of, name) = next(iter(cast("dict[str, object]", value).items()))
        if comparator not in LIKE:
            told = f"compares with what is written down only; with a {of} go {', '.join(LIKE)}."
            self.mistakes.add(path, told)
            return None
        if of == "parent" and not self.follows:
            told = "names the event before this one, and there is none: it belongs into `then` or `then_not`."
            self.mistakes.add(path, told)
            return None
        at = read_text(name, join(path, of), self.mistakes)
        if at is None:
            return None
        reference = d.Reference(of="parent" if of == "parent" else "trait", path=at)
        return d.Like(comparator=cast(d.LikeComparator, comparator), reference=reference)

    def nexts(self, body: Mapping[str, object], path: str) -> Iterator[d.Then]:
        """What is under `then` and `then_not`: one step, or a list of them, of which each must hold."""
        for word in NEXT:
            if word in body:
                value, here = body[word], join(path, word)
                listed = value if isinstance(value, list) else [value]
                paths = [f"{here}[{n}]" if isinstance(value, list) else here for n in range(len(listed))]
                if not listed:
                    self.mistakes.add(here, "is an empty list: name at least one step.")
                read = (self._next(part, at, word) for part, at in zip(listed, paths, strict=True))
                yield from (then for then in read if then is not None)

    def _next(self, value: object, path: str, word: str) -> d.Then | None:
        body = read_mapping(value, path, self.mistakes)
        if body is None or self.depth > DEEPEST:
            return None
        self._tell_unknown(body, path)
        step = read_step(body, path, self.mistakes, depth=self.depth + 1, follows=True)
        within = read_elapsing(body["within"], join(path, "within"), self.mistakes) if "within" in body else None
        count = self._count(body, path, word)
        return None if step is None or count is None else d.Then(step=step, count=count, within=within)

    def _tell_unknown(self, body: Mapping[str, object], path: str) -> None:
        for key in body:
            if key in {"between", "from", "to"}:
                told = "is not possible in a next step: its window counts from the event before it."
                self.mistakes.add(join(path, key), told, "Use `within`.")
        known_keys(
            {k: v for k, v in body.items() if k not in {"between", "from", "to"}}, NEXT_KEYS, path, self.mistakes
        )

    def _count(self, body: Mapping[str, object], path: str, word: str) -> d.Count | None:
        said = [name for name in COUNTS if name in body]
        if word == "then_not" and said:
            self.mistakes.add(join(path, said[0]), "is not possible here: `then_not` means never.", "Use `then`.")
            return None
        if len(said) > 1:
            both = " and ".join(f"`{name}`" for name in said)
            self.mistakes.add(path, f"has {both}: a step asks one.", "Keep one of them.")
            return None
        if not said:
            return d.Count() if word == "then" else d.Count(comparator="exactly", number=0)
        return read_count(said[0], body[said[0]], join(path, said[0]), self.mistakes)


def check_path(name: str, path: str, mistakes: Mistakes) -> None:
    parts = split_path(name)
    if "" in parts:
        mistakes.add(path, "is not a property: a part of the path is empty.", "Write a literal dot as `\\.`.")
    if EACH in parts and '"' in name:
        mistakes.add(path, f"has a quotation mark, which cannot stand beside `{EACH}`.")


def _is_group(name: str, part: object) -> bool:
    """Whether a word stands for a group: a property may be called so, too, but has comparators or values below it."""
    if name == "not" and isinstance(part, dict):
        return not any(key in COMPARATORS for key in part)
    return isinstance(part, list) and bool(part) and all(isinstance(each, dict) for each in part)


def _are_steps(part: object) -> bool:
    """Whether what is below `then` are steps: a property may be called so, too."""
    listed = part if isinstance(part, list) else [part]
    return all(isinstance(each, dict) and "event" in each for each in listed)


def _is_reference(value: object) -> bool:
    return isinstance(value, dict) and len(value) == 1 and next(iter(value)) in {"parent", "trait"}


_GROUPS: dict[str, Callable[[tuple[d.Filter, ...]], d.Filter]] = {
    "all": lambda tests: d.EveryTest(tests=tests),
    "any": lambda tests: d.AnyTest(tests=tests),
    "not": lambda tests: d.NoTest(test=_one(tests)),
}


def _one(tests: tuple[d.Filter, ...]) -> d.Filter:
    return tests[0] if len(tests) == 1 else d.EveryTest(tests=tests)


def read_elapsing(value: object, path: str, mistakes: Mistakes) -> d.Duration | None:
    """An amount of time that elapses from an event on."""
    within = read_duration(value, path, mistakes)
    if within is not None and within.unit in {"months", "years"}:
        told = "elapses from the event before it, and a month is no fixed time: say it in days or weeks."
        mistakes.add(path, told, f"Did you mean `{_in_days(within)} days`?")
    return within


def _in_days(duration: d.Duration) -> int:
    return duration.amount * (30 if duration.unit == "months" else 365)


def read_count(comparator: str, value: object, path: str, mistakes: Mistakes) -> d.Count | None:
    number = read_whole(value, path, mistakes)
    return None if number is None else d.Count(comparator=cast(d.CountComparator, comparator), number=number)


def read_source(value: object, path: str, mistakes: Mistakes) -> d.Matches | None:
    names = (*ONE_VALUE, *SOME_VALUES)
    body = value if isinstance(value, dict) else {"one_of" if isinstance(value, list) else "equals": value}
    known_keys(body, names, path, mistakes)
    if len(body) != 1:
        mistakes.add(path, "needs exactly one comparator.")
        return None
    comparator, part = next(iter(body.items()))
    here = join(path, comparator) if body is value else path
    return read_matches(comparator, part, here, mistakes) if comparator in names else None


def split_path(path: str) -> tuple[str, ...]:
    r"""The parts of a dotted path; `\.` is a dot inside a name."""
    return tuple(part.replace("\0", ".") for part in path.replace("\\.", "\0").split("."))
