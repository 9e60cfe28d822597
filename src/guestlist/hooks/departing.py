"""People who are erased leave the hooks: what waits of them goes, and where they were told of as in, an exit is owed.

The exit names them by ids alone. These are sealed in the vault until it is sent, and then forgotten.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import orjson

from guestlist.hooks.moves import Move
from guestlist.hooks.shapes import IDS
from guestlist.profiles.views import known_identifiers
from guestlist.records import Records
from guestlist.store import Table, Warehouse
from guestlist.store.in_memory import in_memory
from guestlist.store.journal_hooks import Hook, OwedExit
from guestlist.store.vault import Secret


def depart(
    records: Records, warehouse: Warehouse, profile_ids: Sequence[str], earlier_ids: Collection[str], *, now: int
) -> None:
    """To be called before these people are erased, by the owner of the space. Doing it again owes the same again."""
    everyone = {*profile_ids, *earlier_ids}
    journal = records.journal
    for hook in journal.hooks():
        for profile_id, audience in _told_as_in(records, warehouse, hook, everyone):
            ids = _ids(warehouse, profile_id)
            if ids:
                owed = journal.owe_exit(hook.name, audience, at=now)
                records.vault.save(owed.sealed_as, Secret(orjson.dumps(ids).decode()), now=now)
    journal.forget_moves(everyone)
    if warehouse.has("move"):
        warehouse.delete_keys("move", _these(everyone), ["profile_id"])


def owed_move(owed: OwedExit, ids: Secret) -> Move:
    """An exit by nothing but ids. Its number is below those of all moves."""
    named = tuple((str(kind), str(value)) for kind, value in orjson.loads(ids.reveal()))
    return Move(number=-owed.id, audience=owed.audience, inside=False, at=owed.at, profile_id="", identifiers=named)


def _these(profile_ids: Collection[str]) -> Table:
    return in_memory({"profile_id": sorted(profile_ids)}, schema={"profile_id": "string"})


def _ids(warehouse: Warehouse, profile_id: str) -> list[tuple[str, str]]:
    known = known_identifiers(warehouse)
    theirs = known.filter(known.profile_id == profile_id, known.type.isin(IDS)).order_by("type", "ordinal")
    return [(row["type"], row["value"]) for row in warehouse.read(theirs.select("type", "value")).to_pylist()]


def _told_as_in(
    records: Records, warehouse: Warehouse, hook: Hook, everyone: Collection[str]
) -> Iterator[tuple[str, str]]:
    """(profile_id, audience): the next move that waits says what was told before; where none does, whether one is in."""
    if hook.upto is None or not warehouse.has("membership"):
        return
    stays = warehouse.table("membership").semi_join(_these(everyone), "profile_id")
    inside = {(row["profile_id"], row["audience"]) for row in _read(warehouse, stays.filter(stays.exited_at.isnull()))}
    waiting: dict[tuple[str, str], bool] = {}
    for row in _waiting(records, warehouse, hook, everyone):
        waiting.setdefault((row["profile_id"], row["audience"]), row["inside"])
    for one in sorted(inside | waiting.keys()):
        concerns = not hook.audiences or one[1] in hook.audiences
        if concerns and (not waiting[one] if one in waiting else one in inside):
            yield one


def _waiting(records: Records, warehouse: Warehouse, hook: Hook, everyone: Collection[str]) -> list[dict[str, Any]]:
    """Moves that were not sent yet, or wait in a letter, in their order."""
    if not warehouse.has("move"):
        return []
    move = warehouse.table("move").semi_join(_these(everyone), "profile_id")
    held = [number for one in records.journal.letters(hook.name) for number in records.journal.letter_moves(one.id)]
    kept = move.number > hook.upto
    if held:
        kept = kept | move.number.isin(held)
    return _read(warehouse, move.filter(kept, move.hook.isnull() | (move.hook == hook.name)).order_by("number"))


def _read(warehouse: Warehouse, rows: Table) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = warehouse.read(rows).to_pylist()
    return found
