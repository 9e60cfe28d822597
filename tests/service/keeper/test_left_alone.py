"""Audiences at Meta that no file names any more, destinations with a mistake, old answers: the rest goes on."""

import pytest
from tests.acceptance.sync.kit import Shop

from guestlist.emptying import order
from guestlist.records import open_records
from guestlist.service import turns
from guestlist.space import open_space
from guestlist.store.journal_access import Repeatable

from .conftest import keeping, until

EVERY = "{ to: main, every: 1h }"


def test_an_audience_that_no_file_names_is_emptied_once_that_is_asked(shop: Shop) -> None:
    shop.want("t0", "t1", sync=EVERY)
    assert shop.type("sync").code == 0
    (shop.space / "audiences" / "vip.yaml").unlink()
    shop.want("t2", key="rest", name="Rest", sync=EVERY)
    audience = shop.audience()
    space = open_space(shop.space)
    with keeping(shop.space) as kept, open_records(space) as records:
        until(lambda: kept.of("synced", state="done", sync="rest@main"))
        assert shop.meta.members(audience)
        order(space, records.journal, "vip@main", actor="test", now=1)
        kept.keeper.run_now("vip@main")
        until(lambda: not shop.meta.members(audience))


def test_a_destination_with_a_mistake_costs_only_itself(shop: Shop) -> None:
    shop.want("t0", "t1", sync=EVERY)
    shop.want("t2", key="rest", name="Rest", sync="{ to: broken }")
    shop.want("t0", "t1", sync=EVERY)
    shop.edit("destinations:\n", "destinations:\n  broken: { account: none }\n")
    with keeping(shop.space) as kept:
        until(lambda: kept.runs() == 1)
        shop.list_person(4)
        until(lambda: kept.of("handed_over", removed_rows=1))
        assert kept.of("trouble") == []


def test_what_nobody_could_do_is_not_ordered(shop: Shop) -> None:
    assert shop.type("sync").code == 0
    (shop.space / "audiences" / "vip.yaml").unlink()
    shop.edit("\n  main:", "\n  other:")
    told = shop.type("sync", "vip", "--empty", "--yes", "--json")
    assert (told.code, "destination_unknown" in told.text) == (1, True), told.text
    with open_records(open_space(shop.space)) as records:
        assert records.journal.emptied() == {}


def test_a_mistake_in_a_file_keeps_nobody_from_emptying(shop: Shop) -> None:
    assert shop.type("sync").code == 0
    (shop.space / "audiences" / "rest.yaml").write_text("name: Rest\nwho: { nothing: 1 }\n")
    assert shop.type("sync", "vip", "--empty", "--yes").code == 0
    assert not shop.meta.members(shop.audience())


def test_answers_to_writes_are_let_go_though_nobody_writes(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "SETTLED_EVERY", 0.0)
    old = Repeatable(caller="key page", key="once", digest=b"d", at=1)
    with open_records(open_space(shop.space)) as records, keeping(shop.space):
        assert records.journal.begin_repeatable(old, forget_before=0) is None
        until(lambda: records.journal.begin_repeatable(old, forget_before=0) is None)
