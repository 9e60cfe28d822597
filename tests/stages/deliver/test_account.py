"""The Custom Audience behind a sync, against the simulator."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fakemeta.harness import Running
from guestlist.clock import SetClock
from guestlist.destinations.meta.account import Upkeep, Wish, in_words
from guestlist.destinations.meta.answers import Audience
from guestlist.destinations.meta.client import Connection, MetaClient, MetaError
from guestlist.errors import GuestlistError
from guestlist.store.journal import Journal
from guestlist.store.journal_tables import Sync
from guestlist.store.vault import Secret

KEY = "buyers@main"


class Killed(BaseException):
    """The process ends here."""


class Account:
    """A journal and an ad account."""

    def __init__(self, folder: Path, meta: Running) -> None:
        self.meta = meta
        self.journal = Journal.open(folder / "journal.sqlite")
        self.journal.take_over("test", now=1)
        self.journal.save_sync(Sync(key=KEY, audience="buyers", destination="main"))
        self.clock = SetClock(datetime.fromtimestamp(int(meta.now()), UTC))
        self.client = MetaClient(
            Connection(
                ad_account=meta.ad_account,
                token=Secret(meta.access_token),
                app_secret=Secret(meta.app_secret),
                graph_url=meta.graph_url,
            )
        )

    def sleep(self, seconds: float) -> None:
        self.clock.instant += timedelta(seconds=seconds)
        self.meta.advance(seconds)

    @property
    def sync(self) -> Sync:
        found = self.journal.sync(KEY)
        assert found is not None
        return found

    def keeper(self) -> Upkeep:
        return Upkeep(journal=self.journal, client=self.client, clock=self.clock, sleep=self.sleep)

    def ensure(self, wish: Wish | None = None) -> Sync:
        return self.keeper().ensure(self.sync, wish or Wish(name="Buyers"))

    def names(self) -> list[str]:
        return sorted(audience.name for audience in self.client.audiences())


@pytest.fixture
def account(meta: Running, tmp_path: Path) -> Iterator[Account]:
    opened = Account(tmp_path, meta)
    yield opened
    opened.journal.close()
    opened.client.close()


def test_made_once(account: Account) -> None:
    made = account.ensure()
    assert account.ensure() == made == account.sync
    assert account.names() == ["Buyers"]


@pytest.mark.parametrize("do", ["drop_before", "drop_after", "truncate", "html"])
def test_a_lost_answer_makes_no_second_one(account: Account, do: str) -> None:
    account.meta.fault(do, method="POST", path="/customaudiences$", nth=1)
    assert account.ensure().remote_id is not None
    assert account.names() == ["Buyers"]


@pytest.mark.parametrize("sent", [False, True])
def test_killed_while_it_is_made(account: Account, monkeypatch: pytest.MonkeyPatch, sent: bool) -> None:
    create: Callable[[str, str, str], str] = account.client.create_audience

    def die(name: str, description: str, source: str) -> str:
        if sent:
            create(name, description, source)
        raise Killed

    monkeypatch.setattr(account.client, "create_audience", die)
    with pytest.raises(Killed):
        account.ensure()
    monkeypatch.undo()
    assert account.ensure().remote_id is not None
    assert account.names() == ["Buyers"]


def test_a_name_that_exists_stops_until_somebody_decides(account: Account) -> None:
    theirs = account.client.create_audience("Buyers", "", "USER_PROVIDED_ONLY")
    with pytest.raises(GuestlistError) as raised:
        account.ensure()
    assert raised.value.code == "audience_name_exists"
    assert f"adopt: {theirs}" in str(raised.value)
    assert account.sync.creation_intended_at is None

    adopted = account.ensure(Wish(name="Buyers", adopt=theirs))
    assert (adopted.remote_id, adopted.adopted) == (theirs, True)


def test_made_beside_another_of_its_name(account: Account) -> None:
    theirs = account.client.create_audience("Buyers", "", "USER_PROVIDED_ONLY")
    account.sleep(3600)
    made = account.ensure(Wish(name="Buyers", adopt=False))
    assert made.remote_id not in {None, theirs}
    assert account.names() == ["Buyers", "Buyers"]


def test_a_rename_follows_unless_told_otherwise(account: Account) -> None:
    account.ensure()
    account.ensure(Wish(name="Late buyers", rename="keep"))
    assert account.names() == ["Buyers"]
    account.ensure(Wish(name="Late buyers"))
    assert account.names() == ["Late buyers"]


def test_a_refused_creation_may_be_tried_again(account: Account) -> None:
    account.meta.post(f"accounts/{account.meta.ad_account}", terms_accepted=False)
    with pytest.raises(MetaError) as raised:
        account.ensure()
    assert raised.value.code == "meta_terms"
    account.meta.post(f"accounts/{account.meta.ad_account}", terms_accepted=True)
    assert account.ensure().remote_id is not None


def test_one_that_was_deleted_at_meta_is_made_anew(account: Account) -> None:
    first = account.ensure()
    assert first.remote_id is not None
    assert not account.keeper().is_gone(first)
    account.client.delete_audience(first.remote_id)
    assert account.keeper().is_gone(first)
    account.keeper().forget(first)
    assert account.ensure().remote_id != first.remote_id


@pytest.mark.parametrize(
    ("operation", "delivery", "bounds", "state", "size"),
    [
        (441, 300, (None, None), "populating since 14:02", "not known yet"),
        (200, 200, (4900, 5100), "ready", "4,900 to 5,100"),
        (411, 200, (1000, 1200), "ready; few people matched", "1,000 to 1,200"),
        (200, 300, (1000, 1000), "too small: Meta needs 100 matched people", "below 1,000"),
        (410, 300, (None, None), "nothing was uploaded yet", "not known yet"),
        (0, 400, (None, None), "cannot be used for ads", "not known yet"),
    ],
)
def test_in_words(operation: int, delivery: int, bounds: tuple[int | None, int | None], state: str, size: str) -> None:
    shown = Audience(
        id="238", name="Buyers", subtype="CUSTOM", lower=bounds[0], upper=bounds[1], created=0,
        operation_code=operation, operation_text="", delivery_code=delivery, delivery_text="",
    )  # fmt: skip
    standing = in_words(shown, "act_7", since=datetime(2026, 11, 1, 14, 2, tzinfo=UTC))
    assert (standing.state, standing.size) == (state, size)
    assert "act=7" in standing.link
