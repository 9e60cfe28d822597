"""What is wrong with a definition: where, why, and what was probably meant."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field

from guestlist.errors import GuestlistError

# What people who know SQL, Segment or a rival's builder would type.
OTHER_NAMES = {
    "=": "equals", "==": "equals", "eq": "equals", "is": "equals", "equal": "equals",
    "!=": "not_equals", "<>": "not_equals", "ne": "not_equals", "is_not": "not_equals",
    ">": "greater_than", "gt": "greater_than", "more_than": "greater_than", "above": "greater_than",
    ">=": "at_least", "gte": "at_least", "ge": "at_least", "minimum": "at_least",
    "<": "less_than", "lt": "less_than", "below": "less_than", "fewer_than": "less_than",
    "<=": "at_most", "lte": "at_most", "le": "at_most", "maximum": "at_most",
    "in": "one_of", "not_in": "none_of", "includes": "contains", "excludes": "omits", "not_contains": "omits",
    "prefix": "starts_with", "suffix": "ends_with", "is_set": "exists", "is_null": "absent", "missing": "absent",
    "before_date": "before", "after_date": "after", "avg": "average", "mean": "average", "unique": "distinct",
    "count": "exactly", "times": "exactly", "last": "within", "in_the_last": "within", "during": "within",
    "and": "all", "or": "any", "none": "not", "properties": "where", "filter": "where", "since": "from", "until": "to",
    "audience": "member_of", "segment": "member_of", "in_audience": "member_of", "property": "trait",
    "conditions": "who", "definition": "who", "id": "key", "title": "name", "destination": "to", "schedule": "every",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Mistake:
    """`excerpt`: the words at fault with a mark below, in lines of their own."""

    path: str
    message: str
    suggestion: str = ""
    excerpt: str = ""

    def __str__(self) -> str:
        said = " ".join(part for part in (f"{self.path}: {self.message}", self.suggestion) if part)
        return f"{said}\n{self.excerpt}" if self.excerpt else said


@dataclass(kw_only=True, slots=True)
class Mistakes:
    """Collects, so that a person sees everything at once instead of one mistake per try."""

    found: list[Mistake] = field(default_factory=list)

    def add(self, path: str, message: str, suggestion: str = "", *, excerpt: str = "") -> None:
        mistake = Mistake(path=path or "file", message=message, suggestion=suggestion, excerpt=excerpt)
        if mistake not in self.found:
            self.found.append(mistake)


class DefinitionError(GuestlistError):
    """Every mistake of one or more definitions."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__(
            "definition_mistakes",
            "\n".join(str(mistake) for mistake in self.mistakes),
            nothing_lost="Nothing was changed.",
            next_step="Correct the definition and run the command again.",
        )


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """A question naming the nearest known word, or nothing when none is near."""
    near = nearest(word, known)
    return "" if near is None else f"Did you mean `{near}`?"


def nearest(word: object, known: Iterable[str]) -> str | None:
    """The known word that was probably meant."""
    choices = sorted(known)
    text = str(word)
    other = OTHER_NAMES.get(text.casefold())
    if other in choices:
        return other
    folded = {choice.casefold(): choice for choice in choices}
    near = difflib.get_close_matches(text.casefold().replace(" ", "_").replace("-", "_"), folded, n=1, cutoff=0.6)
    near = near or difflib.get_close_matches(text.casefold(), folded, n=1, cutoff=0.6)
    return folded[near[0]] if near else None
