"""A sync under each value of each of fakemeta's switches: whichever way Meta behaves, its people are the wanted ones."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from tests.stages.deliver.conftest import customer
from tests.stages.deliver.space import Space

from fakemeta.behaviour import SWITCHES, Behaviour
from guestlist.destinations.meta.deliver import Report, State

HOUR = 3_600


def nothing(space: Space) -> None:
    """What needs no occasion."""


def flagged(space: Space) -> None:
    space.meta.post(f"audiences/{space.audience()}", flagged=True)


def cleared(space: Space) -> None:
    space.meta.post(f"audiences/{space.audience()}", flagged=False)


def terms(accepted: bool) -> Callable[[Space], None]:
    return lambda space: space.meta.post(f"accounts/{space.meta.ad_account}", terms_accepted=accepted)


def fault(do: str, **fields: Any) -> Callable[[Space], None]:
    def strike(space: Space) -> None:
        space.meta.fault(do, **{"path": "/users$", **fields})

    return strike


def at_once(space: Space) -> None:
    """Somebody leaves and comes back before what was sent is in force."""
    space.have([customer(n) for n in range(6, 21)])
    space.run()
    space.have([customer(n) for n in range(1, 21)])
    space.run()


@dataclass(frozen=True, kw_only=True)
class Case:
    """Switches turned; `occasion`: what lets it be seen; `remedy`: what a person or time does about it."""

    meta: dict[str, Any]
    occasion: Callable[[Space], None] = nothing
    remedy: Callable[[Space], None] = nothing
    told: str | None = None  # the code that a person is told meanwhile
    missing: int = 0  # people whose rows Meta called invalid

    @property
    def name(self) -> str:
        return " ".join(f"{switch}={value}" for switch, value in self.meta.items())


THROTTLED = fault("throttle", method="DELETE", nth=1, minutes=20)
INVALID = fault("count_invalid", method="POST", nth=1, count=2)
CASES = [
    # who matches, and what takes them out
    Case(meta={"strong": "first", "weak": "off", "shared_key": "one"}),
    Case(meta={"weak": "union", "weak_rule": "loose", "accents": "stripped"}),
    Case(meta={"accents": "both", "uppercase_hex": "matched", "hash_check": "strict", "extern_id_days": 1}),
    Case(meta={"membership": "keys", "order": "by_delay"}, occasion=at_once),
    Case(meta={"add_delay": 0, "remove_delay": 24 * HOUR, "order": "by_delay"}, occasion=at_once),
    Case(meta={"add_delay": 24 * HOUR, "remove_delay": 0, "order": "by_delay"}, occasion=at_once),
    Case(meta={"removal_floor": 18}),
    Case(meta={"delete_body": "ignored"}),
    Case(meta={"delete_body": "ignored", "require_proof": True, "remove_schema": "same_kind"}),
    # what it does with rows that it does not like
    Case(meta={"invalid_rows": "batch_refused"}, occasion=INVALID, missing=2),
    Case(meta={"num_received": "request", "num_invalid": "session"}, occasion=INVALID, missing=2),
    Case(meta={"flagged_removals": "accepted"}, occasion=flagged, remedy=cleared, told="meta_flagged"),
    Case(meta={"flagged_removals": "refused"}, occasion=flagged, remedy=cleared, told="meta_flagged"),
    # how it answers
    Case(
        meta={
            "empty_map": "array",
            "small_bounds": "minus_one",
            "new_audience_status": "0",
            "pkce": "ignored",
            "session_stage": "completes",
            "closed_session": "discarded",
            "users_post_counts": True,
        }
    ),
    Case(meta={"small_bounds": "zero_to_1000", "access_tier": "development_access", "require_proof": True}),
    Case(meta={"new_audience_803_seconds": 30, "max_lists": 1}),
    Case(meta={"new_audience_803_seconds": 600}, told="meta_not_visible_yet"),
    Case(meta={"usage_header_on_errors": False, "throttle_http": "429"}, occasion=THROTTLED),
    Case(meta={"throttle_transient": False}, occasion=THROTTLED),
    *(
        Case(
            meta={"terms_subcode": code}, occasion=terms(accepted=False), remedy=terms(accepted=True), told="meta_terms"
        )
        for code in ("1870034", "1870090")
    ),
]


def other_values(switch: str) -> list[Any]:
    hint = get_type_hints(Behaviour)[switch]
    every = get_args(hint) if get_origin(hint) is Literal else (False, True) if hint is bool else ()
    return [value for value in every if value != getattr(Behaviour(), switch)]


def test_every_value_of_every_switch_has_its_turn() -> None:
    tried = {turned for case in CASES for turned in case.meta.items()}
    assert {switch for switch, _ in tried} == set(SWITCHES)
    assert {(switch, value) for switch in SWITCHES for value in other_values(switch)} <= tried


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_meta_is_right_whichever_way_it_behaves(space: Space, case: Case) -> None:
    space.rows_per_request = 8
    space.meta.behave(**case.meta)
    space.have([customer(n) for n in range(1, 21)])
    first = space.run()
    case.occasion(space)
    space.have([customer(n) for n in range(6, 11)] + [customer(n, f"p{n}@example.org") for n in range(11, 31)])
    second = space.run()
    assert case.told in {one.error and one.error.code for one in (first, second)}
    case.remedy(space)
    space.meta.clear_faults()
    last = come_to_rest(space)
    truth = space.meta.truth(space.audience(), people=list(range(6, 31)))
    assert truth["wrongly_in"] == []
    assert len(truth["missing"]) == case.missing
    assert (last.state, last.debt) == (State.DONE, 0)


def come_to_rest(space: Space) -> Report:
    """Days pass until nothing is left to send."""
    for _ in range(4):
        space.pass_time(30 * HOUR)
        report = space.run()
        if report.state is State.DONE and report.debt == 0 and report.requests == 0:
            break
    return report
