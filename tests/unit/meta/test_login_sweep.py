"""A running service takes logins off the disk that nobody came back from."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest

from fakemeta.harness import running
from guestlist.clock import SetClock, microseconds
from guestlist.connected import login
from guestlist.connected.connections import clock_at
from guestlist.destinations.meta.client import GRAPH_URL
from guestlist.destinations.meta.oauth import App
from guestlist.records import Records, open_records
from guestlist.service.destinations import Destinations
from guestlist.service.logs import Log
from guestlist.space import Space, make_space
from guestlist.store.vault import Secret
from guestlist.syncing import Syncing

NOW = datetime(2036, 3, 1, 12, tzinfo=UTC)


@dataclass
class Service:
    """As much of a service as looks after destinations."""

    space: Space
    records: Records
    clock: SetClock

    @property
    def now(self) -> int:
        return microseconds(self.clock.instant)

    def look(self) -> int:
        """How many logins are kept then."""
        Destinations(cast(Syncing, self), Log(lambda _: None, self.clock, as_json=True)).look([])
        return len(self.records.journal.secrets())

    def begin(self, graph_url: str, now: int) -> None:
        app = App(id="1", secret=Secret("s"), redirect_uri="https://example.org/", graph_url=graph_url)
        login.begin(self.space, self.records, "main", app, now=now)


@pytest.mark.parametrize(("minutes", "kept"), [(9, 1), (11, 0)])
def test_a_login_is_kept_for_as_long_as_it_is_good(tmp_path: Path, minutes: int, kept: int) -> None:
    space = make_space(tmp_path / "shop")
    with open_records(space) as records:
        service = Service(space, records, SetClock(NOW))
        service.begin(GRAPH_URL, service.now)
        service.clock.instant += timedelta(minutes=minutes)
        assert service.look() == kept


def test_a_login_at_a_simulated_meta_goes_by_its_clock(tmp_path: Path) -> None:
    space = make_space(tmp_path / "shop")
    with open_records(space) as records, running(people=[], speed=0) as meta:
        service = Service(space, records, SetClock(NOW))
        service.begin(meta.graph_url, microseconds(clock_at(meta.graph_url).now()))
        assert service.look() == 1
        meta.advance(700)
        assert service.look() == 0
