"""The values of computed traits, as expressions. What several traits read of the same events is read once."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import cast

import ibis
import ibis.expr.types as ir

from guestlist.audiences import definition as d
from guestlist.audiences.comparing import finite, property_value, trait_value
from guestlist.audiences.matching import event_rows
from guestlist.audiences.measuring import DECIMALS, OF_VALUES, lists_of, numbers_of, told, values_of
from guestlist.audiences.mistakes import DefinitionError
from guestlist.audiences.question import Question
from guestlist.audiences.steps import EACH, split_path
from guestlist.audiences.traits.definition import ComputedTrait, Takings, circles, compared_with, told_circle

Materialise = Callable[[str, ir.Table], ir.Table]
# Up to here a whole number is written without a fraction, as the data spells it.
_EXACT = 2**53
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"


def in_order(traits: Iterable[ComputedTrait]) -> tuple[ComputedTrait, ...]:
    """Each trait after those it compares with, traits of the same events side by side; a circle is refused by name."""
    left = {trait.key: trait for trait in sorted(traits, key=lambda each: each.key)}
    done: list[ComputedTrait] = []
    while left:
        ready = [trait for trait in left.values() if not compared_with(trait) & left.keys()]
        if not ready:
            raise DefinitionError([told_circle(circles(left.values())[0], "traits")])
        done += sorted(ready, key=lambda trait: (repr(_events_of(trait)), trait.key))
        left = {key: trait for key, trait in left.items() if trait not in ready}
    return tuple(done)


def _events_of(trait: ComputedTrait) -> d.Event:
    return d.Event(step=trait.step, window=trait.window)


@dataclass(frozen=True, kw_only=True)
class _Reading:
    """The events that some traits are made of, with the texts of the properties they read; parsed once."""

    rows: ir.Table
    places: dict[str, int]

    @classmethod
    def of(cls, event: d.Event, paths: Iterable[str], question: Question, materialise: Materialise) -> "_Reading":
        found = event_rows(event, question)
        places = {path: n for n, path in enumerate(dict.fromkeys(paths))}
        texts = {f"text_{n}": _text_at(found, path) for path, n in places.items()}
        rows = found.select("profile_id", "at", "message_id", "source", **texts)
        return cls(rows=materialise("trait_events", rows) if places else rows, places=places)

    def told(self, path: str) -> ir.Table:
        return _told(self.rows, self.rows[f"text_{self.places[path]}"])


def _text_at(events: ir.Table, path: str) -> ir.StringValue:
    """A property as text, a list as JSON."""
    value = property_value(events, path)
    if EACH not in split_path(path):
        return value.text
    return ibis.ifelse(value.is_list, value.elements.cast("json").cast("string"), ibis.null("string"))


def _told(rows: ir.Table, text: ir.StringValue) -> ir.Table:
    return told(rows, trait_value(text, ibis.null("float64")))


def computed(
    traits: Iterable[ComputedTrait], question: Callable[[], Question], materialise: Materialise
) -> Iterator[tuple[ComputedTrait, ir.Table]]:
    """Each trait with (profile_id, value, number), to be used before the next is asked for.

    `question` is asked anew for other events, so that a trait may compare with one before it.
    """
    waiting = list(in_order(traits))
    while waiting:
        event = _events_of(waiting[0])
        known = compared_with(waiting[0])
        alike = [trait for trait in waiting if _events_of(trait) == event and compared_with(trait) == known]
        waiting = [trait for trait in waiting if trait not in alike]
        asked = question()
        reading = _Reading.of(event, (t.path for t in alike if t.path), asked, materialise)
        for trait in alike:
            yield trait, _values(trait, reading, asked)


def _values(trait: ComputedTrait, reading: _Reading, question: Question) -> ir.Table:
    match trait.reducer:
        case "count":
            rows = reading.rows
            return _of_numbers(rows.group_by("profile_id").agg(measured=rows.count()))
        case "sum" if trait.less:
            return _of_numbers(_net(reading.told(trait.path), trait.less, trait.window, question))
        case "unique_list" | "unique_list_count":
            return _of_lists(lists_of(reading.told(trait.path)), trait.reducer)
        case reducer if reducer in OF_VALUES:
            measured = values_of(reading.told(trait.path), cast(d.Reducer, reducer), trait.minimum)
            return _of_texts(measured)
        case reducer:
            return _of_numbers(numbers_of(reading.told(trait.path), cast(d.Reducer, reducer)))


def _net(taken: ir.Table, less: Takings, window: d.Window | None, question: Question) -> ir.Table:
    """Sums less what is taken off; somebody of whom only something was taken off is below nothing."""
    back = event_rows(d.Event(step=less.step, window=window), question)
    given = _told(back, _text_at(back, less.path))
    both = taken.select("profile_id", "number").union(given.select("profile_id", number=-given.number))
    return both.group_by("profile_id").agg(measured=both.number.sum().round(DECIMALS))


def _of_lists(listed: ir.Table, reducer: str) -> ir.Table:
    if reducer == "unique_list_count":
        return _of_numbers(listed.mutate(measured=listed.measured.length()))
    return listed.select("profile_id", value=listed.measured.cast("json").cast("string"), number=ibis.null("float64"))


def _of_numbers(measured: ir.Table) -> ir.Table:
    known = measured.select("profile_id", number=measured.measured.cast("float64"))
    known = known.filter(finite(known.number).fill_null(False))
    whole = (known.number == known.number.floor()) & (known.number.abs() <= _EXACT)
    text = ibis.ifelse(whole, known.number.try_cast("int64").cast("string"), known.number.cast("string"))
    return known.select("profile_id", value=text, number=known.number)


def _of_texts(measured: ir.Table) -> ir.Table:
    """Text that reads as a number counts as one, as with traits that are sent."""
    readable = measured.measured.re_search(_NUMBER)
    number = ibis.ifelse(readable, measured.measured.try_cast("float64"), ibis.null("float64"))
    return measured.select("profile_id", value=measured.measured, number=number)
