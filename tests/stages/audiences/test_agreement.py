"""The engine and the interpreter say the same of any condition over any history.

`AGREEMENTS=5000 pytest tests/stages/audiences/test_agreement.py` looks further than an ordinary run does.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from pprint import pformat

import ibis
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from tests.stages.audiences import interpreter
from tests.stages.audiences.worlds import Conditions, World, definitions, world

from guestlist.audiences import definition as d
from guestlist.audiences.compile import group_of, members
from guestlist.audiences.explain import Reason, explain
from guestlist.audiences.question import Question
from guestlist.audiences.scanning import scanned
from guestlist.store import Warehouse

EXAMPLES = int(os.environ.get("AGREEMENTS", "120"))


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    with Warehouse(tmp_path_factory.mktemp("agreement") / "warehouse.duckdb") as warehouse:
        yield warehouse


@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")  # strategies with a long repr
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10_000), data=st.data())
def test_the_engine_agrees_with_the_interpreter(warehouse: Warehouse, seed: int, data: st.DataObject) -> None:
    here = world(seed)
    definition, question = _drawn(here, warehouse, data)
    inline, begun = question.inline, question.begun
    if data.draw(st.booleans(), "properties read beforehand"):
        question = scanned(question, [definition, *inline.values()], warehouse.materialise)

    found = members(definition, question)
    drawn = group_of(found.profile_id, definition) if definition.split else ibis.literal("")
    lines = warehouse.read(found.mutate(drawn=drawn)).to_pylist()
    engine = [line["profile_id"] for line in lines]
    asked = interpreter.Asked(as_of=here.as_of, zone=here.zone, inline=inline, begun=begun)
    told = interpreter.members(definition, here.people, asked)

    assert len(set(engine)) == len(engine)
    for name in sorted(told ^ set(engine))[:1]:
        note(f"{here.zone} {here.as_of}, engine: {name in engine}\n{pformat(here.people[name], width=140)}")
    assert set(engine) == told
    groups = {name: interpreter.group(definition, here.people[name]) for name in told}
    assert {line["profile_id"]: line["drawn"] for line in lines} == groups


def _drawn(here: World, warehouse: Warehouse, data: st.DataObject) -> tuple[d.Definition, Question]:
    """An audience that may ask about another one, and what is known to answer it by."""
    conditions = Conditions(zone=here.zone, as_of=here.as_of)
    definition = data.draw(definitions(conditions, "outer", 2))
    inner = data.draw(st.none() | definitions(conditions, "inner", 0).filter(_asks_nobody))
    begun = data.draw(st.one_of(st.just({}), conditions.instants().map(lambda at: {"outer": at, "inner": at})))
    return definition, Question(
        relations=here.relations(warehouse),
        as_of=here.as_of,
        zone=here.zone,
        inline={inner.key: inner} if inner else {},
        lists=here.listed(warehouse),
        begun=begun,
    )


def _asks_nobody(definition: d.Definition) -> bool:
    return not d.references(definition.who)


@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")
@settings(max_examples=max(1, EXAMPLES // 6), deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10_000), data=st.data())
def test_an_explanation_agrees_with_the_members(warehouse: Warehouse, seed: int, data: st.DataObject) -> None:
    here = world(seed)
    definition, question = _drawn(here, warehouse, data)
    question = replace(question, inline={definition.key: definition, **question.inline})
    inside = {line["profile_id"] for line in warehouse.read(members(definition, question)).to_pylist()}
    for name in data.draw(st.lists(st.sampled_from([*sorted(here.people), "unheard of"]), min_size=1, max_size=3)):
        told = explain(definition, name, question, warehouse)
        note(f"{name}: {pformat(told, width=140)}")
        assert told.inside == (name in inside)
        for reason in _every(told.who):
            _agrees_with_itself(reason)


def _every(reason: Reason) -> Iterator[Reason]:
    yield reason
    for part in reason.parts:
        yield from _every(part)


def _agrees_with_itself(reason: Reason) -> None:
    """What is told beside a verdict is what the verdict is made of."""
    if isinstance(reason.condition, d.Event) and isinstance(reason.condition.measure, d.Count):
        number = reason.condition.measure.number
        compared = {"at_least": reason.counted >= number, "exactly": reason.counted == number}
        assert compared.get(reason.condition.measure.comparator, reason.counted <= number) == reason.holds
    for seen in (*reason.events, *reason.missed):
        for followed in seen.after:
            number, compared_by = followed.then.count.number, followed.then.count.comparator
            enough = {"at_least": followed.counted >= number, "exactly": followed.counted == number}
            done = enough.get(compared_by, followed.counted <= number)
            assert all(one.at > seen.at for one in followed.events)
            if followed.then in (reason.condition.step.where if isinstance(reason.condition, d.Event) else ()):
                assert done == (followed.then not in seen.lacks)
