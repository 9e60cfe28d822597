"""Single rules of plan, gate, fold and guard, read as tables. A row is its keys: "e1 p1 w1" (w: weak tuple)."""

from collections.abc import Iterable
from typing import Any

import pytest
from tests.reliability.lockstep import KINDS, Design, Engine, Row
from tests.reliability.worlds import IDS, KIND_OF

from guestlist.destinations.meta.guard import Cause, Exodus, Held, exodus, judge
from guestlist.destinations.meta.plan import Scope
from guestlist.destinations.meta.relations import Relations
from guestlist.destinations.meta.settle import HOUR, MINUTE, Settings

NOW = 1000 * HOUR
LONG_AGO = NOW - 500 * HOUR
DESIGN = Design(settings=Settings())


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(DESIGN)


def key_columns(keys: str) -> dict[str, int | None]:
    columns: dict[str, int | None] = dict.fromkeys((*KINDS, "name"))
    for key in keys.split():
        columns[KIND_OF[key[0].upper()]] = IDS.of(key)
        if key[0] == "w":
            columns["name"] = IDS.of("name of all")
    return columns


def mask(keys: str) -> int:
    return sum(1 << list(KIND_OF.values()).index(KIND_OF[key[0].upper()]) for key in keys.split())


def row(keys: str, person: int = 1, live: str | None = None, **more: Any) -> Row:
    """A ledger row that is in with all its keys since long ago."""
    times = {f"removed_{kind}": None for kind in KINDS}
    return {
        "sync": 0, "row_key": IDS.of(keys), "known": "in", "live": mask(keys if live is None else live),
        "add_sent_at": LONG_AGO, "add_lost": False, "remove_sent_at": None, "remove_lost": False, "remove_sent": 0,
        "remove_blanked": 0, "tries": 0, "stays": False, "folded_at": LONG_AGO, "reason": None, "person": person,
        **key_columns(keys), **times, **more,
    }  # fmt: skip


def given(
    engine: Engine, ledger: Iterable[Row], wanted: dict[str, int], listed: str = "", listed_person: int | None = None
) -> None:
    ledger = list(ledger)
    engine.put("ledger", ([r[c] for c in engine.arrow["ledger"].names] for r in ledger))
    engine.put("ledger_person", ((0, r["row_key"], r["person"]) for r in ledger))
    engine.put("wanted", ((0, IDS.of(keys), *key_columns(keys).values()) for keys in wanted))
    engine.put("wanted_person", ((0, IDS.of(keys), person) for keys, person in wanted.items()))
    engine.put("listed_key", ((0, KIND_OF[k[0].upper()], IDS.of(k)) for k in listed.split()))
    engine.put("listed_person", [(0, listed_person)] if listed_person else [])


def planned(engine: Engine, scope: Scope = Scope.MIRROR, before: int | None = None) -> tuple[dict[str, str], set[str]]:
    """What is removed (row: keys sent) and which rows are added."""
    removals, additions = engine.plan(DESIGN, {0: (NOW, scope, before)})
    sent = {}
    for r in removals[0]:
        keys = IDS.values[r["row_key"]]
        sent[keys] = " ".join(k for k in keys.split() if mask(k) & r["sent"])
    return sent, {IDS.values[r["row_key"]] for r in additions[0]}


PLANS = [
    ("nothing to do", [row("e1 p1")], {"e1 p1": 1}, {}, set()),
    ("enters", [], {"e1": 1}, {}, {"e1"}),
    ("leaves with all keys", [row("e1 p1 m1 x1 w1")], {}, {"e1 p1 m1 x1 w1": "e1 p1 m1 x1 w1"}, set()),
    ("a shared key is blanked, its bearer re-asserted",
     [row("e1 p1", 1), row("e1 p2", 2)], {"e1 p2": 2}, {"e1 p1": "p1"}, {"e1 p2"}),
    ("nothing left to send", [row("e1", 1), row("e1 p2", 2)], {"e1 p2": 2}, {}, set()),
    ("a changed row: old keys go, the new row comes", [row("e1 p1")], {"e1 p2": 1}, {"e1 p1": "p1"}, {"e1 p2"}),
    ("the old weak tuple of a wanted person is not sent", [row("e1 w1")], {"e1 w2": 1}, {}, {"e1 w2"}),
    ("a blanked key that is wanted no more leaves", [row("e1 p1", live="e1", known="in")], {}, {"e1 p1": "e1"}, set()),
    ("same names after a removed weak tuple",
     [row("e1 w1", 1), row("e2 w2", 2)], {"e2 w2": 2}, {"e1 w1": "e1 w1"}, {"e2 w2"}),
    ("other rows of the same person", [row("e1", 1), row("p2", 1)], {"p2": 1}, {"e1": "e1"}, {"p2"}),
    ("a key the person has at Meta by another row",
     [row("e1", 1), row("p3", 1, live=""), row("m3", 1), row("m3 p4", 2)], {"m3 p4": 2}, {"e1": "e1"}, {"m3 p4"}),
    ("declined rows are not sent again", [row("e1", live="", known="declined")], {"e1": 1}, {}, set()),
    ("doubt is sent again", [row("e1", known="maybe")], {"e1": 1}, {}, {"e1"}),
    ("three tries, then a person is asked", [row("e1", tries=3)], {}, {}, set()),
]  # fmt: skip


@pytest.mark.parametrize(("ledger", "wanted", "removed", "added"), [pytest.param(*p[1:], id=p[0]) for p in PLANS])
def test_plan(
    engine: Engine, ledger: list[Row], wanted: dict[str, int], removed: dict[str, str], added: set[str]
) -> None:
    given(engine, ledger, wanted)
    assert planned(engine) == (removed, added)


REMOVED: dict[str, Any] = {"live": "", "known": "out", "remove_sent": 1}
SETTLING = [
    ("removed too soon after the addition", 30 * HOUR, 20 * HOUR, False, {"e1": "e1"}),
    ("not due yet", 20 * HOUR, 10 * HOUR, False, {}),
    ("removed late enough", 60 * HOUR, 30 * HOUR, False, {}),
    ("a lost addition, repeated after minutes", 2 * HOUR, 2 * HOUR - 5 * MINUTE, True, {"e1": "e1"}),
    ("an answered addition, only after hours", 2 * HOUR, 2 * HOUR - 5 * MINUTE, False, {}),
]


@pytest.mark.parametrize(("added", "gone", "lost", "again"), [pytest.param(*s[1:], id=s[0]) for s in SETTLING])
def test_a_removal_settles_per_key(engine: Engine, added: int, gone: int, lost: bool, again: dict[str, str]) -> None:
    times: dict[str, Any] = {
        "add_sent_at": NOW - added,
        "remove_sent_at": NOW - gone,
        "removed_email": NOW - gone,
        "add_lost": lost,
    }
    given(engine, [row("e1", **REMOVED, **times)], {})
    assert planned(engine)[0] == again


OPPOSITES = [
    ("of the same person", "e1", "p2", 1, "e1", ""),
    ("that blanked one of its keys", "p1 e2", "e2", 2, "p1", "e2"),
    ("that sent one of its keys", "p1 e2", "e2", 2, "p1 e2", ""),
    ("of a weak tuple with its names", "e1 w1", "e2 w2", 2, "w1", ""),
]


@pytest.mark.parametrize(
    ("removed", "added", "person", "sent", "blanked"), [pytest.param(*o[1:], id=o[0]) for o in OPPOSITES]
)
@pytest.mark.parametrize(("hours", "again"), [(20, True), (2, False), (30 - 26, True)])
def test_an_addition_settles_after_a_removal(
    engine: Engine, removed: str, added: str, person: int, sent: str, blanked: str, hours: int, again: bool
) -> None:
    """The addition was sent when the removal was so many hours old; now both are old enough to judge."""
    out: dict[str, Any] = {"live": "", "known": "out", "remove_sent": mask(sent), "remove_blanked": mask(blanked)}
    gone = row(removed, 1, **out, remove_sent_at=NOW - 30 * HOUR)
    there = row(added, person, add_sent_at=NOW - (30 - hours) * HOUR)
    if not again:
        gone["remove_sent_at"] = NOW - 25 * HOUR
        there["add_sent_at"] = NOW - 23 * HOUR
    given(engine, [gone, there], {added: person})
    assert planned(engine)[1] == ({added} if again else set())


SCOPES = [
    (Scope.MIRROR, {"e1": "e1", "e2": "e2"}, {"e3", "p4", "e5"}),
    (Scope.ADD_ONLY, {"e2": "e2"}, {"e3", "p4", "e5"}),
    (Scope.REMOVE_ONLY, {"e1": "e1", "e2": "e2"}, {"p4", "e5"}),
    (Scope.HELD, {"e2": "e2"}, {"e5"}),
    (Scope.STALE, {"e1": "e1", "e2": "e2"}, {"e5"}),
    (Scope.LISTED, {"e2": "e2"}, set()),
]


@pytest.mark.parametrize(("scope", "removed", "added"), SCOPES)
def test_scopes(engine: Engine, scope: Scope, removed: dict[str, str], added: set[str]) -> None:
    """1 left, 2 is on the do-not-send list, 3 is new, 4 is there and has a new phone number, 5 may be there or not."""
    ledger = [row("e1", 1), row("e2", 2), row("e4", 4), row("e5", 5, known="maybe")]
    given(engine, ledger, {"e3": 3, "e4": 4, "p4": 4, "e5": 5}, listed_person=2)
    assert planned(engine, scope) == (removed, added)


def test_a_key_of_a_row_that_stays_in_add_only_is_blanked(engine: Engine) -> None:
    given(engine, [row("e1 p1", 1), row("e1 p2", 2)], {}, listed_person=2)
    assert planned(engine, Scope.ADD_ONLY)[0] == {"e1 p2": "p2"}


def test_a_listed_value_leaves_whoever_sent_it(engine: Engine) -> None:
    given(engine, [row("e1 p1", 1)], {}, listed="p1")
    assert planned(engine, Scope.HELD)[0] == {"e1 p1": "p1"}


def test_a_full_reassert_sends_what_was_last_sent_before(engine: Engine) -> None:
    given(engine, [row("e1", 1), row("e2", 2, add_sent_at=NOW - 1)], {"e1": 1, "e2": 2})
    assert planned(engine, before=NOW - HOUR)[1] == {"e1"}


def put_op(engine: Engine, direction: str, keys: str, sent: str = "", person: int = 1) -> None:
    engine.put("op", [(0, IDS.of(keys), *key_columns(keys).values(), 5, direction, mask(sent), 0, False)])
    engine.put("op_person", [(0, 5, IDS.of(keys), person)] if direction == "add" else [])


GATES = [
    ("still wanted", "add", "e1", {"e1": 1}, "", None, ["e1"]),
    ("wanted no more", "add", "e1", {}, "", None, []),
    ("carries a listed value", "add", "e1 p1", {"e1 p1": 1}, "p1", None, []),
    ("of a listed person", "add", "e1", {"e1": 1}, "", 1, []),
    ("a removal loses what is wanted now", "remove", "e1 p1", {"e1": 2}, "", None, ["p1"]),
    ("a removal of which nothing is left", "remove", "e1", {"e1": 2}, "", None, []),
    ("the list never stops a removal", "remove", "e1", {}, "e1", 1, ["e1"]),
]


@pytest.mark.parametrize(
    ("direction", "keys", "wanted", "listed", "person", "sent"), [pytest.param(*g[1:], id=g[0]) for g in GATES]
)
def test_the_last_gate(
    engine: Engine, direction: str, keys: str, wanted: dict[str, int], listed: str, person: int | None, sent: list[str]
) -> None:
    given(engine, [], wanted, listed, person)
    put_op(engine, direction, keys, keys)
    passed = engine.gate()[0][0]
    masks = [mask(keys) if direction == "add" else r["sent"] for r in passed]
    assert masks == [mask(keys if direction == "add" else s) for s in sent]


FOLDS = [
    ("an acknowledged addition", "add", "applied", 0, [], "in", "e1 p1", 0),
    ("an addition without an answer", "add", "unknown", 0, [], "maybe", "e1 p1", 0),
    ("an addition refused", "add", "refused", 0, [], "in", "p1", 2),
    ("an addition named invalid", "add", "applied", 1, ["e1 p1"], "declined", "p1", 2),
    ("an addition with unexplained invalid entries", "add", "applied", 1, [], "in", "e1 p1", 0),
    ("an acknowledged removal", "remove", "applied", 0, [], "out", "", 0),
    ("a removal without an answer revives", "remove", "unknown", 0, [], "maybe", "e1 p1", 0),
    ("a removal refused", "remove", "refused", 0, [], "in", "p1", 2),
    ("a removal named invalid", "remove", "applied", 1, ["e1 p1"], "maybe", "e1 p1", 3),
    ("a removal with unexplained invalid entries", "remove", "applied", 1, [], "maybe", "e1 p1", 3),
    ("a removal while another row was named", "remove", "applied", 1, ["e9"], "out", "", 0),
]


@pytest.mark.parametrize(
    ("direction", "state", "invalid", "named", "known", "live", "tries"), [pytest.param(*f[1:], id=f[0]) for f in FOLDS]
)
def test_fold_and_fold_again(
    engine: Engine, direction: str, state: str, invalid: int, named: list[str], known: str, live: str, tries: int
) -> None:
    given(engine, [row("e1 p1", live="p1", tries=2)], {})
    put_op(engine, direction, "e1 p1", "e1 p1")
    engine.put("outcome", [(0, 5, state, NOW, invalid)])
    engine.put("named", [(0, 5, IDS.of(n), "bad") for n in named])
    engine.fold(DESIGN)
    once = engine.ledger()[0]
    assert [(r["known"], r["live"], r["tries"]) for r in once] == [(known, mask(live), tries)]
    engine.fold(DESIGN)
    assert engine.ledger()[0] == once


def test_an_older_batch_folded_again_changes_nothing(engine: Engine) -> None:
    given(engine, [row("e1", folded_at=NOW, live="", known="out")], {})
    put_op(engine, "add", "e1")
    engine.put("outcome", [(0, 5, "applied", NOW - HOUR, 0)])
    engine.put("named", [])
    engine.fold(DESIGN)
    assert [r["known"] for r in engine.ledger()[0]] == ["out"]


DEFINITION = frozenset({Cause.DEFINITION})
GUARD = [
    ("few people", Exodus(at_meta=110, left=100), DEFINITION, False),
    ("a fifth, by a changed definition", Exodus(at_meta=1000, left=200), DEFINITION, False),
    ("more than a fifth, by a changed definition", Exodus(at_meta=1000, left=201), DEFINITION, True),
    ("the same by events or time", Exodus(at_meta=1000, left=201), frozenset[Cause](), False),
    ("more than four fifths, whatever the cause", Exodus(at_meta=1000, left=801), frozenset[Cause](), True),
]


@pytest.mark.parametrize(("people", "causes", "held"), [pytest.param(*g[1:], id=g[0]) for g in GUARD])
def test_the_guard(people: Exodus, causes: frozenset[Cause], held: bool) -> None:
    assert bool(judge(people, causes, "new").held) == held


def test_a_yes_covers_as_many_as_were_shown_and_no_more() -> None:
    shown = Held(plan="first", causes=DEFINITION, shown=300, confirmed=True)
    assert judge(Exodus(at_meta=1000, left=300), DEFINITION, "second", shown).held is None
    more = judge(Exodus(at_meta=1000, left=301), DEFINITION, "second", shown).held
    assert more == Held(plan="first", causes=DEFINITION, shown=301, confirmed=False)
    other = judge(Exodus(at_meta=1000, left=900), frozenset(), "second", shown).held
    assert other is not None
    assert other.plan == "second"


def test_exodus_counts_people_without_any_wanted_row(engine: Engine) -> None:
    given(
        engine,
        [row("e1", 1), row("e2", 2), row("p2", 2), row("e3", 3), row("e4", 4, live="")],
        {"p2": 2},
        listed_person=3,
    )
    relations = Relations(**{name: engine.con.table(name) for name in Relations.__dataclass_fields__})
    assert engine.rows(engine.con.compile(exodus(relations))) == [{"sync": 0, "at_meta": 3, "left": 1}]
