"""`guestlist sync --wait` goes on until all is right or a person is needed, and tells schedulers which."""

import pytest

from guestlist.cli import rounds

from .kit import Shop

RIGHT: dict[str, list[int]] = {"wrongly_in": [], "missing": []}


@pytest.fixture
def minutes(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Waiting between two rounds costs no time: half an hour goes by at Meta."""
    waited: list[float] = []

    def pause(seconds: float) -> None:
        waited.append(seconds)
        shop.meta.advance(1800)

    monkeypatch.setattr(rounds, "pause", pause)
    return waited


def test_it_goes_on_by_itself_until_all_is_right(shop: Shop, minutes: list[float]) -> None:
    shop.meta.fault("throttle", path="/users$", nth=2, minutes=50)
    told = shop.type("sync", "--wait", "--json")
    assert (told.code, told.facts["syncs"][0]["state"]) == (0, "done")
    assert len(minutes) >= 2
    assert shop.truth() == RIGHT


def test_it_waits_no_longer_than_it_may(shop: Shop, minutes: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "stopwatch", lambda: lambda: 60.0 * len(minutes))
    shop.meta.fault("throttle", path="/users$", minutes=50_000, times=100)
    told = shop.type("sync", "--wait", "--timeout", "120s", "--json")
    assert (told.code, told.facts["syncs"][0]["state"]) == (4, "waiting")
    assert len(minutes) == 2


def test_it_does_not_wait_for_a_person(shop: Shop, minutes: list[float]) -> None:
    shop.meta.fault("error", path="/users$", code=190, subcode=460)
    told = shop.type("sync", "--wait", "--json")
    assert (told.code, told.facts["syncs"][0]["error"]["code"], minutes) == (1, "meta_password_changed", [])


@pytest.mark.parametrize("text", ["soon", "10", "-1m", "1 month", "0s"])
def test_a_timeout_is_an_amount_of_time(shop: Shop, text: str) -> None:
    told = shop.type("sync", "--wait", "--timeout", text)
    assert (told.code, "[bad_timeout]" in told.err) == (2, True)
