"""One comparison of a query: what is compared, how, and with what; each mistake told at its place."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from guestlist.audiences import definition as d
from guestlist.audiences.comparators import PRESENCE, RELATIVE, read_test
from guestlist.audiences.mistakes import Mistakes, did_you_mean
from guestlist.audiences.query_syntax import (
    Array,
    Call,
    Compared,
    Flag,
    Named,
    Number,
    Quantified,
    Span,
    Telling,
    Text,
    Written,
    bare,
    calls_of,
)
from guestlist.audiences.query_words import (
    COMPARATORS,
    COUNT,
    FILTERS,
    FLIPPED,
    IN_WHERE,
    OTHER_WORDS,
    REDUCERS,
    REFUSED,
    SIGNS,
    SUBJECTS,
)
from guestlist.audiences.reading import read_text
from guestlist.audiences.steps import check_path

Read = TypeVar("Read")
FUNCTIONS = tuple(dict.fromkeys((*SUBJECTS, *IN_WHERE, *FILTERS, COUNT, *REDUCERS, *COMPARATORS)))
LITERAL = "literal"
EXAMPLES = {"event": "Order Completed", "trait": "country", "property": "total"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """`calls` compared with `values`; `word` is how the comparator is written, `at` where."""

    calls: tuple[Call, ...]
    comparator: str
    word: str
    at: int
    values: tuple[Written, ...]

    @property
    def subject(self) -> Call:
        return self.calls[0]

    def flipped(self, calls: tuple[Call, ...]) -> "Asked":
        """The same with `calls`, which stood on the right, on the left."""
        return replace(self, calls=calls, comparator=FLIPPED[self.comparator], values=(self.subject,))


def read_asked(written: Written, telling: Telling) -> Asked | None:
    written = bare(written)
    if isinstance(written, Compared):
        return _read_sign(written, telling)
    calls = calls_of(written)
    if len(calls) > 1 and calls[-1].name in COMPARATORS:
        last = calls[-1]
        comparator = COMPARATORS[last.name]
        return Asked(calls=calls[:-1], comparator=comparator, word=last.name, at=last.at, values=last.arguments)
    _tell_no_comparison(written, calls, telling)
    return None


def _read_sign(written: Compared, telling: Telling) -> Asked | None:
    sign = {"==": "=", "<>": "!="}.get(written.sign, written.sign)
    comparator = SIGNS[sign]
    left, right = calls_of(written.left), calls_of(written.right)
    asked = Asked(calls=left, comparator=comparator, word=sign, at=written.sign_at, values=(bare(written.right),))
    if right and (not left or left[0].name == LITERAL):
        asked = replace(asked, calls=right, comparator=FLIPPED[comparator], values=(bare(written.left),))
    if asked.calls:
        return asked
    telling.tell(written.at, f"`{sign}` compares nothing of a person here.", "Begin with event(...) or trait(...).")
    return None


def _tell_no_comparison(written: Written, calls: tuple[Call, ...], telling: Telling) -> None:
    if isinstance(written, Quantified):
        tell_refused(written.at, written.word, telling)
        return
    if not calls:
        telling.tell(written.at, "this is no condition.", "A condition compares something: trait('country') = 'DE'")
        return
    last = calls[-1]
    if last.name in REDUCERS or last.name == COUNT:
        told = f"`{last.name}` gives a value, as computed traits need; an audience has to compare it."
        telling.tell(last.at, told, f"Add a comparison, such as {last.name}(...) > 1.")
    elif calls[0].name == "event" and last.name in (*FILTERS, "event"):
        telling.tell(last.at, "this does not say how often it has to have happened.", "Add `.count() >= 1`.")
    elif len(calls) == 1 and last.name in (*SUBJECTS, *IN_WHERE):
        telling.tell(last.at, f"`{last.name}` is not compared with anything.", "Add `= ...` or `.exists()`.")
    else:
        tell_unknown(last, _CHAINED.get(calls[0].name, SUBJECTS), telling)


_CHAINED = {
    "event": (*FILTERS, COUNT, *REDUCERS),
    "trait": tuple(COMPARATORS),
    "property": tuple(COMPARATORS),
}
"""What may follow each."""


def tell_unknown(call: Call, known: Sequence[str], telling: Telling) -> None:
    if call.name in REFUSED:
        tell_refused(call.at, call.name, telling)
    elif call.name in FUNCTIONS:
        telling.tell(call.at, f"`{call.name}` is not possible here.", f"Here go {', '.join(known)}.")
    else:
        other = OTHER_WORDS.get(call.name.casefold())
        hint = f"Did you mean `{other}`?" if other in known else did_you_mean(call.name, known)
        telling.tell(call.at, f"`{call.name}` is not known here.", hint or f"Here go {', '.join(known)}.")


def tell_refused(at: int, name: str, telling: Telling) -> None:
    why, instead = REFUSED[name]
    telling.tell(at, f"`{name}` {why}", instead)


def as_in_documents(telling: Telling, at: int, subject: str, read: Callable[[Mistakes], Read]) -> Read:
    """What a reader of documents makes of a part; its mistakes are told of this place."""
    inner = Mistakes()
    found = read(inner)
    for mistake in inner.found:
        named = subject if mistake.path == "file" else f"`{mistake.path}`"
        telling.tell(at, f"{named} {mistake.message}", mistake.suggestion)
    return found


# Values


def read_value(values: Sequence[Written], telling: Telling, *, times: bool = False) -> object:
    """As it would stand in a document, None if it cannot; `times`: amounts of time are taken."""
    read = [_value(value, telling, times=times) for value in values]
    if len(read) == 1 or None in read:
        return None if None in read else read[0]
    return read


def _value(written: Written, telling: Telling, *, times: bool) -> object:
    written = bare(written)
    if isinstance(written, Call) and written.name == LITERAL and len(written.arguments) == 1:
        written = bare(written.arguments[0])
    match written:
        case Text(text=text):
            return text
        case Number(number=number):
            return number
        case Flag(true=true):
            return true
        case Span(said=said) if times:
            return said
        case Array(items=items) if not any(isinstance(bare(item), Array) for item in items):
            parts = [_value(item, telling, times=False) for item in items]
            return None if None in parts else parts
    _tell_no_value(written, telling)
    return None


def _tell_no_value(written: Written, telling: Telling) -> None:
    calls = calls_of(written)
    if calls and calls[0].name in REFUSED:
        tell_refused(calls[0].at, calls[0].name, telling)
    elif calls and calls[0].name in {"trait", "property"}:
        told = "only a property inside where(...) is compared with trait(...) or property(parent: ...)."
        telling.tell(written.at, told, "Write a value.")
    else:
        telling.tell(written.at, "this must be a value: a text in quotes, a number, true or false, or a list of these.")


def read_comparison(asked: Asked, telling: Telling) -> d.Test | None:
    """The test of one value."""
    if asked.comparator in PRESENCE:
        value: object = True
        if asked.values:
            telling.tell(asked.at, f"`{asked.word}` takes nothing in its parentheses.")
            return None
    elif not asked.values:
        telling.tell(asked.at, f"`{asked.word}` needs a value in its parentheses.")
        return None
    else:
        value = read_value(asked.values, telling, times=asked.comparator in RELATIVE)
    if value is None:
        return None
    subject = f"the value of `{asked.word}`"
    return as_in_documents(telling, asked.at, subject, lambda inner: read_test(asked.comparator, value, "", inner))


# Names


def read_name(call: Call, telling: Telling) -> str | None:
    """The one text in the parentheses of a call."""
    value = call.arguments[0] if len(call.arguments) == 1 else None
    if isinstance(value, Text):
        return as_in_documents(telling, value.at, "the name", lambda inner: read_text(value.text, "", inner))
    example = EXAMPLES.get(call.name, "...")
    telling.tell(call.at, f"`{call.name}` takes one text.", f"For example: {call.name}('{example}')")
    return None


def read_trait_name(call: Call, telling: Telling) -> str | None:
    """A nested trait and one with a dot in its name are called alike here."""
    name = read_name(call, telling)
    return None if name is None else re.sub(r"(?<!\\)\\+\.", ".", name)


def read_property(call: Call, telling: Telling) -> d.Reference | str | None:
    """The path of a property of this event, or a reference to one of the event before."""
    argument = call.arguments[0] if len(call.arguments) == 1 else None
    if isinstance(argument, Named) and argument.name == "parent":
        path = _path(replace(call, arguments=(argument.value,)), telling)
        return None if path is None else d.Reference(of="parent", path=path)
    return _path(call, telling)


def _path(call: Call, telling: Telling) -> str | None:
    name = read_name(call, telling)
    if name is None:
        return None
    path = re.sub(r"(?<!\\)\\+\.", r"\\.", name)
    as_in_documents(telling, call.at, f"`{name}`", lambda inner: check_path(path, "", inner))
    return path
