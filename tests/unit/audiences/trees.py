"""Condition trees made at random: every kind that a document can hold."""

from datetime import UTC
from functools import cache
from typing import get_args

from hypothesis import strategies as st

from guestlist.audiences import definition as d
from guestlist.audiences.comparators import ONE_VALUE, SOME_VALUES
from guestlist.audiences.events import OF_NUMBERS, OF_VALUES
from guestlist.audiences.identifier_lists import IDENTIFIERS
from guestlist.audiences.reading import EXACT
from guestlist.audiences.steps import split_path

ALPHABET = st.characters(exclude_categories=("Cs", "Cc"), include_characters="\n\t'\"\\.$: ")
TEXTS = st.one_of(
    st.sampled_from(
        ["DE", "NO", "true", "null", "5", "2026-01-31", "it's", 'say "x"', "a\\b", "C:\\", "- x", "#1", ""]
    ),
    st.text(ALPHABET, max_size=12),
)
WORDS = (
    "total",
    "id",
    "all",
    "any",
    "not",
    "then",
    "equals",
    "at_least",
    "event",
    "where",
    "parent",
    "Größe",
    "a b",
    "7",
)
NAMES = st.one_of(st.sampled_from(WORDS), st.text(ALPHABET, min_size=1, max_size=12).filter(lambda t: not t.isspace()))
NAMES = NAMES.filter(lambda name: "\\." not in name)
PARTS = st.one_of(st.sampled_from((*WORDS, "$", "0", "a\\.b")), st.text("abcé _-'\"", min_size=1, max_size=4))
PATHS = st.lists(PARTS, min_size=1, max_size=3).map(".".join)
PATHS = PATHS.filter(lambda path: not path.isspace() and not ("$" in path and '"' in path))
SINGLE_PATHS = PATHS.filter(lambda path: "$" not in split_path(path))
NUMBERS = st.one_of(st.integers(-EXACT, EXACT), st.floats(allow_nan=False, allow_infinity=False))
SCALARS = st.one_of(TEXTS, NUMBERS, st.booleans())
ELAPSING = st.builds(
    d.Duration, amount=st.integers(1, 5_000), unit=st.sampled_from(["minutes", "hours", "days", "weeks"])
)
DURATIONS = st.one_of(
    ELAPSING, st.builds(d.Duration, amount=st.integers(1, 100), unit=st.sampled_from(["months", "years"]))
)
DAYS = st.dates()
MOMENTS = st.one_of(
    DAYS,
    st.datetimes(timezones=st.sampled_from([None, UTC])).map(lambda moment: moment.replace(fold=0)),
)
LIKE = st.sampled_from(get_args(d.LikeComparator))


def values(least: int = 1) -> st.SearchStrategy[tuple[d.Scalar, ...]]:
    return st.lists(SCALARS, min_size=least, max_size=3).map(tuple)


MATCHES = st.one_of(
    st.builds(d.Matches, comparator=st.sampled_from(ONE_VALUE), values=st.tuples(SCALARS)),
    st.builds(d.Matches, comparator=st.sampled_from(SOME_VALUES), values=values()),
)
AMOUNTS = st.builds(d.Amount, comparator=st.sampled_from(get_args(d.NumberComparator)), number=NUMBERS)
TESTS = st.one_of(
    MATCHES,
    AMOUNTS,
    st.builds(d.Moment, comparator=st.sampled_from(get_args(d.DateComparator)), moment=MOMENTS),
    st.builds(d.Relative, comparator=st.sampled_from(get_args(d.RelativeComparator)), duration=DURATIONS),
    st.builds(d.Presence, comparator=st.sampled_from(get_args(d.PresenceComparator))),
)
COUNTS = st.builds(d.Count, comparator=st.sampled_from(get_args(d.CountComparator)), number=st.integers(0, 9))
NUMBER_TESTS = st.one_of(
    AMOUNTS, st.builds(d.Matches, comparator=st.sampled_from(ONE_VALUE), values=st.tuples(NUMBERS))
)
AGGREGATES = st.one_of(
    st.builds(d.Aggregate, reducer=st.sampled_from(OF_NUMBERS), property=SINGLE_PATHS, test=NUMBER_TESTS),
    st.builds(d.Aggregate, reducer=st.sampled_from(OF_VALUES[:2]), property=SINGLE_PATHS, test=TESTS),
    st.builds(
        d.Aggregate, reducer=st.just("most_frequent"), property=SINGLE_PATHS, test=TESTS, minimum=st.integers(1, 5)
    ),
)
WINDOWS = st.one_of(
    st.none(),
    st.builds(d.Within, last=DURATIONS),
    st.just(d.Between(newest=d.Duration(amount=7, unit="days"), oldest=d.Duration(amount=2, unit="months"))),
    st.builds(d.Dates, start=DAYS),
    st.builds(d.Dates, end=MOMENTS),
    st.tuples(DAYS, DAYS).map(sorted).map(lambda ends: d.Dates(start=ends[0], end=ends[1])),
)


@cache
def property_tests(*, follows: bool) -> st.SearchStrategy[d.Filter]:
    traits = st.builds(d.Reference, of=st.just("trait"), path=NAMES)
    parents = st.builds(d.Reference, of=st.just("parent"), path=PATHS)
    likes = st.builds(d.Like, comparator=LIKE, reference=st.one_of(traits, parents) if follows else traits)
    return st.builds(d.PropertyTest, path=PATHS, test=st.one_of(TESTS, likes))


@cache
def filters(deep: int, *, follows: bool, fewest: int) -> st.SearchStrategy[d.Filter]:
    """`fewest`: how many are in a group at least."""
    single = property_tests(follows=follows)
    if not deep:
        return single
    inside = st.deferred(lambda: filters(deep - 1, follows=follows, fewest=fewest))
    step = st.deferred(lambda: steps(deep - 1, follows=True, fewest=fewest))
    group = st.lists(inside, min_size=fewest, max_size=3).map(tuple)
    then = st.builds(d.Then, step=step, count=COUNTS, within=ELAPSING | st.none())
    return st.one_of(
        single,
        st.builds(d.EveryTest, tests=group),
        st.builds(d.AnyTest, tests=group),
        st.builds(d.NoTest, test=inside),
        then,
    )


@cache
def steps(deep: int, *, follows: bool, fewest: int) -> st.SearchStrategy[d.Step]:
    inside = st.deferred(lambda: filters(deep, follows=follows, fewest=fewest))
    where = st.lists(inside, max_size=3).map(tuple)
    return st.builds(d.Step, event=NAMES, where=where, source=MATCHES | st.none())


LISTS = st.one_of(
    st.builds(d.IdentifierList, identifier=st.sampled_from(IDENTIFIERS), column=NAMES, file=NAMES),
    st.builds(d.IdentifierList, identifier=NAMES, column=NAMES, query=NAMES),
)


def conditions(*, fewest: int = 1) -> st.SearchStrategy[d.Condition]:
    measures = st.one_of(COUNTS, AGGREGATES)
    leaves: st.SearchStrategy[d.Condition] = st.one_of(
        st.builds(d.Event, step=steps(2, follows=False, fewest=fewest), measure=measures, window=WINDOWS),
        st.builds(d.Trait, trait=NAMES, test=TESTS),
        st.builds(d.Member, audience=st.sampled_from(["vip", "left_a_cart"]), inside=st.booleans()),
        st.builds(d.Listed, list=LISTS, inside=st.booleans()),
        st.builds(d.External, audience=NAMES),
    )

    def grown(inside: st.SearchStrategy[d.Condition]) -> st.SearchStrategy[d.Condition]:
        group = st.lists(inside, min_size=fewest, max_size=3).map(tuple)
        return st.one_of(
            st.builds(d.All, conditions=group), st.builds(d.AnyOf, conditions=group), st.builds(d.Not, condition=inside)
        )

    return st.recursive(leaves, grown, max_leaves=6)


SCHEDULES: st.SearchStrategy[d.Schedule] = st.one_of(
    st.sampled_from(["on_change", "manual"]),
    st.builds(d.Duration, amount=st.integers(1, 24), unit=st.just("hours")),
    st.builds(d.Duration, amount=st.integers(1, 1440), unit=st.just("minutes")),
    st.builds(d.Cron, line=st.sampled_from(["0 6 * * *", "*/5 8-18 * * MON-FRI"])),
)
SYNCS = st.builds(
    d.Sync,
    to=st.sampled_from(["main", "brand", "no"]),
    when=SCHEDULES,
    mode=st.sampled_from(get_args(d.Mode)),
    adopt=st.sampled_from([None, False, "23850"]),
    rename=st.sampled_from(["follow", "keep"]),
)
