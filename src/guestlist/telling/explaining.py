"""Why one person is in an audience or not, as text and as JSON."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from guestlist.audiences import definition as d
from guestlist.audiences.explain import EventSeen, Explained, Followed, Limit, Reason, Said, TraitSeen
from guestlist.audiences.matching import Asked
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
    """What there is to tell; `as_of` None is now. `group`: what a lot drew for the person, None where there is none."""

    person: Person
    audience: d.Definition
    why: Explained
    group: str | None
    stays: tuple[Mapping[str, Any], ...]
    as_of: datetime | None
    zone: ZoneInfo
    reveal: bool
    at_meta: AtMeta | None

    def lines(self) -> Iterator[str]:
        """For a person to read."""
        yield self._verdict()
        if self.as_of is None:
            yield from self._history()
        yield from self._group()
        yield ""
        yield from self._limits(self.why, 0)
        yield from self._reason(self.why.who, 0)

    @property
    def _stay(self) -> Mapping[str, Any] | None:
        """The last one."""
        return self.stays[-1] if self.stays else None

    @property
    def _recorded(self) -> bool:
        """Whether the last evaluation found the person in."""
        return self._stay is not None and self._stay["exited_at"] is None

    def _verdict(self) -> str:
        who, where = self.person.called(), self.audience.name
        if self.as_of is not None:
            return f"{who} was{'' if self.why.inside else ' not'} in {where} at {clock(self.as_of, self.zone)}."
        if self._recorded and not self.why.inside:
            return f"{who} matches {where} no longer."
        return f"{who} is{'' if self.why.inside else ' not'} in {where}."

    def _history(self) -> Iterator[str]:
        last, inside = self._stay, self.why.inside
        moves = "sync" if self.audience.syncs else "evaluation"
        if last is not None:
            came = clock(last["entered_at"], self.zone)
            if not self._recorded:
                yield f"Left at {clock(last['exited_at'], self.zone)}, was in since {came}."
            elif inside:
                yield f"In since {came}."
            else:
                yield f"Was in at the last evaluation, since {came}. Leaves with the next {moves}."
            if not inside:
                broken = "; ".join([*self._broken_limits(), *_broken(self.why.who)])
                yield f"{'Leaves' if self._recorded else 'Left'} because this no longer holds: {broken}."
        yield from self._at_meta()
        if inside and not self._recorded and (self.audience.syncs or last is not None):
            yield f"Matches{'' if last is None else ' again'}, and enters with the next {moves}."

    def _broken_limits(self) -> Iterator[str]:
        return (self._limit(self.why, limit) for limit in self.why.limits if not limit.holds)

    def _group(self) -> Iterator[str]:
        if self.group is None or not self.why.inside:
            return
        if self.group == d.HOLDOUT:
            yield f"{_capital(wording.held_out(self.audience))}."
            return
        sent = [sync.to for sync in self.audience.syncs if not sync.groups or self.group in sync.groups]
        where = f"In the group {self.group}" if self.group else "In none of the groups"
        if self.audience.syncs:
            where += f", which is sent to {' and '.join(sent)}" if sent else ", which no sync sends"
        yield f"{where}."

    def _limits(self, why: Explained, depth: int) -> Iterator[str]:
        step = "  " * depth
        if why.floor is not None:
            yield f"     {step}{self._floor(why, why.floor)}"
        for limit in why.limits:
            yield f"{'yes' if limit.holds else 'no ':<3}  {step}{self._limit(why, limit)}"
            if limit.kind == "sample":
                yield f"       {step}by lot, the same people at every evaluation"

    def _floor(self, why: Explained, floor: datetime) -> str:
        if not why.begun:
            return "events count from the first evaluation on, which is still to come: no event counts yet"
        if why.definition.since == "now" or why.definition.since is None:
            return f"events count from {clock(floor, self.zone)} only, when it was first evaluated"
        return wording.since(why.definition.since)

    def _limit(self, why: Explained, limit: Limit) -> str:
        if limit.kind == "known":
            return "anything was known of them by then"
        return (
            wording.ANONYMOUS
            if limit.kind == "anonymous"
            else wording.SAMPLE.format(wording.percent(why.definition.sample))
        )

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
        if reason.audience is not None:
            yield from self._limits(reason.audience, depth + 1)
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
        if isinstance(condition.measure, d.Aggregate):
            value = reason.measured if reason.measured is None else self._measured(condition.measure, reason.measured)
            yield f"{wording.measured(condition.measure)}: {'there is none' if value is None else value}"
        yield "1 that counts" if reason.counted == 1 else f"{reason.counted:,} that count"
        for seen in reason.events:
            yield from self._whole_event(seen, condition)
        if len(reason.events) < reason.counted:
            yield f"  and {reason.counted - len(reason.events):,} earlier"
        if reason.missed and (not reason.holds or not reason.counted):
            yield "the latest that does not count" if len(reason.missed) == 1 else "the latest that do not count"
            for seen in reason.missed:
                yield from self._whole_event(seen, condition)

    def _measured(self, aggregate: d.Aggregate, value: str) -> str:
        # How many different values there are tells none of them.
        clear = self.reveal or aggregate.reducer == "distinct"
        return value if clear else masking.fact(aggregate.property, value)

    def _whole_event(self, seen: EventSeen, condition: d.Event) -> Iterator[str]:
        yield f"  {self._event(seen, condition)}{_why_not(seen.lacks)}"
        for followed in seen.after:
            yield from (f"    {line}" for line in self._came_after(followed, condition))

    def _came_after(self, followed: Followed, condition: d.Event) -> Iterator[str]:
        if not followed.counted:
            yield f"after it no {followed.then.step.event}{' that counts' if followed.events else ''}"
        for seen in followed.events:
            yield f"after it  {self._event(seen, condition)}{_why_not(seen.lacks)}"
        if len(followed.events) < followed.counted:
            yield f"          and {followed.counted - len(followed.events):,} later"

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
        no_date = "; no date, so this is not true: dates are written as 2023-12-31" if seen.no_date else ""
        return f"{self._value(seen) or 'taken away'}, since {clock(seen.at, self.zone)}{no_date}"

    def _value(self, seen: TraitSeen) -> str | None:
        return seen.value if self.reveal or seen.value is None else masking.trait(seen.trait, seen.value)

    def facts(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "audience": self.audience.key,
            "person": self.person.facts(),
            "inside": self.why.inside,
            "group": self.group or None,
            "as_of": self.as_of,
            "stays": list(self.stays),
            "at_meta": None if self.at_meta is None else [asdict(one) for one in self.at_meta.sent],
            "blank_cells": None if self.at_meta is None else [asdict(one) for one in self.at_meta.blank],
            **self._limit_facts(self.why),
            "reason": self._as_facts(self.why.who),
        }

    def _limit_facts(self, why: Explained) -> dict[str, Any]:
        return {
            "events_count_after": why.floor,
            "limits": [
                {"limit": limit.kind, "words": self._limit(why, limit), "holds": limit.holds} for limit in why.limits
            ],
        }

    def _as_facts(self, reason: Reason) -> dict[str, Any]:
        facts: dict[str, Any] = {
            "path": reason.path,
            "words": wording.words(reason.condition),
            "holds": reason.holds,
            "parts": [self._as_facts(part) for part in reason.parts],
        }
        if reason.audience is not None:
            facts |= self._limit_facts(reason.audience)
        if isinstance(reason.condition, d.Event):
            condition = reason.condition
            facts["counted"] = reason.counted
            facts["events"] = [self._event_facts(seen, condition) for seen in reason.events]
            facts["not_counted"] = [self._event_facts(seen, condition) for seen in reason.missed]
            if isinstance(condition.measure, d.Aggregate):
                value = reason.measured
                facts["measured"] = None if value is None else self._measured(condition.measure, value)
        if isinstance(reason.condition, d.External):
            facts["said"] = [asdict(said) for said in reason.said]
        if isinstance(reason.condition, d.Trait):
            facts["traits"] = [
                {
                    "trait": seen.trait,
                    "value": self._value(seen),
                    "at": seen.at,
                    "source": seen.source,
                    "no_date": seen.no_date,
                }
                for seen in reason.traits
            ]
        return facts

    def _event_facts(self, seen: EventSeen, condition: d.Event) -> dict[str, Any]:
        return {
            "event": seen.event,
            "at": seen.at,
            "source": seen.source,
            "properties": self._properties(seen, condition),
            "why_not": [_lack(one) for one in seen.lacks],
            "came_after": [
                {
                    "words": wording.asked(followed.then),
                    "counted": followed.counted,
                    "events": [self._event_facts(one, condition) for one in followed.events],
                }
                for followed in seen.after
            ],
        }


_LACKS = {
    "history": "before events count",
    "window": "outside the window",
    "source": "from another source",
    "in_time": "too late",
}


def _why_not(lacks: tuple[Asked, ...]) -> str:
    return f": {'; '.join(map(_lack, lacks))}" if lacks else ""


def _lack(one: Asked) -> str:
    """Why an event does not count."""
    if isinstance(one, d.Then):
        return "not followed as asked"
    return _LACKS[one] if isinstance(one, str) else f"not so: {wording.asked(one)}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


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
