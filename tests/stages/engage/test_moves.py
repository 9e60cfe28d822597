"""Moves are kept in the order in which they came about, and numbered for good."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from guestlist.audiences.definition import Definition, Matches, Trait
from guestlist.audiences.evaluate import evaluate
from guestlist.clock import microseconds
from guestlist.hooks.moves import Move, Moves, attend
from guestlist.hooks.sending import Stores
from guestlist.space import make_space
from guestlist.store import Warehouse
from guestlist.store.journal import Journal
from guestlist.store.journal_hooks import Hook

from .calls import START, land_calls

GOLD = Definition(key="gold", name="Gold", who=Trait(trait="plan", test=Matches(comparator="equals", values=("gold",))))


class World:
    def __init__(self, folder: Path, journal: Journal) -> None:
        self.folder, self.journal = folder, journal
        self.space = make_space(folder / "shop")
        self.warehouse = Warehouse(folder / "w.duckdb")
        self.calls = 0

    def evaluate(self, second: int, **plans: str) -> None:
        self.calls += 1
        calls = [
            {"type": "identify", "userId": user, "traits": {"plan": plan}, "messageId": f"{self.calls}-{user}",
             "timestamp": (START + timedelta(seconds=self.calls)).isoformat()}
            for user, plan in plans.items()
        ]  # fmt: skip
        if calls:
            land_calls(self.warehouse, self.folder, calls, name=f"calls-{self.calls}")
        at = START + timedelta(days=400, seconds=second)
        attend(self.warehouse, self.journal, now=microseconds(at))
        list(evaluate(self.warehouse, [GOLD], at, self.space.settings.zone))

    def add(self, name: str, *, from_start: bool = False) -> None:
        new = Hook(name=name, mark=name, url="https://example.org", kind="webhook", made_at=0, from_start=from_start)
        self.journal.add_hook(new)

    def told(self, name: str) -> list[str]:
        """What waits for a hook, and by that is dealt with: `+u1` entered, `-u1` exited."""
        (hook,) = [one for one in self.journal.hooks() if one.name == name]
        stores = Stores()
        stores.attach(self.space, self.warehouse)
        moves = Moves(stores).after(hook, limit=100)
        stores.detach()
        if moves:
            self.journal.passed(name, moves[-1].number, sent=len(moves), left_out=0, held=(), now=0)
        return sorted(self._shown(move) for move in moves)

    @staticmethod
    def _shown(move: Move) -> str:
        return f"{'+' if move.inside else '-'}{' '.join(move.ids('user_id'))}"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with Journal.open(tmp_path / "journal.sqlite") as journal:
        journal.take_over("test", now=0)
        made = World(tmp_path, journal)
        yield made
        made.warehouse.close()


def test_a_hook_begins_with_the_next_evaluation(world: World) -> None:
    world.evaluate(1, u1="gold")
    world.add("crm")
    world.add("all", from_start=True)
    world.evaluate(2, u2="gold")
    assert (world.told("crm"), world.told("all")) == (["+u2"], ["+u1", "+u2"])
    world.evaluate(3, u1="free")
    assert (world.told("crm"), world.told("all")) == (["-u1"], ["-u1"])
    assert world.told("crm") == []


def test_moves_are_kept_only_while_somebody_is_told(world: World) -> None:
    world.evaluate(1, u1="gold")
    assert not world.warehouse.has("move")
    world.add("crm")
    world.evaluate(2, u2="gold")
    world.told("crm")
    world.evaluate(3, u3="gold")
    world.evaluate(4)
    assert world.warehouse.count("move") <= 2  # what waits, and the greatest number
    assert world.told("crm") == ["+u3"]
    world.journal.remove_hook("crm")
    world.evaluate(5)
    assert not world.warehouse.has("move")


def test_a_clock_that_is_set_back_makes_no_move_pass_unseen(world: World) -> None:
    world.add("crm")
    world.evaluate(1_000, u1="gold")
    assert world.told("crm") == ["+u1"]
    world.evaluate(10, u2="gold")
    world.evaluate(5, u1="free")
    assert world.told("crm") == ["+u2", "-u1"]


def test_a_lost_warehouse_makes_no_move_pass_unseen(world: World) -> None:
    world.add("crm")
    world.evaluate(1_000, u1="gold")
    assert world.told("crm") == ["+u1"]
    world.warehouse.close()
    (world.folder / "w.duckdb").unlink()
    world.warehouse = Warehouse(world.folder / "w.duckdb")
    world.evaluate(10, u1="gold", u2="gold")
    assert world.told("crm") == ["+u1", "+u2"]


def test_people_who_merge_are_told_of_as_who_they_are_now(world: World) -> None:
    world.add("crm")
    world.evaluate(1, u1="gold")
    both = {"type": "identify", "userId": "u1", "anonymousId": "a1", "traits": {}, "messageId": "m"}
    land_calls(world.warehouse, world.folder, [both], name="both")
    (hook,) = world.journal.hooks()
    stores = Stores()
    stores.attach(world.space, world.warehouse)
    (move,) = Moves(stores).after(hook, limit=9)
    assert (move.ids("user_id"), move.ids("anonymous_id")) == (["u1"], ["a1"])
    stores.detach()
