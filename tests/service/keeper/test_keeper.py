"""A keeper against the simulator: what is due runs, what fails heals, what is stopped goes on."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from tests.acceptance.sync.kit import HOUR, RIGHT, SETTLED, Shop

from guestlist.records import open_records
from guestlist.service import turns
from guestlist.sources.files import DataFile
from guestlist.sources.landing import Clocks, land
from guestlist.sources.mapping import Chosen, FileMapping
from guestlist.space import open_space
from guestlist.store import Warehouse

from .conftest import BATCH, COUNT, keeping, until

MINUTE = 60


def test_a_schedule_runs_when_its_time_has_come(shop: Shop) -> None:
    shop.want("t0", "t1", sync="{ to: main, every: 15m }")
    with keeping(shop.space) as kept:
        until(lambda: kept.runs() == 1)
        assert shop.truth() == RIGHT
        shop.want("t1", "t2", sync="{ to: main, every: 15m }")
        shop.meta.advance(14 * MINUTE)
        kept.looks_on()
        assert kept.runs() == 1
        shop.meta.advance(2 * MINUTE)
        until(lambda: kept.runs() == 2)
        shop.meta.advance(3 * HOUR)  # twelve times at once
        until(lambda: kept.runs() == 3)
        kept.looks_on()
        assert kept.runs() == 3
    shop.meta.advance(SETTLED)
    assert shop.truth() == RIGHT


def test_manual_waits_until_told(shop: Shop) -> None:
    shop.want("t0", "t1", sync="{ to: main, every: manual }")
    with keeping(shop.space) as kept:
        until(lambda: kept.of("keeper", state="keeping"))
        shop.meta.advance(48 * HOUR)
        kept.looks_on()
        assert not kept.of("synced")
        kept.keeper.run_now("vip@main")
        until(lambda: kept.runs() == 1)
    assert shop.truth() == RIGHT


def test_cancelled_it_sends_nothing_more_until_told_again(shop: Shop) -> None:
    shop.want("t0", "t1", sync="{ to: main, every: manual }")
    shop.meta.fault("late", method="POST", path="/users$", seconds=0.5)
    with keeping(shop.space) as kept:
        kept.keeper.run_now("vip@main")
        until(shop.uploads)
        assert kept.keeper.cancel("vip@main")
        until(lambda: kept.runs("cancelled") == 1)
        sent = len(shop.uploads())
        assert sent < len(shop.wanted) / BATCH
        kept.looks_on()
        assert len(shop.uploads()) == sent
        assert not kept.keeper.cancel("vip@main")
        shop.meta.clear_faults()
        kept.keeper.run_now("vip@main")
        until(lambda: kept.runs() == 1)
    shop.meta.advance(SETTLED)
    assert shop.truth() == RIGHT


def test_a_long_upload_makes_room_for_a_sync_that_is_due(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "SLICE", 0.2)
    shop.want("t0", "t1", "t2", sync="{ to: main, every: manual }")
    shop.want("t3", key="small", name="Small", sync="{ to: main, every: manual }")
    shop.meta.fault("late", method="POST", path="/users$", seconds=0.5)
    with keeping(shop.space) as kept:
        kept.keeper.run_now("vip@main")
        until(shop.uploads)
        kept.keeper.run_now("small@main")
        until(lambda: kept.runs() == kept.runs(sync="small@main") == 1)
        done = [one["sync"] for one in kept.of("synced", state="done")]
    assert done == ["small@main", "vip@main"]


def test_an_error_is_kept_with_its_remedy_and_heals_and_costs_nobody_else(shop: Shop) -> None:
    shop.want("t0", "t1", sync="{ to: main, every: 1h }")
    shop.want("t2", key="rest", name="Rest", sync="{ to: main, every: 1h }")
    shop.meta.fault("error", path="/customaudiences$", method="GET", code=2, times=1)
    with keeping(shop.space) as kept:
        until(lambda: kept.of("synced", state="stopped") and kept.of("synced", state="done"))
        failed = kept.of("synced", state="stopped")[0]
        told = shop.type("status", "--json").facts["syncs"]
        assert failed["code"] == "meta_outage"
        (line,) = [one for one in told if one["sync"] == failed["sync"]]
        assert line["error"]["code"] == "meta_outage"
        assert line["error"]["next"]
        shop.meta.advance(2 * MINUTE)  # sooner than its hour: waiting cures it
        until(lambda: kept.runs(sync=failed["sync"]) == 1)
        line = next(one for one in shop.type("status", "--json").facts["syncs"] if one["sync"] == failed["sync"])
        assert line["error"] is None
        until(lambda: kept.runs() == kept.runs(sync="rest@main") == 1)


def test_who_is_listed_leaves_though_nothing_is_due_and_the_files_are_broken(shop: Shop) -> None:
    shop.want("t0", "t1", sync="{ to: main, every: manual }")
    with keeping(shop.space) as kept:
        kept.keeper.run_now("vip@main")
        until(lambda: kept.runs() == 1)
        (shop.space / "audiences" / "broken.yaml").write_text("key: [")
        until(lambda: kept.of("files_not_read"))
        told = shop.type("status", "--json")
        assert (told.code, [one["audience"] for one in told.facts["mistaken"]]) == (1, ["broken"])
        assert "broken: its file has a mistake" in shop.type("status").out
        shop.list_person(4)  # of t0, beside the keeper
        until(lambda: kept.of("handed_over", removed_rows=1))
        assert shop.process("erase", f"user_id:{shop.people[7].user_id}").code == 0
        shop.listed.add(8)
        until(lambda: len(kept.of("handed_over", removed_rows=1)) == 2)
    shop.meta.advance(SETTLED)
    assert shop.truth() == RIGHT
    assert not {4, 8} & shop.meta.members(shop.audience())


def test_what_waits_when_an_erasure_is_asked_is_erased_too(shop: Shop) -> None:
    shop.want("t0", "t1", sync="{ to: main, every: manual }")
    person = shop.people[7]
    said = moves_to(person.user_id, "t3", shop)
    with keeping(shop.space) as kept:
        until(lambda: kept.of("keeper", state="keeping"))
        with open_records(open_space(shop.space)) as records:
            # As if it had come to the inbox just before the person was named.
            kept.arrives = lambda warehouse: said(warehouse) if records.journal.erasure_asked() else 0
            assert shop.process("erase", f"user_id:{person.user_id}").code == 0
            until(lambda: kept.of("taken_in") and not records.journal.erasure_asked())
    with open_space(shop.space).open_warehouse() as warehouse:
        message = warehouse.table("message")
        assert warehouse.read(message.filter(message.user_id == person.user_id)).num_rows == 0
        assert warehouse.count("message") == COUNT - 1


def test_what_arrives_is_at_meta_within_a_minute_and_measured(shop: Shop) -> None:
    shop.want("t0", "t1", sync="{ to: main, every: on_change }")
    left = shop.people[3]  # of t0
    with keeping(shop.space) as kept:
        until(lambda: kept.runs() == 1)
        assert shop.status()["received_to_acknowledged"] is None  # nobody moved by a message since it looked
        kept.arrives = moves_to(left.user_id, "t3", shop)
        until(lambda: kept.of("taken_in"))
        shop.meta.advance(MINUTE)
        until(lambda: kept.runs() == 2)
        fresh = shop.status()["received_to_acknowledged"]
        assert fresh["people"] == 1
        assert 0 <= fresh["p50_seconds"] <= fresh["worst_seconds"] <= MINUTE + 1
        assert shop.status()["removal_waits_since"] is None
    shop.meta.advance(SETTLED)
    assert left.number not in shop.meta.members(shop.audience())


def moves_to(user_id: str, tier: str, shop: Shop) -> Callable[[Warehouse], int]:
    """What arrives once: an identify call that gives somebody another tier."""
    waiting = [{"type": "identify", "messageId": "m1", "userId": user_id, "traits": {"tier": tier}}]

    def arrives(warehouse: Warehouse) -> int:
        if not waiting:
            return 0
        file = shop.file("arrived.jsonl", json.dumps(waiting.pop()) + "\n")
        chosen = Chosen(source="app", mapping=FileMapping(reading="messages"), proposed=False)
        clocks = Clocks(now=datetime.fromtimestamp(shop.meta.now(), UTC), zone="UTC")
        (landed,) = land(warehouse, [(DataFile(file), chosen)], clocks, shop.space / "reports")
        return landed.landed

    return arrives


def test_where_nothing_comes_nothing_is_evaluated_though_the_stores_are_opened_anew(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "REST_AFTER", 0.1)
    shop.want("t0", sync="{ to: main, every: manual }")
    assert shop.type("hooks", "add", "crm", "--url", "https://hooks.example.org", "--json").code == 0
    with keeping(shop.space) as kept:
        until(lambda: kept.of("evaluated"))
        time.sleep(2)
        assert len(kept.of("evaluated")) == 1
        shop.want("t1", sync="{ to: main, every: manual }")
        until(lambda: len(kept.of("evaluated")) == 2)
