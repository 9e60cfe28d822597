"""A trait that is worked out, as values; the events it is made of are told as in a condition of an audience."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from guestlist.audiences.definition import Step, Window, compared_traits
from guestlist.audiences.mistakes import Mistake

TraitReducer = Literal[
    "count",
    "sum",
    "average",
    "min",
    "max",
    "most_frequent",
    "first",
    "last",
    "unique_list",
    "unique_list_count",
]
COMPUTED, SQL = "computed", "sql"
"""What stands as the source of a value that nobody sent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Takings:
    """Events and the number each of them brings."""

    step: Step
    path: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ComputedTrait:
    """One value of each person with such events. `less`: what is taken off a sum.

    `minimum`: so often the most frequent value must be there, or there is none.
    `path` is the property; empty when counting.
    """

    key: str
    name: str
    step: Step
    reducer: TraitReducer
    path: str = ""
    window: Window | None = None
    minimum: int = 2
    less: Takings | None = None
    description: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        """The traits that people have by it."""
        return (self.key,)


@dataclass(frozen=True, kw_only=True, slots=True)
class SqlTrait:
    """What a query gives: `columns` are the traits by key, each with its column.

    `identifier` is the column that says whose they are, and the type of identifier in it; None: the only one there is.
    """

    key: str
    name: str
    query: str
    columns: tuple[tuple[str, str], ...]
    identifier: str | None = None
    description: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        """The traits that people have by it."""
        return tuple(key for key, _ in self.columns)


TraitDefinition = ComputedTrait | SqlTrait


def compared_with(trait: ComputedTrait) -> frozenset[str]:
    """The traits that its events are compared with."""
    return compared_traits(trait.step) | (compared_traits(trait.less.step) if trait.less else frozenset())


def circles(traits: Iterable[ComputedTrait]) -> tuple[tuple[str, ...], ...]:
    """Traits that are each worked out from the next, and the last from the first: each circle once, by their keys."""
    asked = {trait.key: sorted(compared_with(trait)) for trait in traits}
    found: list[tuple[str, ...]] = []
    done: set[str] = set()
    for key in sorted(asked):
        _follow(key, asked, (), done, found)
    return tuple(found)


def _follow(
    key: str, asked: Mapping[str, list[str]], way: tuple[str, ...], done: set[str], found: list[tuple[str, ...]]
) -> None:
    if key in way:
        found.append(way[way.index(key) :])
    elif key in asked and key not in done:
        for other in asked[key]:
            _follow(other, asked, (*way, key), done, found)
        done.add(key)


def told_circle(circle: tuple[str, ...], path: str) -> Mistake:
    """The mistake that a circle is."""
    if len(circle) == 1:
        told = f"`{circle[0]}` is worked out from itself."
    else:
        way = " -> ".join(f"`{key}`" for key in (*circle, circle[0]))
        told = f"traits are worked out from each other in a circle: {way}."
    return Mistake(path=path, message=told, suggestion="Compare with another trait, or with what is written down.")
