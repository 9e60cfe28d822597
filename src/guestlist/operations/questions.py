"""Audiences asked of a desk: which one is meant, as of when, about whom."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

from guestlist.asking import question, together
from guestlist.audiences import evaluate as evaluating
from guestlist.audiences.definition import Definition
from guestlist.audiences.document import read_folder
from guestlist.audiences.mistakes import DefinitionError, did_you_mean
from guestlist.audiences.question import Question
from guestlist.audiences.traits.document import read_folder as read_traits
from guestlist.errors import WrongUseError
from guestlist.operations.desk import Desk
from guestlist.space import Space
from guestlist.store import Warehouse
from guestlist.telling import people


@contextmanager
def asked(
    desk: Desk, key: str, as_of: str | None, person: str | None = None, *, beside: str | None = None
) -> Iterator[tuple[Warehouse, Definition, Question, tuple[Definition, ...]]]:
    """The audience, and what it and the one beside it ask; `person`, as typed, where nobody else is asked about."""
    definitions, one = read_one(desk.space, key)
    at = instant_of(as_of, desk.space)
    # What is temporary is seen by a stream of a transaction only.
    with desk.people() as warehouse, warehouse.transaction():
        alone = None if person is None else people.find(warehouse, desk.space, person)
        chosen = [one] if beside is None else [one, read_one(desk.space, beside)[1]]
        about = [each for some in chosen for each in together(definitions, some)]
        yield warehouse, one, question_of(warehouse, desk, at, about, alone), definitions


def read_one(space: Space, key: str) -> tuple[tuple[Definition, ...], Definition]:
    """All audiences and the one that was named."""
    definitions = evaluating.in_order(read_folder(space.audiences))
    by_key = {one.key: one for one in definitions}
    if key in by_key:
        return definitions, by_key[key]
    hint = did_you_mean(key, by_key) or (f"Here are: {', '.join(sorted(by_key))}." if by_key else "There is none yet.")
    raise WrongUseError("unknown_audience", f"There is no audience `{key}` in {space.audiences.name}/.", next_step=hint)


def question_of(
    warehouse: Warehouse,
    desk: Desk,
    at: datetime | None,
    about: Iterable[Definition],
    person: str | None = None,
) -> Question:
    """What these audiences ask, of now or of an instant gone by: `person` where nobody else is asked about."""
    return question(
        desk.space,
        warehouse,
        about,
        read_traits(desk.space.traits),
        at=desk.clock.now() if at is None else at,
        gone_by=at is not None,
        profile_id=person,
    )


def instant_of(typed: str | None, space: Space, *, begins: bool = False) -> datetime | None:
    """The last instant of a day that was typed, or its first."""
    try:
        return None if typed is None else evaluating.as_of(typed, space.settings.zone, begins=begins)
    except DefinitionError as error:
        raise WrongUseError("bad_date", error.message, next_step="For example: --as-of 2026-01-31") from None
