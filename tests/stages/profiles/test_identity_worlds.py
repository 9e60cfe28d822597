"""Hundreds of small random worlds in one resolution, against a slow and obvious computation and against themselves."""

from random import Random

import pytest
from tests.stages.profiles.warehouse import Message, Use, message, resolved

WORLDS = 300
STRENGTH = {"u": 0, "e": 1, "p": 2, "c": 3, "i": 4, "a": 5}


def _worlds(seed: int) -> list[Message]:
    random = Random(seed)
    messages: list[Message] = []
    for world in range(WORLDS):
        kinds, values = random.choice(["ua", "uea", "ueap", "ueapic"]), random.randint(1, 4)
        for n in range(random.randint(1, 12)):
            uses = [
                f"{random.choice(kinds)}:{world}.{random.randint(1, values)}"
                for _ in range(random.choice([1, 2, 2, 3]))
            ]
            messages.append(message(f"{world}-{n}", random.randint(0, 6), *dict.fromkeys(uses)))
    return messages


def _expected(messages: list[Message]) -> list[str]:
    """People as the documentation says it, with sets of identifiers and no cleverness."""
    people = _connected([set(uses) for _, _, uses in messages])
    out: list[set[Use]] = []
    for person in people:
        if _users(person) <= 1:
            out.append(person)
        else:
            out += _told([told for told in messages if set(told[2]) & person], person, _first_seen(messages))
    return sorted(" ".join(sorted(f"{_short(use)}:{use[1]}" for use in person)) for person in out)


def _short(use: Use) -> str:
    return {"ios.idfa": "i", "email": "e", "phone": "p", "user_id": "u", "custom": "c", "anonymous_id": "a"}[use[0]]


def _users(person: set[Use]) -> int:
    return sum(kind == "user_id" for kind, _ in person)


def _connected(sets: list[set[Use]]) -> list[set[Use]]:
    people: list[set[Use]] = []
    for uses in sets:
        touched = [person for person in people if person & uses]
        people = [person for person in people if not person & uses]
        people.append(uses.union(*touched))
    return people


def _first_seen(messages: list[Message]) -> dict[Use, int]:
    seen: dict[Use, int] = {}
    for _, second, uses in messages:
        for use in uses:
            seen[use] = min(second, seen.get(use, second))
    return seen


def _told(messages: list[Message], everyone: set[Use], seen: dict[Use, int]) -> list[set[Use]]:
    whose: dict[Use, set[Use]] = {use: {use} for use in everyone}
    for _, _, uses in sorted(messages, key=lambda told: (told[1], told[0])):
        strongest, *others = sorted(uses, key=lambda use: (STRENGTH[_short(use)], seen[use], use))
        for other in others:
            both = whose[strongest] | whose[other]
            if _users(both) <= 1:
                whose.update(dict.fromkeys(both, both))
    return list({id(person): person for person in whose.values()}.values())


@pytest.mark.parametrize("seed", range(4))
def test_as_told(seed: int) -> None:
    messages = _worlds(seed)
    assert resolved(messages).people == _expected(messages)


@pytest.mark.parametrize("seed", range(10, 13))
def test_order_and_repetition_change_nothing(seed: int) -> None:
    messages = _worlds(seed)
    shuffled = [(key, at, tuple(Random(seed).sample(uses, len(uses)))) for key, at, uses in messages + messages[::3]]
    Random(seed).shuffle(shuffled)
    once, again = resolved(messages), resolved(shuffled)
    key = str
    for one, other in (
        (once.identifiers, again.identifiers),
        (once.decisions, again.decisions),
        ([once.alias], [again.alias]),
        ([once.messages], [again.messages]),
    ):
        assert sorted(map(key, map(_sorted, one))) == sorted(map(key, map(_sorted, other)))


def _sorted(row: dict[str, object]) -> list[tuple[str, object]]:
    return sorted(row.items())


@pytest.mark.parametrize("seed", range(20, 23))
def test_ids_given_along_the_way_resolve_to_somebody_of_theirs(seed: int) -> None:
    messages = _worlds(seed)
    Random(seed).shuffle(messages)
    early, late = resolved(messages[: len(messages) // 2]), resolved(messages)
    whose = {(row["type"], row["value"]): row["profile_id"] for row in late.identifiers}
    members: dict[str, set[str]] = {}
    for row in early.identifiers:
        members.setdefault(row["profile_id"], set()).add(whose[row["type"], row["value"]])
    assert members
    assert all(late.alias[profile] in now for profile, now in members.items())


@pytest.mark.parametrize("seed", range(30, 32))
def test_in_order_of_time_a_growing_profile_keeps_its_id(seed: int) -> None:
    messages = [told for told in _worlds(seed) if not any(kind == "user_id" for kind, _ in told[2])]
    messages.sort(key=lambda told: told[1])
    cut = next(n for n, told in enumerate(messages) if told[1] == 3)
    early, late = resolved(messages[:cut]), resolved(messages)
    survivors = {late.alias[profile] for profile in early.messages.values()}
    assert survivors <= set(early.messages.values())
