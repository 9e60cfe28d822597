"""Deliver one sync to the simulator: afterwards Meta's people are the wanted ones, whatever went wrong on the way."""

from typing import Any

import pytest
from tests.stages.deliver.conftest import customer
from tests.stages.deliver.space import KEY, Killed, Space

from guestlist.destinations.meta.answers import Outcome, Reply
from guestlist.destinations.meta.client import Mark, UsersReply
from guestlist.destinations.meta.deliver import Sender, State
from guestlist.destinations.meta.guard import Cause
from guestlist.destinations.meta.pace import Direction
from guestlist.store.journal_tables import BatchState


def ids(*numbers: int) -> set[str]:
    return {f"c{n}" for n in numbers}


def settle(space: Space) -> None:
    """A day passes and one run goes well."""
    space.meta.clear_faults()
    space.pass_time(30 * 3600)
    assert space.run().state is State.DONE
    space.pass_time(3600)


def test_people_enter_stay_and_leave(space: Space) -> None:
    first = space.run()
    assert (first.state, first.added, first.removed, first.requests) == (State.DONE, 40, 0, 4)
    assert space.at_meta() == set(range(1, 41))
    assert space.run().requests == 0

    space.have([customer(n) for n in range(11, 51)])
    second = space.run()
    assert (second.added, second.removed, second.debt) == (10, 10, 0)
    assert space.at_meta() == set(range(11, 51))


def test_removals_go_first_and_sessions_hold_one_direction(space: Space) -> None:
    space.run()
    space.have([customer(n) for n in range(21, 61)])
    space.run()
    history = space.meta.history(space.audience())[4:]
    assert [entry["action"] for entry in history] == ["remove"] * 2 + ["add"] * 2
    assert len({entry["session_id"] for entry in history}) == 2


@pytest.mark.parametrize("behaviour", [{"num_received": "request"}, {"num_invalid": "session"}, {"empty_map": "array"}])
def test_counts_of_either_kind(space: Space, behaviour: dict[str, str]) -> None:
    space.meta.behave(**behaviour)
    space.meta.fault("count_invalid", path="/users$", nth=1, named=True)
    report = space.run()
    # What else was in the request of which Meta named a row goes once more, without that row.
    assert (report.added, report.declined, report.in_doubt, report.requests) == (39, 1, 9, 5)
    assert space.run().requests == 0


def test_one_answer_in_three_is_lost(space: Space) -> None:
    space.meta.fault("drop_after", path="/users$", every=3)
    assert space.run().state is State.DONE
    space.have([customer(n) for n in range(16, 56)])
    assert space.run().state is State.DONE
    settle(space)
    assert space.at_meta() == set(range(16, 56))


class Dying:
    """A journal or client whose process ends just before the n-th of the calls that count."""

    def __init__(self, inner: Any, steps: list[int]) -> None:
        self._inner, self._steps = inner, steps

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name not in {"save_plan", "move_plan", "intend", "answer", "folded", "send"}:
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            self._steps[0] -= 1
            if self._steps[0] == 0:
                raise Killed
            return found(*args, **kwargs)

        return call


@pytest.mark.parametrize("step", range(1, 18))
def test_killed_between_any_two_steps(space: Space, step: int) -> None:
    space.run()
    space.have([customer(n) for n in range(21, 61)])
    steps = [step]
    whole = space.journal
    space.audience()
    space.journal = Dying(whole, steps)  # type: ignore[assignment]
    killed = False
    try:
        space.run(client=Dying(space.client, steps))
    except Killed:
        killed = True
    space.journal = whole
    space.restart()
    assert space.run().state is State.DONE
    space.pass_time(3600)
    assert space.at_meta() == set(range(21, 61))
    assert killed or step > 16
    assert space.journal.unfolded() == []


def test_folding_twice_changes_nothing(space: Space) -> None:
    whole = space.journal
    space.audience()
    space.journal = Dying(whole, [11])  # type: ignore[assignment]
    with pytest.raises(Killed):
        space.run()
    space.journal = whole
    assert len(space.journal.unfolded()) == 4
    before = sorted(map(str, space.ledger.read(space.ledger.table("ledger")).to_pylist()))
    space.restart()
    assert space.run().requests == 0
    assert sorted(map(str, space.ledger.read(space.ledger.table("ledger")).to_pylist())) == before


def test_a_refused_removal_blocks_nothing_and_is_tried_again(space: Space) -> None:
    space.run()
    space.have([customer(n) for n in range(11, 51)])
    space.meta.fault("refuse_removals", method="DELETE", path="/users$")
    report = space.run()
    assert (report.added, report.removed, report.refused, report.debt) == (10, 0, 10, 10)
    assert report.again_at == space.now + 900_000_000
    assert space.run().requests == 0  # not yet
    space.pass_time(901)
    report = space.run()
    assert (report.refused, report.debt) == (10, 10)
    assert report.again_at == space.now + 1_800_000_000  # longer
    space.meta.clear_faults()
    space.pass_time(1801)
    assert space.run().removed == 10
    assert space.at_meta() == set(range(11, 51))


def test_rows_that_meta_names_are_not_sent_again(space: Space) -> None:
    space.meta.fault("count_invalid", path="/users$", nth=1, count=3)
    assert space.run().declined == 3
    assert space.run().requests == 0


def test_unexplained_invalid_removals_go_in_halves_three_times(space: Space) -> None:
    space.run()
    space.have([customer(n) for n in range(9, 41)])
    space.meta.fault("count_invalid", method="DELETE", path="/users$", named=False)
    space.run()
    sizes = [entry["rows"] for entry in space.meta.history(space.audience()) if entry["action"] == "remove"]
    assert sizes == [8, 5, 3, 2, 2, 2, 2]
    assert space.run().requests == 0


def test_a_newer_wanted_supersedes_the_rest(space: Space) -> None:
    space.newer = 3
    report = space.run()
    assert (report.state, report.added, len(report.plans)) == (State.DONE, 40, 2)
    states = [batch.state for batch in space.journal.batches(report.plans[0])]
    assert states == [BatchState.APPLIED] * 2 + [BatchState.SUPERSEDED] * 2


def test_a_listed_person_leaves_and_nobody_carries_their_value(space: Space) -> None:
    space.have([customer(1, "p1@example.com"), customer(2, "p2@example.com", email="p1@example.com"), customer(3)])
    space.run()
    assert space.at_meta() == {1, 2, 3}
    space.listed = [("email", "p1@example.com")]
    space.run()
    assert space.at_meta() == {2, 3}
    assert space.wanted().cannot == {"do_not_send": 1}


def test_the_last_gate_drops_what_is_no_longer_wanted(space: Space) -> None:
    space.run()
    space.have([customer(n) for n in range(11, 51)])
    space.leave_late = ids(*range(46, 51))
    report = space.run()
    assert (report.added, report.removed) == (5, 10)
    assert space.at_meta() == set(range(11, 46))


def test_a_mistake_is_held_until_a_yes(space: Space) -> None:
    space.rows_per_request = 10_000
    space.have([customer(n) for n in range(1, 201)])
    space.run()
    space.have([customer(n) for n in range(1, 61)])
    held = space.run(causes=frozenset({Cause.DEFINITION}))
    assert (held.state, held.requests) == (State.HELD, 0)
    again = space.run(causes=frozenset({Cause.DEFINITION}))
    assert again.held == held.held
    assert held.held is not None
    space.journal.confirm(held.held, now=space.now)
    assert space.run(causes=frozenset({Cause.DEFINITION})).removed == 140


def test_a_listed_person_leaves_while_the_plan_waits(space: Space) -> None:
    space.have([customer(n) for n in range(1, 201)])
    space.run()
    space.have([customer(n) for n in range(1, 61)])
    space.listed = [("email", "p150@example.com"), ("email", "p1@example.com")]
    held = space.run(causes=frozenset({Cause.DEFINITION}))
    assert held.state is State.HELD
    assert (held.added, held.removed) == (0, 2)
    assert 1 not in space.at_meta()
    assert held.held is not None
    assert space.journal.held_plan(KEY) is not None


@pytest.mark.parametrize(("subcode", "code"), [(460, "meta_password_changed"), (463, "meta_token_expired")])
def test_a_token_that_dies_stops_the_run(space: Space, subcode: int, code: str) -> None:
    space.meta.fault("revoke", path="/users$", nth=2, subcode=subcode)
    report = space.run()
    assert (report.state, report.added, report.requests) == (State.STOPPED, 10, 2)
    assert report.error is not None
    assert report.error.code == code
    assert "30 rows wait" in str(report.error)
    space.meta.post("tokens/change", token=space.meta.access_token, restore=True)
    assert space.run().added == 30


def test_a_throttled_account_waits_and_remembers_it(space: Space) -> None:
    space.meta.fault("throttle", path="/users$", nth=2, minutes=20)
    report = space.run()
    assert report.state is State.WAITING
    assert report.again_at is not None
    before = len(space.meta.requests())
    space.restart()
    assert space.run().state is State.WAITING
    assert [r for r in space.meta.requests()[before:] if r["path"].endswith("/users")] == []
    space.pass_time(21 * 60)
    assert space.run().state is State.DONE
    assert space.at_meta() == set(range(1, 41))


def test_an_outage_ends_the_run_and_not_the_work(space: Space) -> None:
    space.meta.fault("error", path="/users$", code=2)
    report = space.run()
    assert (report.state, report.requests) == (State.WAITING, 5)
    space.meta.clear_faults()
    space.pass_time(3600)
    assert space.run().state is State.DONE
    assert space.at_meta() == set(range(1, 41))


def test_an_unknown_error_gets_three_tries(space: Space) -> None:
    space.meta.fault("error", path="/users$", code=4242)
    report = space.run()
    assert (report.state, report.requests) == (State.STOPPED, 3)
    assert report.error is not None
    assert report.error.code == "meta_unknown_error"


def test_too_much_at_once_is_cut_smaller(space: Space) -> None:
    space.meta.fault("error", path="/users$", code=105, times=2)
    assert space.run().state is State.DONE
    sizes = [entry["rows"] for entry in space.meta.history(space.audience())]
    assert sizes == [2] * 20


def test_nothing_listening(space: Space) -> None:
    class Nobody:
        def send(self, direction: Direction, audience: str, schema: Any, rows: Any, mark: Mark) -> UsersReply:
            return UsersReply(reply=Reply(outcome=Outcome.NOT_SENT, cause="ConnectError"), answer=None)

    nobody: Sender = Nobody()
    report = space.run(client=nobody)
    assert (report.state, report.in_doubt) == (State.WAITING, 0)
    assert report.error is not None
    assert report.error.code == "meta_unreachable"


def test_a_full_run_sends_everything_again(space: Space) -> None:
    space.run()
    space.pass_time(60)
    assert space.run(reassert_before=space.now).added == 40
    sync = space.journal.sync(KEY)
    assert sync is not None
    assert sync.full_at == sync.right_at
