"""Why one person is in an audience or not, as text and as JSON."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from guestlist.audiences import definition as d
from guestlist.audiences.explain import EventSeen, Reason, Said, TraitSeen
from guestlist.audiences.steps import split_path
from guestlist.audiences.times import on_clocks
from guestlist.destinations.meta.sent import AtMeta
from guestlist.telling import masking, wording
from guestlist.telling.people import Person

_AMOUNTS = ("total", "revenue", "value")


def clock(instant: datetime, zone: ZoneInfo) -> str:
    """An instant as clocks in the space's zone show it."""
    return on_clocks(instant, zone).strftime("%Y-%m-%d %H:%M")


@dataclass(frozen=True, kw_only=True)
class Told:
    """What there is to tell; `as_of` None is now."""

    person: Person
    audience: d.Definition
    reason: Reason
    stays: tuple[Mapping[str, Any], ...]
    as_of: datetime | None
    zone: ZoneInfo
    reveal: bool
    at_meta: AtMeta | None

    def lines(self) -> Iterator[str]:
        """For a person to read."""
        verb = ("is" if self.as_of is None else "was") + ("" if self.reason.holds else " not")
        when = "" if self.as_of is None else f" at {clock(self.as_of, self.zone)}"
        yield f"{self.person.called()} {verb} in {self.audience.name}{when}."
        if self.as_of is None:
            yield from self._history()
        yield ""
        yield from self._reason(self.reason, 0)

    def _history(self) -> Iterator[str]:
        last = self.stays[-1] if self.stays else None
        inside = last is not None and last["exited_at"] is None
        if last is not None and inside:
            yield f"In since {clock(last['entered_at'], self.zone)}."
        elif last is not None:
            came, went = clock(last["entered_at"], self.zone), clock(last["exited_at"], self.zone)
            yield f"Left at {went}, was in since {came}."
            if not self.reason.holds:
                yield f"Left because this no longer holds: {'; '.join(_broken(self.reason))}."
        yield from self._at_meta()
        if inside != self.reason.holds and self.audience.syncs:
            yield "Enters with the next sync." if self.reason.holds else "Leaves with the next sync."

    def _at_meta(self) -> Iterator[str]:
        if self.at_meta is None:
            yield "What Meta has of this person is not known now: another process is at work in this space."
            return
        for one in self.at_meta.sent:
            where = f" ({one.sync.rpartition('@')[2]})" if len(self.at_meta.sent) > 1 else ""
            if one.rows:
                yield f"Sent to Meta at {self._instant(one.added_at)}{where}."
            elif one.removed_at is not None:
                yield f"Removal taken by Meta at {self._instant(one.removed_at)}{where}."
        for cell in self.at_meta.blank:
            yield f"{cell.words}."

    def _instant(self, microseconds: int | None) -> str:
        return clock(datetime.fromtimestamp((microseconds or 0) / 1_000_000, UTC), self.zone)

    def _reason(self, reason: Reason, depth: int) -> Iterator[str]:
        step = "  " * depth
        yield f"{'yes' if reason.holds else 'no ':<3}  {step}{wording.words(reason.condition)}"
        for fact in self._facts_of(reason):
            yield f"       {step}{fact}"
        for part in reason.parts:
            yield from self._reason(part, depth + 1)

    def _facts_of(self, reason: Reason) -> Iterator[str]:
        match reason.condition:
            case d.Event() as condition:
                yield from self._events(reason, condition)
            case d.Trait():
                yield from (self._trait(seen) for seen in reason.traits)
                if not reason.traits:
                    yield "nothing is known of it"
            case d.Listed():
                yield "by the list as it is now"
            case d.External():
                yield from (self._saying(said) for said in reason.said)
                if not reason.said:
                    yield "Segment never said so"
            case d.Member(audience=audience) if not reason.parts:
                yield f"by the record of {audience}"

    def _events(self, reason: Reason, condition: d.Event) -> Iterator[str]:
        yield "1 that counts" if reason.counted == 1 else f"{reason.counted:,} that count"
        for seen in reason.events:
            yield f"  {self._event(seen, condition)}"
        if len(reason.events) < reason.counted:
            yield f"  and {reason.counted - len(reason.events):,} earlier"
        if any(True for _ in d.nexts(condition.step.where)):
            yield "what came after" if reason.next_steps else "nothing came after"
            for seen in reason.next_steps:
                yield f"  {self._event(seen, condition)}"

    def _event(self, seen: EventSeen, condition: d.Event) -> str:
        told = self._properties(seen, condition)
        amount = next((told.pop(key) for key in _AMOUNTS if key in told), None)
        currency = told.pop("currency", None)
        pieces = [_money(amount, currency)] if amount else []
        pieces += [f"{key} {value}" for key, value in told.items()]
        return f"{clock(seen.at, self.zone)}  {seen.event}" + (f"  ({', '.join(pieces)})" if pieces else "")

    def _properties(self, seen: EventSeen, condition: d.Event) -> dict[str, str]:
        """The amount of an event, and what the condition asks of it."""
        document = orjson.loads(seen.properties or "null")
        asked = [*_AMOUNTS, "currency", *_asked(condition)]
        found = {path: _at(document, path) for path in dict.fromkeys(asked)}
        clear = {path: value for path, value in found.items() if value is not None}
        return clear if self.reveal else {path: masking.fact(path, value) for path, value in clear.items()}

    def _saying(self, said: Said) -> str:
        change = "entered" if said.inside else "exited"
        return f"{clock(said.at, self.zone)}  {change}, by message {said.message_id} of {said.source}"

    def _trait(self, seen: TraitSeen) -> str:
        return f"{self._value(seen) or 'taken away'}, since {clock(seen.at, self.zone)}"

    def _value(self, seen: TraitSeen) -> str | None:
        return seen.value if self.reveal or seen.value is None else masking.trait(seen.trait, seen.value)

    def facts(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "audience": self.audience.key,
            "person": self.person.facts(),
            "inside": self.reason.holds,
            "as_of": self.as_of,
            "stays": list(self.stays),
            "at_meta": None if self.at_meta is None else [asdict(one) for one in self.at_meta.sent],
            "blank_cells": None if self.at_meta is None else [asdict(one) for one in self.at_meta.blank],
            "reason": self._as_facts(self.reason),
        }

    def _as_facts(self, reason: Reason) -> dict[str, Any]:
        facts: dict[str, Any] = {
            "path": reason.path,
            "words": wording.words(reason.condition),
            "holds": reason.holds,
            "parts": [self._as_facts(part) for part in reason.parts],
        }
        if isinstance(reason.condition, d.Event):
            condition = reason.condition
            facts["counted"] = reason.counted
            facts["events"] = [self._event_facts(seen, condition) for seen in reason.events]
            facts["came_after"] = [self._event_facts(seen, condition) for seen in reason.next_steps]
        if isinstance(reason.condition, d.External):
            facts["said"] = [asdict(said) for said in reason.said]
        if isinstance(reason.condition, d.Trait):
            facts["traits"] = [
                {"trait": seen.trait, "value": self._value(seen), "at": seen.at, "source": seen.source}
                for seen in reason.traits
            ]
        return facts

    def _event_facts(self, seen: EventSeen, condition: d.Event) -> dict[str, Any]:
        return {
            "event": seen.event,
            "at": seen.at,
            "source": seen.source,
            "properties": self._properties(seen, condition),
        }


def _broken(reason: Reason) -> Iterator[str]:
    """The conditions that keep a person out, each in words."""
    match reason.condition:
        case d.All():
            yield from (words for part in reason.parts if not part.holds for words in _broken(part))
        case d.AnyOf():
            yield "any of " + ", ".join(wording.words(part.condition) for part in reason.parts)
        case d.Not(condition=inside):
            yield f"not: {wording.words(inside)}"
        case leaf:
            yield wording.words(leaf)


def _money(amount: str, currency: str | None) -> str:
    if currency is None:
        return amount
    try:
        return f"{Decimal(amount):,.2f} {currency}"
    except InvalidOperation:
        return f"{amount} {currency}"


def _asked(condition: d.Event) -> Iterator[str]:
    yield from (test.path for step in d.steps(condition.step) for test in d.property_tests(step.where))
    if isinstance(condition.measure, d.Aggregate):
        yield condition.measure.property


def _at(document: Any, path: str) -> str | None:
    for part in split_path(path):
        if isinstance(document, dict):
            document = document.get(part)
        elif isinstance(document, list) and part.isdecimal() and int(part) < len(document):
            document = document[int(part)]
        else:
            return None
    if document is None or isinstance(document, str):
        return document
    return orjson.dumps(document).decode()
