"""Moves: who entered and who exited, kept in order from the evaluation on until every hook has sent them.

The owner of the space keeps them in the warehouse; a hook reads them from there in lots, by its own thread, each with what
is known of the person now. So identifiers are stored nowhere else, and an erasure has nowhere else to go to.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import ibis

from guestlist.audiences.evaluate import MOVE, append_moves
from guestlist.audiences.traits.keeping import COMPUTED_TRAIT
from guestlist.clock import instant
from guestlist.profiles.relations import ALIAS, IDENTIFIER
from guestlist.store import Table, Warehouse
from guestlist.store.functions import microseconds_of
from guestlist.store.in_memory import in_memory
from guestlist.store.journal import Journal
from guestlist.store.journal_hooks import Hook

_ANCHOR = "anchor"
"""Stands in `audience` and `hook` of a line that only keeps the greatest number; no hook can be called so."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """Somebody entered an audience (`inside`) or exited it `at` an instant in microseconds; and who that is now.

    `lapsed`: identifiers that a source took back. Nobody enters by them, but whoever was told of by them exits by them.
    """

    number: int
    audience: str
    inside: bool
    at: int
    profile_id: str
    identifiers: tuple[tuple[str, str], ...] = ()
    lapsed: tuple[tuple[str, str], ...] = ()
    traits: Mapping[str, str] = field(default_factory=dict)

    def ids(self, kind: str) -> list[str]:
        """The identifiers of a type that may name the person, in the order first seen, lapsed ones last."""
        named = self.identifiers if self.inside else self.known
        return [value for type_, value in named if type_ == kind]

    @property
    def known(self) -> tuple[tuple[str, str], ...]:
        """All identifiers: by any of them a person may be listed."""
        return self.identifiers + self.lapsed


# Kept by the owner of the space


def attend(warehouse: Warehouse, journal: Journal, *, now: int) -> None:
    """Before an evaluation: moves are kept for the hooks that there are, new ones begin, what all have passed goes."""
    hooks = journal.hooks()
    if not hooks:
        if warehouse.has("move"):
            warehouse.drop("move")
        return
    warehouse.create("move", MOVE)
    for hook in hooks:
        if hook.upto is None:
            _begin(warehouse, journal, hook, now)
    _anchor(warehouse, max(hook.upto or 0 for hook in journal.hooks()))
    _let_go(warehouse, journal)


def _begin(warehouse: Warehouse, journal: Journal, hook: Hook, now: int) -> None:
    with warehouse.transaction():
        warehouse.delete_keys("move", in_memory({"hook": [hook.name]}), ["hook"])
        upto = max(_last(warehouse), now)
        _anchor(warehouse, upto)
        if hook.from_start and warehouse.has("membership"):
            stays = warehouse.table("membership")
            inside = stays.filter(stays.exited_at.isnull(), *_of(stays, hook))
            inside = inside.select("audience", "profile_id", inside=ibis.literal(True))
            append_moves(warehouse, inside, instant(now), hook=hook.name)
    journal.begin_hook(hook.name, upto)


def _last(warehouse: Warehouse) -> int:
    return int(warehouse.read(warehouse.table("move").number.max()).as_py() or 0)


def _anchor(warehouse: Warehouse, number: int) -> None:
    """The next move gets a greater number than any that a hook has passed, whatever was lost and however clocks go."""
    if _last(warehouse) >= number:
        return
    line = {
        "number": number,
        "audience": _ANCHOR,
        "profile_id": "",
        "inside": False,
        "at": instant(number),
        "hook": _ANCHOR,
    }
    warehouse.append("move", in_memory([line], schema=MOVE))


def _let_go(warehouse: Warehouse, journal: Journal) -> None:
    passed = min(hook.upto or 0 for hook in journal.hooks())
    move = warehouse.table("move")
    gone = move.filter(move.number <= passed, move.number < _last(warehouse)).select("number")
    held = journal.held_moves()
    if held:
        gone = gone.anti_join(in_memory({"number": held}, schema={"number": "int64"}), "number")
    if warehouse.read(gone.limit(1)).num_rows:
        warehouse.delete_keys("move", gone, ["number"])


def _of(lines: Table, hook: Hook) -> list[Any]:
    return [lines.audience.isin(hook.audiences)] if hook.audiences else []


# Read by a hook


def _relation(name: str, schema: Mapping[str, str]) -> Table:
    """By name and columns: to look it up would need the stores open."""
    return ibis.table(dict(schema), name=name)


class StoresClosedError(Exception):
    """There is nothing to read from now: that is not the same as that there is nothing to read."""


class Stores(Protocol):
    """Where moves are read while another thread has the warehouse."""

    @property
    def opened(self) -> int: ...
    def reading(self) -> AbstractContextManager[Warehouse | None]: ...


class Moves:
    """The moves as one hook's thread reads them."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    @property
    def opened(self) -> int:
        """Changes when what was read before is to be read again."""
        return self._stores.opened

    def newest(self) -> int:
        """The number of the newest move, whomever it concerns."""
        with self._open() as beside:
            if not beside.has("move"):
                return 0
            return int(beside.read(_relation("move", MOVE).number.max()).as_py() or 0)

    def survivors(self, profile_ids: Collection[str]) -> dict[str, str]:
        """Who these people are now, as far as they are known."""
        if not profile_ids:
            return {}
        alias = _relation("alias", ALIAS)
        with self._open() as beside:
            found = beside.read(alias.filter(alias.profile_id.isin(sorted(profile_ids))))
        return {row["profile_id"]: row["survivor"] for row in found.to_pylist()}

    def after(self, hook: Hook, *, limit: int) -> list[Move]:
        """The next ones of a hook, in their order."""
        if hook.upto is None:
            return []
        move = _relation("move", MOVE)
        concerns = move.hook.isnull() | (move.hook == hook.name)
        found = move.filter(move.number > hook.upto, concerns, *_of(move, hook))
        return self._told(found.order_by("number").limit(limit), hook)

    def numbered(self, hook: Hook, numbers: Sequence[int]) -> list[Move]:
        """These, as far as they are there."""
        if not numbers:
            return []
        move = _relation("move", MOVE)
        return self._told(move.filter(move.number.isin(list(numbers))).order_by("number"), hook)

    def _told(self, found: Table, hook: Hook) -> list[Move]:
        with self._open() as beside:
            return _read(beside, found, hook) if beside.has("move") else []

    @contextmanager
    def _open(self) -> Iterator[Warehouse]:
        with self._stores.reading() as beside:
            if beside is None:
                raise StoresClosedError
            yield beside


def _read(beside: Warehouse, found: Table, hook: Hook) -> list[Move]:
    alias = _relation("alias", ALIAS).select(earlier="profile_id", survivor="survivor")
    both = found.left_join(alias, found.profile_id == alias.earlier)
    known = both.select(
        "number", "audience", "inside", at=microseconds_of(both["at"]),
        profile_id=ibis.coalesce(both.survivor, both.profile_id),
    )  # fmt: skip
    lines = beside.read(known.order_by("number")).to_pylist()
    if not lines:
        return []
    identifiers, traits = _identifiers(beside, known, "identifier"), _traits(beside, known, hook)
    lapsed = _lapsed(beside, known, identifiers)
    return [
        Move(
            **line,
            identifiers=tuple(identifiers.get(line["profile_id"], ())),
            lapsed=tuple(lapsed.get(line["profile_id"], ())),
            traits=traits.get(line["profile_id"], {}),
        )
        for line in lines
    ]


_Theirs = dict[str, list[tuple[str, str]]]


def _lapsed(beside: Warehouse, known: Table, holding: _Theirs) -> _Theirs:
    if not beside.count("lapsed"):
        return {}
    every = _identifiers(beside, known, "known_identifier")
    return {whose: [one for one in theirs if one not in holding.get(whose, ())] for whose, theirs in every.items()}


def _identifiers(beside: Warehouse, known: Table, name: str) -> _Theirs:
    told = _relation(name, IDENTIFIER)
    theirs = told.semi_join(known, "profile_id").order_by("type", "ordinal").select("profile_id", "type", "value")
    found: _Theirs = {}
    for row in beside.read(theirs).to_pylist():
        found.setdefault(row["profile_id"], []).append((row["type"], row["value"]))
    return found


def _traits(beside: Warehouse, known: Table, hook: Hook) -> dict[str, dict[str, str]]:
    """What is worked out goes before what is sent under the same key."""
    found: dict[str, dict[str, str]] = {}
    for name in ("trait", "computed_trait") if hook.also else ():
        if beside.has(name):
            told = _relation(name, COMPUTED_TRAIT)
            theirs = told.filter(told.key.isin(hook.also)).semi_join(known, "profile_id")
            for row in beside.read(theirs.select("profile_id", "key", "value")).to_pylist():
                found.setdefault(row["profile_id"], {})[row["key"]] = row["value"]
    return found


def last_number(moves: Iterable[Move]) -> int:
    return max(move.number for move in moves)
