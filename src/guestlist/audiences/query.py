"""The text of a query, in the language of Segment's Public API -> the condition tree.

docs/audiences.md tells the language. What it has and we have not is read too, and refused by its name.
"""

from dataclasses import dataclass, replace

from guestlist.audiences import definition as d
from guestlist.audiences.identifier_lists import read_list
from guestlist.audiences.mistakes import Mistakes
from guestlist.audiences.query_comparisons import (
    Asked,
    as_in_documents,
    read_asked,
    read_comparison,
    read_trait_name,
    read_value,
    tell_refused,
    tell_unknown,
)
from guestlist.audiences.query_events import read_happening
from guestlist.audiences.query_syntax import (
    Call,
    Joined,
    Named,
    Negated,
    Quantified,
    Record,
    Telling,
    Text,
    Written,
    bare,
    written_in,
)
from guestlist.audiences.query_words import COMPARATORS, SUBJECTS
from guestlist.audiences.steps import DEEPEST

FLAGS: dict[object, bool] = {"true": True, "false": False}


def read_query(
    text: str, path: str, mistakes: Mistakes, *, depth: int = 0, audiences: frozenset[str] = frozenset()
) -> d.Condition | None:
    """`audiences`: the keys of which `trait('key') = true` asks for membership."""
    telling = Telling(text=text, path=path, mistakes=Mistakes())
    written = written_in(telling)
    found = None if written is None else _Reader(telling=telling, audiences=audiences).condition(written, depth)
    mistakes.found += telling.mistakes.found
    return None if telling.mistakes.found else found


@dataclass(frozen=True, kw_only=True, slots=True)
class _Reader:
    telling: Telling
    audiences: frozenset[str]

    def condition(self, written: Written, depth: int) -> d.Condition | None:
        written = bare(written)
        if depth > DEEPEST:
            self.telling.tell(written.at, f"this is nested deeper than {DEEPEST} levels.")
            return None
        match written:
            case Joined(word=word, parts=parts):
                read = [self.condition(part, depth + 1) for part in parts]
                found = tuple(part for part in read if part is not None)
                return d.All(conditions=found) if word == "AND" else d.AnyOf(conditions=found)
            case Negated(part=part):
                inner = self.condition(part, depth + 1)
                return None if inner is None else d.Not(condition=inner)
            case Quantified(at=at, word=word):
                tell_refused(at, word, self.telling)
                return None
        asked = read_asked(written, self.telling)
        return None if asked is None else self._compared(asked)

    def _compared(self, asked: Asked) -> d.Condition | None:
        match asked.calls:
            case (Call(name="event"), *_):
                return read_happening(asked, self.telling)
            case (Call(name="trait"),):
                return self._trait(asked)
            case (Call(name="list"),):
                return self._list(asked)
            case (Call(name="external"),):
                return self._external(asked)
            case (Call(name="property", at=at), *_):
                told = "`property` is of an event, so it stands inside where(...) or a reducer such as sum(...)."
                self.telling.tell(at, told)
            case (Call(name="trait" | "list" | "external"), call, *_):
                tell_unknown(call, tuple(COMPARATORS), self.telling)
            case (call, *_):
                tell_unknown(call, SUBJECTS, self.telling)
        return None

    def _trait(self, asked: Asked) -> d.Condition | None:
        name = read_trait_name(asked.subject, self.telling)
        test = read_comparison(asked, self.telling)
        if name is None or test is None:
            return None
        if name in self.audiences and isinstance(test, d.Matches):
            inside = _flag(test)
            if inside is not None and test.comparator == "equals":
                return d.Member(audience=name, inside=inside)
            if inside is not None and test.comparator == "not_equals":
                told = f"`{name}` is an audience: people are in it or not."
                self.telling.tell(asked.at, told, f"Use `= {str(not inside).lower()}`.")
                return None
        return d.Trait(trait=name, test=test)

    def _external(self, asked: Asked) -> d.Condition | None:
        inside = self._whether(asked, "an audience")
        match asked.subject.arguments:
            case (Text(text=text),) if text:
                found = d.External(audience=text)
                return None if inside is None else found if inside else d.Not(condition=found)
        self.telling.tell(asked.subject.at, "`external` needs the key of one audience: external('high_value_users').")
        return None

    def _whether(self, asked: Asked, what: str) -> bool | None:
        flag = read_value(asked.values, self.telling) if asked.comparator == "equals" else None
        if isinstance(flag, bool):
            return flag
        self.telling.tell(asked.at, f"people are in {what} or not.", "Compare it with `= true` or `= false`.")
        return None

    def _list(self, asked: Asked) -> d.Condition | None:
        inside = self._whether(asked, "a list")
        told = None if inside is None else self._list_told(asked.subject)
        if told is None:
            return None
        kind = "in_list" if inside else "not_in_list"
        read = as_in_documents(
            self.telling, asked.subject.at, "`list`", lambda inner: read_list({kind: told}, "", inner)
        )
        # A mistake in the list is told of the whole query: inside of it nothing has a path.
        return replace(read, list=replace(read.list, place=self.telling.path)) if read else None

    def _list_told(self, call: Call) -> dict[str, object] | None:
        arguments = call.arguments
        if len(arguments) == 1 and isinstance(arguments[0], Record):
            arguments = arguments[0].items
        told: dict[str, object] = {}
        for argument in arguments:
            match argument:
                case Named(name=name, value=Text(text=text)):
                    told[name] = text
                case Text(text=text):
                    told["file"] = text
                case _:
                    self.telling.tell(argument.at, "this must be a name and a text, such as `file: 'vip.csv'`.")
                    return None
        return told


def _flag(test: d.Matches) -> bool | None:
    """True and false, which Segment lets people write as text, too."""
    value = test.values[0]
    return value if isinstance(value, bool) else FLAGS.get(value)
