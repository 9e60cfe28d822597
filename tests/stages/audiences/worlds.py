"""Small worlds drawn by chance, and conditions about them, where everything awkward is near at hand."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from random import Random
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pyarrow as pa
from hypothesis import strategies as st
from tests.stages.audiences import interpreter
from tests.stages.audiences.histories import (
    EVENT,
    MEMBERSHIP,
    STAMP,
    TRAIT,
    held,
    list_rows,
    people_of,
    stay,
    table,
    trait,
)
from tests.stages.audiences.instants import elapsed, moved

from guestlist.audiences import definition as d
from guestlist.audiences.question import Relations
from guestlist.store import Warehouse

IDENTIFIER = pa.schema([("profile_id", pa.string()), ("type", pa.string()), ("first_seen", STAMP)])
LISTS = (
    d.IdentifierList(identifier="email", column="email", file="staff.csv"),
    d.IdentifierList(identifier="phone", column="mobile", query="select mobile from shop"),
)
SPLITS = tuple(
    tuple(d.Group(name=name, percent=percent) for name, percent in shares)
    for shares in (
        (),
        ((d.HOLDOUT, 10.0),),
        (("a", 50.0), ("b", 50.0)),
        ((d.HOLDOUT, 33.3), ("a", 20.01), ("b", 0.5), ("c", 46.19)),
        (("a", 5.0), ("b", 70.0)),
    )
)
EVENTS, SOURCES, AUDIENCES = ("A", "B", "C"), ("web", "shop", "[x]"), ("vip", "inner", "nobody")
PATHS = (
    "n", "s", "l", "when", "o", "o.n", "o.l", "o.when", "l.0", "l.1", "l.2.0", "0", "a\\.b", 'q"k', "é x", "n.x", "missing",
    "items.0.n", "items.$.n", "items.$.s", "items.$.l", "items.$.when", "items.$", "l.$", "o.l.$", "items.1.l.0", "s.$",
)  # fmt: skip
TRAITS = ("n", "s", "l", "when", "address.city")
NUMBERS: tuple[Any, ...] = (0, 1, 2, 3, 5, -1, 7, 2.5, 5.0, 0.1, 0.2, 80, 80.5, 10**17, 1234567)
TEXTS = (
    "", "null", "NULL", "true", "false", "5", "5.0", " 5 ", "+5", ".5", "1e1", "05", "inf", "nan", "-Infinity", "1e400",
    "1_000", "x", "X", "xy", "yx", "é", "日本", 'a"b', "back\\slash", "new\nline", "[x]", "[1, 2]", '["x", null, 5]', "[",
    "{}", "a,b", "%", "x_y", "2026-03-10", "80,5", "0x5", "5 x",
)  # fmt: skip
ODD_MOMENTS = (
    "2026-02-30", "2028-02-29", "2026-13-01", "epoch", "infinity", "-infinity", "2026/03/10", "10.03.2026", "20260310",
    "2026-03-10 12:00:00 Europe/Berlin", "2026-03-10T12:00:00 UTC", "2026-03-10T24:00:00", "2026-03-10T25:00",
    "2026-03-10Z", "2026-03-10T12", " 2026-03-10", "2026-03-10 ", "soon", "2026-03-10T12:00:00.1234567Z",
    "0001-01-01", "9999-12-31", "2026-03-10 (BC)", "2026-03-10T12:00:60", "2026-3-9",
)  # fmt: skip
_AMOUNTS: tuple[tuple[int, d.Unit], ...] = (
    (30, "minutes"), (1, "hours"), (24, "hours"), (1, "days"), (2, "days"), (1, "weeks"), (1, "months"), (2, "months"),
    (12, "months"), (1, "years"), (4, "years"),
)  # fmt: skip
DURATIONS = tuple(d.Duration(amount=amount, unit=unit) for amount, unit in _AMOUNTS)
SHORT_DURATIONS = tuple(one for one in DURATIONS if one.unit not in {"months", "years"})
SITUATIONS = (
    # Clocks forward on 29 March 2026, back on 25 October; the day after, at a time the clocks skipped or showed twice.
    ("Europe/Berlin", "2026-03-10T12:00:00"), ("Europe/Berlin", "2026-03-29T10:00:00"),
    ("Europe/Berlin", "2026-03-29T01:00:00"), ("Europe/Berlin", "2026-03-30T00:30:00"),
    ("Europe/Berlin", "2026-10-25T11:00:00"), ("Europe/Berlin", "2026-10-25T00:30:00"),
    ("Europe/Berlin", "2026-10-25T01:15:00"), ("Europe/Berlin", "2026-10-26T01:30:00"),
    ("America/New_York", "2026-03-08T07:00:00"), ("America/New_York", "2026-11-01T06:30:00"),
    # Midnight skipped, midnight shown twice, half an hour, a whole day skipped.
    ("America/Sao_Paulo", "2018-11-04T15:00:00"), ("America/Sao_Paulo", "2018-02-18T02:30:00"),
    ("America/Havana", "2026-11-01T05:30:00"), ("Australia/Lord_Howe", "2026-10-04T12:00:00"),
    ("Pacific/Apia", "2011-12-31T09:00:00"),
    # Leap days and ends of months.
    ("UTC", "2028-02-29T12:00:00"), ("UTC", "2028-03-31T12:00:00"), ("UTC", "2028-03-01T00:00:00"),
    ("UTC", "2027-12-31T23:59:59.999999"), ("Asia/Kathmandu", "2028-03-30T18:14:59.999999"),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class World:
    """One history, for the engine and for the interpreter."""

    rows: Mapping[str, pa.Table]
    people: Mapping[str, interpreter.Person]
    lists: Mapping[d.IdentifierList, Mapping[str, datetime]]
    zone: ZoneInfo
    as_of: datetime

    def relations(self, warehouse: Warehouse) -> Relations:
        told = {name: warehouse.materialise(name, rows) for name, rows in self.rows.items()}
        told["trait"] = held(told["trait"], self.as_of)
        return Relations(**told)

    def listed(self, warehouse: Warehouse) -> dict[d.IdentifierList, Any]:
        return {
            listed: warehouse.materialise(f"list_{n}", list_rows(since))
            for n, (listed, since) in enumerate(self.lists.items())
        }


@lru_cache(maxsize=32)
def world(seed: int, size: int = 40) -> World:
    chance = Random(seed)
    zone, as_of = _situation(chance)
    names = [f"p{n}" for n in range(size)]
    ahead = frozenset(name for name in names if chance.random() < 0.05)
    drawn = _Drawn(chance=chance, zone=zone, as_of=as_of, ahead=ahead)
    rows = {
        "event": table([row for name in names for row in drawn.events(name)], EVENT),
        "trait": table([row for name in names for row in drawn.traits(name)], TRAIT),
        "membership": table([row for name in names for row in drawn.stays(name)], MEMBERSHIP),
    }
    if chance.random() < 0.6:
        known = [row for name in names for row in drawn.identifiers(name)]
        rows["identifier"] = pa.Table.from_pylist(known, schema=IDENTIFIER)
    lists = {listed: {name: drawn.at(name) for name in names if chance.random() < 0.3} for listed in LISTS}
    told = {name: part.to_pylist() for name, part in rows.items()}
    people = people_of(
        events=told["event"],
        traits=told["trait"],
        stays=told["membership"],
        identifiers=told.get("identifier"),
        lists=lists,
    )
    return World(rows=rows, people=people, lists=lists, zone=zone, as_of=as_of)


def _situation(chance: Random) -> tuple[ZoneInfo, datetime]:
    zone, as_of = chance.choice(SITUATIONS)
    return ZoneInfo(zone), datetime.fromisoformat(as_of).replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class _Drawn:
    """Rows of one person. Instants stand on the edges of windows, or a microsecond, or an hour, beside them.

    Nobody has heard yet of those who are `ahead`: all of theirs is still to come.
    """

    chance: Random
    zone: ZoneInfo
    as_of: datetime
    ahead: frozenset[str]

    def at(self, name: str) -> datetime:
        """As the store keeps instants: UTC, and not said."""
        soon = timedelta(microseconds=self.chance.choice([1, 3_600_000_000]))
        return (self.as_of + soon if name in self.ahead else self.instant()).replace(tzinfo=None)

    def after(self, at: datetime) -> datetime:
        short = [timedelta(0), *(elapsed(one) for one in SHORT_DURATIONS)]
        return at + self.chance.choice(short) + timedelta(microseconds=self.chance.choice([0, 0, 1]))

    def instant(self) -> datetime:
        chance = self.chance
        edge = self.as_of
        if chance.random() < 0.8:
            edge = moved(edge, chance.choice(DURATIONS), self.zone, chance.choice([-1, -1, -1, -1, 1]))
        beside = chance.choice([timedelta(0), timedelta(0), timedelta(microseconds=1), timedelta(hours=1)])
        return edge + chance.choice([-1, 1]) * beside

    def moment(self) -> Any:
        """A date of the data, as somebody might have written it."""
        chance = self.chance
        if chance.random() < 0.25:
            return chance.choice([*ODD_MOMENTS, None, 20260310])
        instant = self.instant()
        clock = instant.astimezone(self.zone).replace(tzinfo=None)
        offset = timedelta(minutes=chance.choice([0, 330, -300]))
        there = (instant + offset).replace(tzinfo=None)
        minutes = int(offset.total_seconds() // 60)
        sign, hours = "-" if minutes < 0 else "+", abs(minutes) // 60
        return chance.choice(
            [
                clock.isoformat()[:10],
                clock.isoformat(),
                clock.isoformat(sep=" "),
                instant.replace(tzinfo=None).isoformat() + "Z",
                there.isoformat() + f"{sign}{hours:02}:{abs(minutes) % 60:02}",
                there.isoformat(sep=" ") + f"{sign}{hours:02}{abs(minutes) % 60:02}",
            ]
        )

    def scalar(self) -> Any:
        kind = self.chance.random()
        if kind < 0.1:
            return self.chance.choice([None, True, False])
        return self.chance.choice(NUMBERS if kind < 0.5 else TEXTS)

    def some(self) -> list[Any]:
        return [self.inner() for _ in range(self.chance.randrange(4))]

    def inner(self) -> Any:
        kind = self.chance.random()
        if kind < 0.75:
            return self.scalar()
        if kind < 0.9:
            return self.moment()
        return self.chance.choice([[], ["x", 5], [["x"]], {"n": 5}, [None]])

    def value(self, key: str) -> Any:
        kind = self.chance.random()
        if kind < 0.08:
            return self.some()
        if kind < 0.14:
            return self.scalar()
        match key:
            case "n":
                return self.chance.choice(NUMBERS)
            case "when":
                return self.moment()
            case "l":
                return self.some()
            case "o":
                return self.object(("n", "l", "when"))
            case "items":
                return [self.item() for _ in range(self.chance.randrange(4))]
        return self.scalar()

    def item(self) -> Any:
        return self.object(("n", "s", "l", "when")) if self.chance.random() < 0.85 else self.inner()

    def object(self, keys: Sequence[str]) -> dict[str, Any]:
        return {key: self.value(key) for key in keys if self.chance.random() < 0.6}

    def events(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for _ in range(self.chance.randrange(9)):
            found.append(self.event(name, found))
        return found

    def event(self, name: str, before: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Half of them stand at the limit of a next step after one before, or in the same instant."""
        told = self.object(("n", "s", "l", "when", "o", "items", "0", "a.b", 'q"k', "é x"))
        escaped = self.chance.random() < 0.3
        return {
            "profile_id": name,
            "event": self.chance.choice(EVENTS),
            "at": self.after(self.chance.choice(before)["at"])
            if before and self.chance.random() < 0.5
            else self.at(name),
            "source": self.chance.choice(SOURCES),
            "properties": None if self.chance.random() < 0.05 else json.dumps(told, ensure_ascii=escaped),
        }

    def traits(self, name: str) -> list[Any]:
        """Of one trait at most one writing in an instant, as the store keeps it."""
        told = {(key, self.at(name)): self.value(key) for key in TRAITS for _ in range(self.chance.randrange(3))}
        told["known", self._since(name)] = True
        return [trait(name, key, value, at) for (key, at), value in told.items()]

    def stays(self, name: str) -> list[Any]:
        begun = [self.at(name) for _ in range(self.chance.randrange(3))]
        ended = [self.chance.choice([None, self.at(name)]) for _ in begun]
        return [
            stay(self.chance.choice(["vip", "inner"]), name, entered, left)
            for entered, left in zip(begun, ended, strict=True)
            if left is None or left >= entered
        ]

    def identifiers(self, name: str) -> list[dict[str, Any]]:
        types = ["anonymous_id", *(["email"] if self.chance.random() < 0.7 else [])]
        return [{"profile_id": name, "type": kind, "first_seen": self._since(name)} for kind in types]

    def _since(self, name: str) -> datetime:
        return self.at(name) if name in self.ahead else datetime(1990, 1, 1)  # noqa: DTZ001


# Conditions

numbers = st.sampled_from(NUMBERS)
scalars = st.one_of(st.sampled_from(TEXTS), numbers, st.booleans())
durations = st.sampled_from(DURATIONS)
short_durations = st.sampled_from(SHORT_DURATIONS)
counts = st.builds(d.Count, comparator=st.sampled_from(get_args(d.CountComparator)), number=st.integers(0, 3))
sources = st.builds(
    d.Matches,
    comparator=st.sampled_from(["equals", "not_equals", "contains", "starts_with"]),
    values=st.tuples(st.sampled_from([*SOURCES, "x", "w"])),
)
matches = st.one_of(
    st.builds(d.Matches, comparator=st.sampled_from(["equals", "not_equals"]), values=st.tuples(scalars)),
    st.builds(
        d.Matches,
        comparator=st.sampled_from(["one_of", "none_of", "contains", "omits", "starts_with", "ends_with"]),
        values=st.lists(scalars, min_size=1, max_size=3).map(tuple),
    ),
)
amounts = st.builds(d.Amount, comparator=st.sampled_from(get_args(d.NumberComparator)), number=numbers)
relatives = st.builds(d.Relative, comparator=st.sampled_from(get_args(d.RelativeComparator)), duration=durations)
presences = st.builds(d.Presence, comparator=st.sampled_from(get_args(d.PresenceComparator)))
whole_numbers = st.one_of(
    amounts,
    st.builds(d.Matches, comparator=st.sampled_from(["equals", "not_equals"]), values=st.tuples(numbers)),
)


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """Strategies of conditions that ask about the instants of one world."""

    zone: ZoneInfo
    as_of: datetime

    def instants(self) -> st.SearchStrategy[datetime]:
        edges = [moved(self.as_of, one, self.zone, sign) for one in DURATIONS for sign in (-1, 1)]
        return st.sampled_from([self.as_of, *edges])

    def moments(self) -> st.SearchStrategy[date]:
        def clock(instant: datetime) -> datetime:
            return instant.astimezone(self.zone).replace(tzinfo=None, fold=0)

        return st.one_of(self.instants(), self.instants().map(clock), self.instants().map(lambda at: clock(at).date()))

    def tests(self) -> st.SearchStrategy[d.Test]:
        dated = st.builds(d.Moment, comparator=st.sampled_from(["before", "after"]), moment=self.moments())
        return st.one_of(matches, amounts, dated, relatives, presences)

    def likes(self, *, follows: bool) -> st.SearchStrategy[d.Like]:
        of_trait = st.builds(d.Reference, of=st.just("trait"), path=st.sampled_from(TRAITS))
        of_parent = st.builds(d.Reference, of=st.just("parent"), path=st.sampled_from(PATHS))
        return st.builds(
            d.Like,
            comparator=st.sampled_from(get_args(d.LikeComparator)),
            reference=st.one_of(of_trait, of_parent) if follows else of_trait,
        )

    def echoes(self) -> st.SearchStrategy[d.PropertyTest]:
        """The same property of the event before: more often the same value than any other would be."""

        def echo(path: str, comparator: d.LikeComparator) -> d.PropertyTest:
            like = d.Like(comparator=comparator, reference=d.Reference(of="parent", path=path))
            return d.PropertyTest(path=path, test=like)

        return st.builds(echo, st.sampled_from(PATHS), st.sampled_from(get_args(d.LikeComparator)))

    def filters(self, depth: int, *, follows: bool) -> st.SearchStrategy[d.Filter]:
        paths = st.sampled_from(PATHS)
        plain = st.builds(d.PropertyTest, path=paths, test=self.tests())
        like = st.builds(d.PropertyTest, path=paths, test=self.likes(follows=follows))
        leaf = st.one_of(plain, plain, like, self.echoes()) if follows else st.one_of(plain, plain, like)
        if depth == 0:
            return leaf
        inner = st.deferred(lambda: self.filters(depth - 1, follows=follows))
        some = st.lists(inner, min_size=1, max_size=2).map(tuple)
        groups = (
            st.builds(d.EveryTest, tests=some),
            st.builds(d.AnyTest, tests=some),
            st.builds(d.NoTest, test=inner),
        )
        return st.one_of(leaf, leaf, *groups, self.thens(depth - 1))

    def thens(self, depth: int) -> st.SearchStrategy[d.Then]:
        return st.builds(
            d.Then,
            step=self.steps(depth, follows=True),
            count=st.one_of(st.just(d.Count()), st.just(d.Count(comparator="exactly", number=0)), counts),
            within=st.none() | short_durations,
        )

    def steps(self, depth: int, *, follows: bool) -> st.SearchStrategy[d.Step]:
        return st.builds(
            d.Step,
            event=st.sampled_from(EVENTS),
            where=st.lists(self.filters(depth, follows=follows), max_size=2).map(tuple),
            source=st.one_of(st.none(), st.none(), sources),
        )

    def windows(self) -> st.SearchStrategy[d.Window | None]:
        ends = st.none() | self.moments()
        between = st.tuples(durations, durations).map(lambda pair: d.Between(newest=pair[0], oldest=pair[1]))
        return st.one_of(
            st.none(), st.builds(d.Within, last=durations), between, st.builds(d.Dates, start=ends, end=ends)
        )

    def measures(self) -> st.SearchStrategy[d.Count | d.Aggregate]:
        paths = st.sampled_from([path for path in PATHS if "$" not in path])
        of_numbers = st.sampled_from(["sum", "average", "min", "max", "distinct"])
        of_values = st.sampled_from(["first", "last", "most_frequent"])
        return st.one_of(
            st.just(d.Count()),
            counts,
            st.builds(d.Aggregate, reducer=of_numbers, property=paths, test=whole_numbers),
            st.builds(d.Aggregate, reducer=of_values, property=paths, test=self.tests(), minimum=st.integers(1, 2)),
        )

    def events(self) -> st.SearchStrategy[d.Event]:
        plain = st.builds(d.Event, step=self.steps(2, follows=False), measure=self.measures(), window=self.windows())
        followed = self.thens(1).map(lambda then: (then,))
        funnel = st.builds(
            d.Event,
            step=st.builds(d.Step, event=st.sampled_from(EVENTS), where=followed),
            window=st.none() | self.windows(),
        )
        return st.one_of(plain, plain, funnel)

    def leaves(self) -> st.SearchStrategy[d.Condition]:
        event = self.events()
        return st.one_of(
            event,
            event,
            st.builds(d.Trait, trait=st.sampled_from(TRAITS), test=self.tests()),
            st.builds(d.Member, audience=st.sampled_from(AUDIENCES), inside=st.booleans()),
            st.builds(d.Listed, list=st.sampled_from(LISTS), inside=st.booleans()),
        )

    def trees(self, depth: int) -> st.SearchStrategy[d.Condition]:
        if depth == 0:
            return self.leaves()
        inner = st.deferred(lambda: self.trees(depth - 1))
        some = st.lists(inner, min_size=1, max_size=3).map(tuple)
        return st.one_of(
            self.leaves(),
            self.leaves(),
            st.builds(d.All, conditions=some),
            st.builds(d.AnyOf, conditions=some),
            st.builds(d.Not, condition=inner),
        )


@lru_cache
def definitions(conditions: Conditions, key: str, depth: int) -> st.SearchStrategy[d.Definition]:
    """Kept, as strategies are dear to make and situations few."""
    return st.builds(
        d.Definition,
        key=st.just(key),
        name=st.just(key),
        who=conditions.trees(depth),
        anonymous=st.sampled_from([True, True, True, False]),
        sample=st.sampled_from([100.0, 100.0, 60.0, 12.5, 0.1]),
        split=st.sampled_from(SPLITS),
        since=st.one_of(st.none(), st.none(), st.just("now"), conditions.moments()),
    )
