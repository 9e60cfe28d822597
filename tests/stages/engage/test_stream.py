"""A hook's stream against whatever an address and a crash may do: each move arrives, and everybody's in order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, cast

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guestlist.clock import SetClock
from guestlist.hooks import stream
from guestlist.hooks.moves import Move, Moves
from guestlist.hooks.posting import Answer, Poster, Verdict
from guestlist.hooks.secrets import sealed_as
from guestlist.hooks.shapes import Told, told
from guestlist.hooks.signing import Signing, new_secret
from guestlist.hooks.stream import Stream
from guestlist.records import Records, open_records
from guestlist.space import make_space
from guestlist.store.journal_hooks import Hook

from .calls import START

PEOPLE = 5


class CrashError(Exception):
    """The process ends here."""


@dataclass
class Kept:
    """The moves that there are."""

    moves: list[Move]
    opened: int = 1

    def newest(self) -> int:
        return max((move.number for move in self.moves), default=0)

    def after(self, hook: Hook, *, limit: int) -> list[Move]:
        return [move for move in self.moves if move.number > (hook.upto or 0)][:limit]

    def numbered(self, hook: Hook, numbers: Sequence[int]) -> list[Move]:
        return [move for move in self.moves if move.number in numbers]

    def survivors(self, profile_ids: Mapping[str, int]) -> dict[str, str]:
        return {}


@dataclass
class Address:
    """Takes, refuses, loses; and keeps what it took: (person, number). Some moves it does not like until it is kind."""

    chance: Random
    taken: list[tuple[str, int]] = field(default_factory=list)
    kind: bool = False
    unliked: frozenset[str] = frozenset()
    most: int = 1_000

    def post(self, url: str, body: bytes, headers: Mapping[str, str], *, now: datetime) -> Answer:
        moves = orjson.loads(body)["data"]["moves"]
        if len(moves) > self.most:
            return Answer(verdict=Verdict.SMALLER, code="http_413")
        end = "taken" if self.kind else self.chance.choices(ENDS, weights=WEIGHTS)[0]
        if end == "taken" and not self.kind and any(move["id"] in self.unliked for move in moves):
            end = "wrong"
        if end in {"taken", "lost", "crash after"}:
            self.taken += [(move["user_ids"][0], int(move["id"].rpartition("-")[2])) for move in moves]
        if end.startswith("crash"):
            raise CrashError
        return Answer(verdict=ANSWERS.get(end, Verdict.TAKEN), code=end.replace(" ", "_"))


ENDS = ("taken", "lost", "away", "wrong", "refused", "gone", "crash before", "crash after")
WEIGHTS = (20, 2, 2, 2, 1, 1, 1, 2)
ANSWERS = {
    "lost": Verdict.LATER,
    "away": Verdict.LATER,
    "wrong": Verdict.SMALLER,
    "refused": Verdict.REFUSED,
    "gone": Verdict.GONE,
}


@dataclass
class World:
    records: Records
    kept: Kept
    address: Address
    clock: SetClock
    chance: Random

    def run(self, steps: int) -> None:
        """So many steps of streams, each begun anew where the one before crashed."""
        under_way = self._stream()
        for _ in range(steps):
            try:
                wait = under_way.step()
            except CrashError:
                under_way = self._stream()
                continue
            if wait is None and not self._revived():
                return
            self.clock.instant += timedelta(seconds=wait or 0)

    def _stream(self) -> Stream:
        return Stream(
            name="crm",
            records=self.records,
            moves=cast(Moves, self.kept),
            poster=cast(Poster, self.address),
            clock=self.clock,
            chance=self.chance,
        )

    def _revived(self) -> bool:
        """A person looks after it, if there is anything to look after."""
        (hook,) = self.records.journal.hooks()
        waiting = [one for one in self.records.journal.letters() if one.asked_at is None]
        if hook.stopped or waiting:
            self.records.journal.ask_letters_again("crm", now=1)
        return bool(hook.stopped or waiting)


def move(number: int, person: str, *, inside: bool) -> Move:
    identifiers = (("user_id", person),)
    return Move(number=number, audience="gold", inside=inside, at=number, profile_id=person, identifiers=identifiers)


def drawn(chance: Random, size: int) -> list[Move]:
    inside: dict[str, bool] = {}
    moves = []
    for number in range(1, size + 1):
        person = f"p{chance.randrange(PEOPLE)}"
        inside[person] = not inside.get(person, False)
        moves.append(move(number, person, inside=inside[person]))
    return moves


def firsts(numbers: Sequence[int]) -> list[int]:
    return list(dict.fromkeys(numbers))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10**6), size=st.integers(1, 40))
def test_every_move_arrives_and_everybodys_in_order(
    tmp_path_factory: pytest.TempPathFactory, seed: int, size: int
) -> None:
    chance = Random(seed)
    space = make_space(tmp_path_factory.mktemp("world") / "shop")
    with open_records(space) as records:
        records.journal.take_over("test", now=0)
        records.journal.add_hook(Hook(name="crm", mark="crm", url="https://example.org", kind="webhook", made_at=0))
        records.journal.begin_hook("crm", 0)
        records.vault.save(sealed_as("crm"), Signing(secrets=((new_secret(), None),)).sealed(), now=0)
        moves = drawn(chance, size)
        address = Address(chance, unliked=frozenset(f"crm-{one.number}" for one in moves if chance.random() < 0.2))
        world = World(records, Kept(moves[: size // 2]), address, SetClock(START), chance)
        world.run(60)
        world.kept.moves = moves  # more came meanwhile
        world.run(60)
        address.kind = True
        world.run(400)
        assert records.journal.letters() == []
        (hook,) = records.journal.hooks()
        assert hook.upto == size
    for person in {one.profile_id for one in moves}:
        came = [number for whose, number in address.taken if whose == person]
        expected = [one.number for one in moves if one.profile_id == person]
        assert firsts(came) == expected  # each, and none before an earlier one
        assert came[-1] == expected[-1]  # what was said last is what holds


def test_an_address_that_is_kind_gets_each_move_once(tmp_path: Path) -> None:
    with open_records(make_space(tmp_path / "shop")) as records:
        records.journal.take_over("test", now=0)
        records.journal.add_hook(Hook(name="crm", mark="crm", url="https://example.org", kind="webhook", made_at=0))
        records.journal.begin_hook("crm", 0)
        records.vault.save(sealed_as("crm"), Signing(secrets=((new_secret(), None),)).sealed(), now=0)
        address: Any = Address(Random(1), kind=True)
        world = World(records, Kept(drawn(Random(1), 900)), address, SetClock(START), Random(1))
        world.run(50)
    assert [number for _, number in address.taken] == list(range(1, 901))


def test_moves_are_made_into_documents_about_once_however_small_the_requests_become(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []

    def counted(move: Move, hook: Hook) -> Told | None:
        made.append(move.number)
        return told(move, hook)

    monkeypatch.setattr(stream, "told", counted)
    with open_records(make_space(tmp_path / "shop")) as records:
        records.journal.take_over("test", now=0)
        records.journal.add_hook(Hook(name="crm", mark="crm", url="https://example.org", kind="webhook", made_at=0))
        records.journal.begin_hook("crm", 0)
        records.vault.save(sealed_as("crm"), Signing(secrets=((new_secret(), None),)).sealed(), now=0)
        address: Any = Address(Random(1), kind=True, most=10)
        World(records, Kept(drawn(Random(1), 300)), address, SetClock(START), Random(1)).run(200)
    assert [number for _, number in address.taken] == list(range(1, 301))
    assert len(made) < 5 * 300  # those of a request that is too large, and the one that is next, once more
