"""Hooks: where the moves of people into and out of audiences are sent, how far each is, and what was refused for good.

A letter is a dead letter: moves that were refused, and the later ones of the same people, which must not overtake them.
Nothing here tells of anybody but by a profile's id.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeVar

import orjson
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Index,
    Integer,
    RowMapping,
    Select,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
    update,
)

from guestlist.errors import WrongUseError
from guestlist.store.journal_file import NOTHING_CHANGED, JournalPart
from guestlist.store.journal_tables import metadata

Kind = Literal["webhook", "segment"]
Calls = Literal["both", "track", "identify"]
_AT_ONCE = 500
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Hook:
    """One address. `audiences`: empty for all; `also`: what is sent of people beside their ids.

    `upto` is the last move that was dealt with: None before the owner of the space has seen the hook. `from_start`: who is
    in an audience when the hook begins is sent as entering. `code` is what the last try came to, `stopped` why nothing more
    is sent until a person says so. `mark` makes ids of messages unique, also after a hook was made anew under its name.
    """

    name: str
    mark: str
    url: str
    kind: Kind
    calls: Calls = "both"
    audiences: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    from_start: bool = False
    made_at: int
    upto: int | None = None
    sent: int = 0
    left_out: int = 0
    sent_at: int | None = None
    failures: int = 0
    again_at: int | None = None
    code: str | None = None
    stopped: str | None = None


@dataclass(frozen=True, kw_only=True)
class Letter:
    """Moves that wait for a person, how many, and why; `asked_at`: since when they are to be sent again."""

    id: int
    hook: str
    at: int
    code: str
    moves: int
    people: int
    asked_at: int | None = None


@dataclass(frozen=True, kw_only=True)
class OwedExit:
    """An exit of somebody who was erased: the ids to name are in the vault until it is sent.

    `letter`: the dead letter that holds it, under the number `-id` and nobody's name, where it was refused.
    """

    id: int
    hook: str
    audience: str
    at: int
    letter: int | None = None

    @property
    def sealed_as(self) -> str:
        return f"exit {self.id} of hook {self.hook}"


Held = tuple[int, str]
"""A move's number, and whose it is."""

hook = Table(
    "hook",
    metadata,
    Column("name", Text, primary_key=True),
    Column("mark", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("calls", Text, nullable=False),
    Column("audiences", Text, nullable=False),
    Column("also", Text, nullable=False),
    Column("from_start", Boolean, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("upto", BigInteger),
    Column("sent", BigInteger, nullable=False),
    Column("left_out", BigInteger, nullable=False),
    Column("sent_at", BigInteger),
    Column("failures", Integer, nullable=False),
    Column("again_at", BigInteger),
    Column("code", Text),
    Column("stopped", Text),
)
letter = Table(
    "letter",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("hook", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("code", Text, nullable=False),
    Column("asked_at", BigInteger),
)
letter_move = Table(
    "letter_move",
    metadata,
    Column("letter", Integer, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("profile_id", Text, nullable=False),
    Index("ix_letter_move_profile_id", "profile_id"),
)
owed_exit = Table(
    "owed_exit",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("hook", Text, nullable=False),
    Column("audience", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)
_LISTS = ("audiences", "also")


class HookRecords(JournalPart):
    """The part of the journal that keeps them."""

    # --- by any process, beside the owner -----------------------------------------------------------------------------

    def add_hook(self, new: Hook) -> None:
        """Record a new hook; it begins with the owner's next evaluation."""
        with self._write() as connection:
            if connection.scalar(select(hook.c.name).where(hook.c.name == new.name)) is not None:
                raise WrongUseError(
                    "hook_exists",
                    f"There is a hook '{new.name}' already.",
                    nothing_lost=NOTHING_CHANGED,
                    next_step=f"Choose another name, or take it away first: guestlist hooks remove {new.name}",
                )
            values = asdict(new)
            connection.execute(
                insert(hook).values({**values, **{one: orjson.dumps(values[one]).decode() for one in _LISTS}})
            )

    def remove_hook(self, name: str) -> bool:
        """Take it away with all that waits. False when there is none."""
        with self._write() as connection:
            letters = select(letter.c.id).where(letter.c.hook == name)
            connection.execute(delete(letter_move).where(letter_move.c.letter.in_(letters)))
            for table in (letter, owed_exit):
                connection.execute(delete(table).where(table.c.hook == name))
            return bool(connection.execute(delete(hook).where(hook.c.name == name)).rowcount)

    def hooks(self) -> list[Hook]:
        """All of them, by name."""
        with self._read() as connection:
            return [_hook(row) for row in connection.execute(select(hook).order_by(hook.c.name)).mappings()]

    def letters(self, name: str | None = None) -> list[Letter]:
        """Dead letters, the oldest first."""
        with self._read() as connection:
            rows = connection.execute(_letters(name).order_by(letter.c.id)).mappings()
            return [Letter(**row) for row in rows]

    def letters_page(self, name: str | None, *, most: int, before: int | None) -> list[Letter]:
        """The newest first, so many; `before`: only those with a smaller number."""
        query = _letters(name).order_by(letter.c.id.desc()).limit(most)
        if before is not None:
            query = query.where(letter.c.id < before)
        with self._read() as connection:
            return [Letter(**row) for row in connection.execute(query).mappings()]

    def ask_letters_again(self, name: str, number: int | None = None, *, now: int) -> int:
        """Ask for one dead letter of a hook, or for all, to be sent again, and for a hook that stopped to go on."""
        with self._write() as connection:
            asked = update(letter).where(letter.c.hook == name)
            asked = asked if number is None else asked.where(letter.c.id == number)
            found = connection.execute(asked.values(asked_at=now)).rowcount
            goes_on = {"stopped": None, "failures": 0, "again_at": None}
            connection.execute(update(hook).where(hook.c.name == name).values(goes_on))
            return int(found)

    def drop_letter(self, name: str, number: int) -> bool:
        """Give up a dead letter: its moves are never sent, later ones of its people are."""
        with self._write() as connection:
            named = (letter.c.hook == name) & (letter.c.id == number)
            if not connection.execute(delete(letter).where(named)).rowcount:
                return False
            mine = letter_move.c.letter == number
            owed = select(-letter_move.c.number).where(mine, letter_move.c.number < 0)
            connection.execute(delete(owed_exit).where(owed_exit.c.id.in_(owed)))
            connection.execute(delete(letter_move).where(mine))
            return True

    # --- by the owner -------------------------------------------------------------------------------------------------

    def begin_hook(self, name: str, upto: int) -> None:
        """From here on its moves are sent: those with a greater number."""
        with self._owned() as connection:
            connection.execute(update(hook).where(hook.c.name == name).values(upto=upto))

    def passed(
        self, name: str, upto: int, *, sent: int, left_out: int, held: Iterable[tuple[int, Held]], now: int
    ) -> None:
        """Moves up to a number are dealt with: sent, left out, or added to letters, (letter, move), behind others."""
        with self._owned() as connection:
            _hold(connection, held)
            values = {"upto": upto, "left_out": hook.c.left_out + left_out}
            if sent:
                values |= {"sent": hook.c.sent + sent, "sent_at": now, "failures": 0, "again_at": None, "code": None}
            connection.execute(update(hook).where(hook.c.name == name).values(values))

    def failed(self, name: str, code: str, *, failures: int, again_at: int | None) -> None:
        """A request came to nothing; it is tried again at an instant."""
        with self._owned() as connection:
            values = {"code": code, "failures": failures, "again_at": again_at}
            connection.execute(update(hook).where(hook.c.name == name).values(values))

    def stop_hook(self, name: str, code: str) -> None:
        """Send nothing more until a person says so."""
        with self._owned() as connection:
            values = {"code": code, "stopped": code, "failures": 0, "again_at": None}
            connection.execute(update(hook).where(hook.c.name == name).values(values))

    def bury(self, name: str, code: str, moves: Sequence[Held], *, now: int) -> None:
        """Make a dead letter of moves, unless the hook was taken away meanwhile."""
        with self._owned() as connection:
            goes_on = update(hook).where(hook.c.name == name).values(failures=0, again_at=None, code=code)
            if not connection.execute(goes_on).rowcount:
                return
            made = connection.execute(insert(letter).values(hook=name, at=now, code=code))
            assert made.inserted_primary_key is not None
            number = int(made.inserted_primary_key[0])
            _hold(connection, ((number, move) for move in moves))

    def bury_again(self, number: int, code: str) -> None:
        """A letter that was asked for was refused once more."""
        with self._owned() as connection:
            connection.execute(update(letter).where(letter.c.id == number).values(code=code, asked_at=None))

    def delivered(self, number: int, moves: Collection[int]) -> None:
        """Moves of a letter arrived, or are not to be sent; a letter without any is gone."""
        with self._owned() as connection:
            for part in _parts(sorted(moves)):
                mine = (letter_move.c.letter == number) & letter_move.c.number.in_(part)
                connection.execute(delete(letter_move).where(mine))
            _drop_empty(connection)

    def letter_moves(self, number: int, *, limit: int | None = None) -> list[int]:
        """The first moves of a letter, in their order."""
        query = select(letter_move.c.number).where(letter_move.c.letter == number).order_by(letter_move.c.number)
        with self._read() as connection:
            return list(connection.scalars(query.limit(limit)))

    def held_people(self, name: str) -> Mapping[str, int]:
        """Whose moves wait in which letter of a hook."""
        query = select(letter_move.c.profile_id, func.min(letter_move.c.letter)).join(
            letter, letter.c.id == letter_move.c.letter
        )
        query = query.where(letter.c.hook == name).group_by(letter_move.c.profile_id)
        with self._read() as connection:
            return {str(row[0]): int(row[1]) for row in connection.execute(query)}

    def held_moves(self) -> list[int]:
        """The numbers of all moves that wait in letters."""
        with self._read() as connection:
            return list(connection.scalars(select(letter_move.c.number).distinct()))

    # --- people who are erased ----------------------------------------------------------------------------------------

    def forget_moves(self, profile_ids: Collection[str]) -> None:
        """Take the moves of people out of all letters."""
        with self._write() as connection:
            for part in _parts(sorted(profile_ids)):
                connection.execute(delete(letter_move).where(letter_move.c.profile_id.in_(part)))
            _drop_empty(connection)

    def owe_exit(self, name: str, audience: str, *, at: int) -> OwedExit:
        with self._write() as connection:
            made = connection.execute(insert(owed_exit).values(hook=name, audience=audience, at=at))
            assert made.inserted_primary_key is not None
            return OwedExit(id=int(made.inserted_primary_key[0]), hook=name, audience=audience, at=at)

    def owed_exits(self, name: str) -> list[OwedExit]:
        with self._read() as connection:
            held = letter_move.c.number == -owed_exit.c.id
            query = select(owed_exit, letter_move.c.letter).join(letter_move, held, isouter=True)
            query = query.where(owed_exit.c.hook == name).order_by(owed_exit.c.id)
            return [OwedExit(**row) for row in connection.execute(query).mappings()]

    def exit_told(self, number: int) -> None:
        with self._owned() as connection:
            connection.execute(delete(owed_exit).where(owed_exit.c.id == number))


def _hook(row: RowMapping) -> Hook:
    lists = {name: tuple(orjson.loads(str(row[name]))) for name in _LISTS}
    return Hook(**{**row, **lists})


def _hold(connection: Connection, held: Iterable[tuple[int, Held]]) -> None:
    lines = [{"letter": number, "number": move, "profile_id": whose} for number, (move, whose) in held]
    if lines:
        connection.execute(insert(letter_move).prefix_with("OR IGNORE"), lines)


def _drop_empty(connection: Connection) -> None:
    connection.execute(delete(letter).where(letter.c.id.not_in(select(letter_move.c.letter))))


def _parts(values: Sequence[T]) -> Iterable[Sequence[T]]:
    return (values[at : at + _AT_ONCE] for at in range(0, len(values), _AT_ONCE))


def _letters(name: str | None) -> Select[Any]:
    counted = select(
        letter_move.c.letter,
        func.count().label("moves"),
        func.count(letter_move.c.profile_id.distinct()).label("people"),
    ).group_by(letter_move.c.letter)
    held = counted.subquery()
    query = select(letter, held.c.moves, held.c.people).join(held, held.c.letter == letter.c.id)
    return query if name is None else query.where(letter.c.hook == name)
