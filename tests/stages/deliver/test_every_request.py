"""Each fault at each request of a sync, one after the other: afterwards Meta's people are the wanted ones.

GUESTLIST_FAULTS=all strikes at each request (minutes); else at one that removes and one that adds, taking turns.
"""

from collections.abc import Iterator

import pytest
from tests.acceptance.sync.storm import EVERY_REQUEST, REQUESTS, Strike
from tests.acceptance.sync.strikes import LOST, REFUSED
from tests.stages.deliver.conftest import COUNT, PEOPLE, customer
from tests.stages.deliver.space import Space

from fakemeta.harness import running
from guestlist.destinations.meta.account import Upkeep, Wish
from guestlist.destinations.meta.client import MetaError
from guestlist.destinations.meta.deliver import State
from guestlist.store.journal_tables import Sync

EVERYTHING = LOST | REFUSED
TURNS = [REQUESTS] if EVERY_REQUEST else [(1, 4), (2, 3)]  # a sync here makes two requests that remove, two that add
WIDE, STEP = 12, 5  # a run that has nobody to remove still makes four requests
DAY = 30 * 3_600


class Life:
    """One space for all faults of a process. Its audience is a window over the people, which moves with each sync."""

    def __init__(self, space: Space) -> None:
        self.space, self.at = space, 0
        self.move()
        assert space.run().state is State.DONE
        space.pass_time(DAY)

    @property
    def wanted(self) -> list[int]:
        return [(self.at + n) % COUNT + 1 for n in range(WIDE)]

    def move(self) -> None:
        self.at += STEP
        self.space.have(customer(n) for n in self.wanted)


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    with running(people=PEOPLE, speed=0) as meta:
        space = Space(tmp_path_factory.mktemp("life"), meta, rows_per_request=3)
        yield Life(space)
        space.close()
        space.client.close()


@pytest.mark.parametrize(
    ("what", "requests"),
    [(what, TURNS[number % len(TURNS)]) for number, what in enumerate(EVERYTHING.values())],
    ids=EVERYTHING,
)
def test_a_fault_at_each_request(life: Life, what: Strike, requests: tuple[int, ...]) -> None:
    space = life.space
    space.meta.clear_faults()
    for nth in requests:
        life.move()
        space.meta.fault(what.do, path="/users$", nth=nth, **what.fields)
        told = space.run()
        assert space.meta.get("faults")["rules"][0]["fired"] == 1
        assert told.state is State.DONE or told.error or told.again_at, "whoever is stopped is told why, or until when"
        space.meta.clear_faults()
        what.remedy(space)
        space.pass_time(DAY)
    # Rows that Meta left out without naming them are found by sending all again.
    told = space.run(reassert_before=space.now if "--full" in what.words else None)
    assert (told.state, told.debt) == (State.DONE, 0)
    truth = space.meta.truth(space.audience(), people=life.wanted)
    assert (truth["wrongly_in"], truth["missing"]) == ([], [])


@pytest.mark.parametrize("what", EVERYTHING.values(), ids=EVERYTHING)
@pytest.mark.parametrize("nth", [1, 2, 3])
def test_a_fault_while_the_audience_is_made(life: Life, what: Strike, nth: int, request: pytest.FixtureRequest) -> None:
    """At the list that is looked at first, at the making, and at the list after an answer that was lost."""
    space, key = life.space, f"{request.node.name}@main"
    account = space.meta.ad_account
    keeper = Upkeep(journal=space.journal, client=space.client, clock=space.clock, sleep=space.sleep)
    space.meta.fault(what.do, path=f"^/?{account}/customaudiences$", nth=min(nth, 2), **what.fields)
    if nth == 3:
        space.meta.fault("drop_after", path=f"^/?{account}/customaudiences$", nth=1)
    made: Sync | None = None
    for _ in range(3):
        try:
            made = keeper.ensure(
                space.journal.sync(key) or Sync(key=key, audience=key, destination="main"), Wish(name=key)
            )
        except MetaError:
            space.meta.clear_faults()
            what.remedy(space)
            space.pass_time(3_600)
    space.meta.clear_faults()
    assert made is not None
    found = [one["id"] for one in space.meta.get("audiences")["audiences"] if one["name"] == key]
    assert found == [made.remote_id]
