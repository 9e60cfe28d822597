"""Hundreds of small random worlds in one resolution, against a slow and obvious computation and against themselves."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.stages.profiles.people import expected
from tests.stages.profiles.warehouse import (
    START,
    Message,
    Resolved,
    Row,
    arrow,
    land,
    message,
    opened,
    resolved,
    rows,
)

from guestlist import pipeline
from guestlist.profiles.do_not_send import identifier_token
from guestlist.profiles.extending import extend
from guestlist.profiles.nodes import own_id_of
from guestlist.profiles.rules import Caps, Hubs, IdentityRules, Limit, Limits
from guestlist.profiles.stays import MEMBERSHIP
from guestlist.store import Warehouse

WORLDS = 200
USUAL = IdentityRules(salt="s")
STRICT = IdentityRules(
    salt="s",
    limits=Limits(
        by_type={
            "user_id": Limit(count=1),
            "email": Limit(count=2),
            "anonymous_id": Limit(count=1, within=timedelta(seconds=2)),
            "ios.idfa": None,
        },
        others=Limit(count=1, within=timedelta(seconds=4)),
    ),
    caps=Caps(identifiers=5, merges=2),
    hubs=Hubs(people=2, devices=2),
)
RULES = pytest.mark.parametrize("rules", [USUAL, STRICT], ids=["usual", "strict"])


def _worlds(seed: int, worlds: int = WORLDS) -> list[Message]:
    random = Random(seed)
    messages: list[Message] = []
    for world in range(worlds):
        kinds, values = random.choice(["ua", "uea", "ueap", "ueapic", "a", "ee"]), random.randint(1, 5)
        for n in range(random.randint(1, 12)):
            uses = [
                f"{random.choice(kinds)}:{world}.{random.randint(1, values)}"
                for _ in range(random.choice([1, 2, 2, 3]))
            ]
            messages.append(message(f"{world}-{n}", random.randint(0, 6), *dict.fromkeys(uses)))
    return messages


def _agree(out: Resolved, messages: Sequence[Message], rules: IdentityRules) -> None:
    world = expected(messages, rules)
    assert out.people == world.people
    assert out.decided("merged", "message_id") == sorted(
        f"{one.split()[0]} shared_message {one.split()[1]}" for one in world.merged
    )
    hubs = [row for row in out.decided("set_aside") if row.endswith(" hub")]
    assert hubs == [f"{hub} hub" for hub in world.hubs]
    whose = {(row["type"][0], row["value"]): row["profile_id"] for row in out.identifiers}
    assert out.messages == {key: whose[use[0], use[2:]] for key, use in world.whose.items()}


@RULES
@pytest.mark.parametrize("seed", range(2))
def test_as_told(seed: int, rules: IdentityRules) -> None:
    messages = _worlds(seed)
    _agree(resolved(messages, rules), messages, rules)


def _facts(warehouse: Warehouse) -> dict[str, list[str]]:
    """Relations without the numbers that depend on the order of arrival."""
    names = {row["ordinal"]: row["message_id"] for row in rows(warehouse, "message")}
    nodes = {row["node"]: f"{row['type']}:{row['value']}" for row in rows(warehouse, "node")}
    told = {}
    for name in _RELATIONS:
        lines = rows(warehouse, name) if warehouse.has(name) else []
        told[name] = sorted(str(_named(line, name, names, nodes)) for line in lines)
    return told


_RELATIONS = (
    *("identifier", "alias", "message_profile", "identity_decision", "trait", "event", "membership"),
    *("node", "message_owner", "not_joined", "spelling", "message_node", "meeting", "lost_sender", "split_off"),
)


def _named(line: Row, name: str, names: dict[int, str], nodes: dict[int, str]) -> list[tuple[str, object]]:
    out = {key: value for key, value in line.items() if key != "component"}
    if "ordinal" in line and name != "identifier":
        out["ordinal"] = names.get(line["ordinal"], "")
    if "merged_by" in line:
        out["merged_by"] = names.get(line["merged_by"], "")
    return sorted(
        (key, nodes.get(value, value) if key in {"node", "met", "oldest"} else value) for key, value in out.items()
    )


def _all_at_once(messages: Sequence[Message], rules: IdentityRules) -> dict[str, list[str]]:
    with opened() as warehouse:
        land(warehouse, messages)
        pipeline.resolve(warehouse, rules, fingerprint="1")
        return _facts(warehouse)


def _in_pieces(
    pieces: Sequence[Sequence[Message]], rules: IdentityRules, monkeypatch: pytest.MonkeyPatch
) -> dict[str, list[str]]:
    """Every piece but the first taken in by itself, however large."""
    monkeypatch.setattr(pipeline, "_NEW_SHARE", 1.0)
    extended = []

    def told(*given: object) -> object:
        extended.append(extend(*given))  # type: ignore[arg-type]
        return extended[-1]

    monkeypatch.setattr(pipeline, "extend", told)
    with opened() as warehouse:
        for piece in pieces:
            land(warehouse, piece)
            pipeline.resolve(warehouse, rules, fingerprint="1")
        assert extended
        assert extended.count(None) < len(extended)
        return _facts(warehouse)


@pytest.mark.parametrize(
    ("rules", "pieces"), [(USUAL, 4), (STRICT, 4), (STRICT, 100)], ids=["usual-4", "strict-4", "strict-100"]
)
def test_in_pieces_shuffled_and_twice(rules: IdentityRules, pieces: int, monkeypatch: pytest.MonkeyPatch) -> None:
    messages = _worlds(10, 60)
    shuffled = [(key, at, tuple(Random(10).sample(uses, len(uses)))) for key, at, uses in messages + messages[::3]]
    Random(10).shuffle(shuffled)
    first, rest = shuffled[: len(shuffled) // 2], shuffled[len(shuffled) // 2 :]
    cuts = [len(rest) * n // (pieces - 1) for n in range(pieces)]
    parts = [first, *(rest[low:high] for low, high in pairwise(cuts))]
    assert len(parts) == pieces
    assert _in_pieces(parts, rules, monkeypatch) == _all_at_once(messages, rules)


def _shape(name: str, *told: tuple[int, list[str]]) -> list[Message]:
    return [
        message(f"{name}-{n}", at, *(f"{use[:2]}{name}.{use[2:]}" for use in uses)) for n, (at, uses) in enumerate(told)
    ]


def _shapes() -> list[Message]:
    """Chains, stars, kiosks and the like, all in one world; what each of them ends with is told last."""
    many = range(40)
    shapes = [
        _shape("chain", *((60 - n, [f"a:{n}", f"a:{n + 1}"]) for n in many)),
        _shape("star", *((n, ["c:1", f"i:{n}"]) for n in many)),
        _shape("kiosk", *((n % 7, ["a:kiosk", f"u:{n % 11}", f"e:{n % 13}"]) for n in many)),
        _shape("shared", *((n, ["e:info", f"u:{n}"]) for n in many)),
        _shape("bridge", *((n, [f"e:{n % 2}", f"a:{n}"]) for n in many), (0, ["e:0", "e:1"])),
        _shape("late", *((10 + n, [f"u:{n % 3}", f"a:{n % 5}"]) for n in many), (0, ["a:0", "u:2"])),
    ]
    return [*(told for shape in shapes for told in shape[:-1]), *(shape[-1] for shape in shapes)]


@RULES
def test_shapes(rules: IdentityRules, monkeypatch: pytest.MonkeyPatch) -> None:
    messages = _shapes()
    pieces = [messages[:120], messages[120:-6], messages[-6:]]
    assert _in_pieces(pieces, rules, monkeypatch) == _all_at_once(messages, rules)
    _agree(resolved(messages, rules), messages, rules)


_USE = st.builds(lambda kind, n: f"{kind}:{n}", st.sampled_from("ueaaic"), st.integers(1, 5))
_MESSAGE = st.tuples(st.integers(0, 9), st.lists(_USE, min_size=1, max_size=3, unique=True))


@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.lists(_MESSAGE, min_size=2, max_size=25), st.integers(0, 25), st.sampled_from([USUAL, STRICT]))
def test_new_messages_leave_what_all_messages_make(
    monkeypatch: pytest.MonkeyPatch, said: list[tuple[int, list[str]]], cut: int, rules: IdentityRules
) -> None:
    everybody = message("all", 5, "u:n", "e:n", "a:n", "i:n", "c:n")
    messages = [everybody, *(message(f"m{n}", at, *uses) for n, (at, uses) in enumerate(said))]
    cut = min(cut, len(messages) - 2) + 1
    whole = _all_at_once(messages, rules)
    with monkeypatch.context() as patched:
        assert _in_pieces([messages[:cut], messages[cut:]], rules, patched) == whole
    _agree(resolved(messages, rules), messages, rules)


SPLIT = tuple(f"{world}.1" for world in range(60))
"""The e-mails of these were split off from whoever had the device or the number of the same name."""
PARTED = IdentityRules(
    salt="s",
    pepper="p",
    alone=frozenset(identifier_token("p", "email", name).hex() for name in SPLIT),
    split_from=tuple(
        (own_id_of("s", "email", name), own_id_of("s", kind, name))
        for name in SPLIT
        for kind in ("email", "user_id", "anonymous_id")
    ),
)


def test_what_was_split_off_follows_the_people_in_pieces_as_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    messages = [message("all", 5, *(f"{kind}:n" for kind in "ueaipc")), *_worlds(50, 60)]
    pieces = [messages[:120], messages[120:200], messages[200:]]
    whole = _all_at_once(messages, PARTED)
    assert _in_pieces(pieces, PARTED, monkeypatch) == whole
    whose = {f"{row['type']}:{row['value']}": row["profile_id"] for row in resolved(messages, PARTED).identifiers}
    there = [name for name in SPLIT if f"email:{name}" in whose]
    lines = {
        (whose[f"{kind}:{name}"], name)
        for name in there
        for kind in ("user_id", "anonymous_id")
        if f"{kind}:{name}" in whose
    }
    told = [sorted({"profile_id": who, "type": "email", "value": name}.items()) for who, name in lines]
    assert len(told) > 10
    assert whole["split_off"] == sorted(map(str, told))


# Nothing is ever parted again, so stays may follow at every step or all at once.
GROWING = IdentityRules(salt="s", limits=Limits(by_type={"user_id": None}, others=None), caps=Caps(), hubs=None)
Stays = list[tuple[str, str, int, int | None]]
"""Audience, profile id, second of entry, second of exit."""


def _some_stays(profiles: Sequence[str], random: Random) -> Stays:
    """In each audience at most one stay that goes on, after those that ended."""
    stays: Stays = []
    for profile in profiles:
        for audience in ("x", "y"):
            edges = sorted(random.sample(range(6), random.randint(0, 5)))
            ends: list[int | None] = [*edges[1::2], None] if len(edges) % 2 else [*edges[1::2]]
            stays += [(audience, profile, entered, left) for entered, left in zip(edges[::2], ends, strict=True)]
    return stays


def _fill(warehouse: Warehouse, stays: Stays) -> None:
    moment = [(a, p, START + timedelta(seconds=i), o and START + timedelta(seconds=o)) for a, p, i, o in stays]
    warehouse.create("membership", MEMBERSHIP)
    warehouse.append("membership", arrow([dict(zip(MEMBERSHIP, line, strict=True)) for line in moment], MEMBERSHIP))


def _stays(warehouse: Warehouse) -> Stays:
    def second(at: datetime | None) -> Any:
        return None if at is None else (at - START).seconds

    lines = rows(warehouse, "membership")
    told = [(one["audience"], one["profile_id"], second(one["entered_at"]), second(one["exited_at"])) for one in lines]
    return sorted(told, key=str)


def _followed(stays: Stays, alias: dict[str, str]) -> Stays:
    """One stay that goes on from the earliest entry, if there is any, and those that ended and began before it."""
    whose: dict[tuple[str, str], Stays] = {}
    for stay in stays:
        whose.setdefault((stay[0], alias[stay[1]]), []).append(stay)
    found: Stays = []
    for (audience, profile), theirs in whose.items():
        open_since = min((entered for *_, entered, left in theirs if left is None), default=None)
        past: dict[int, int] = {}
        for *_, entered, left in theirs:
            if left is not None and (open_since is None or entered < open_since):
                past[entered] = max(left, past.get(entered, left))
        found += [(audience, profile, entered, left) for entered, left in past.items()]
        found += [] if open_since is None else [(audience, profile, open_since, None)]
    return sorted(found, key=str)


@pytest.mark.parametrize("seed", range(40, 44))
def test_stays_follow_people_in_pieces_as_at_once(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    random = Random(seed)
    messages = _worlds(seed, 60)
    random.shuffle(messages)
    size = len(messages) // 4
    pieces = [messages[:size], *(messages[n : n + size] for n in range(size, len(messages), size))]
    monkeypatch.setattr(pipeline, "_NEW_SHARE", 1.0)
    with opened() as warehouse:
        land(warehouse, [message("all", 5, *(f"{kind}:n" for kind in "ueaipc")), *pieces[0]])
        pipeline.resolve(warehouse, GROWING, fingerprint="1")
        stays = _some_stays(sorted({row["profile_id"] for row in rows(warehouse, "identifier")}), random)
        _fill(warehouse, stays)
        for piece in pieces[1:]:
            land(warehouse, piece)
            pipeline.resolve(warehouse, GROWING, fingerprint="1")
        in_pieces = _stays(warehouse)
        alias = {row["profile_id"]: row["survivor"] for row in rows(warehouse, "alias")}
    with opened() as warehouse:
        land(warehouse, messages)
        land(warehouse, [message("all", 5, *(f"{kind}:n" for kind in "ueaipc"))])
        _fill(warehouse, stays)
        pipeline.resolve(warehouse, GROWING, fingerprint="1")
        at_once = _stays(warehouse)
    assert sum(alias[profile] != profile for _, profile, *_ in stays) > 20
    assert at_once == _followed(stays, alias)
    assert in_pieces == at_once


@pytest.mark.parametrize("seed", [20])
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


@pytest.mark.parametrize("seed", [30])
def test_in_order_of_time_a_growing_profile_keeps_its_id(seed: int) -> None:
    messages = [told for told in _worlds(seed) if not any(kind == "user_id" for kind, _ in told[2])]
    messages.sort(key=lambda told: told[1])
    cut = next(n for n, told in enumerate(messages) if told[1] == 3)
    early, late = resolved(messages[:cut]), resolved(messages)
    survivors = {late.alias[profile] for profile in early.messages.values()}
    assert survivors <= set(early.messages.values())
