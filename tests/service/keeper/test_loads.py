"""From a row of a Postgres table to Meta's own people and out again, in the service."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.acceptance.sync.kit import Shop
from tests.stages.pulling.postgres import Postgres, postgres

from .conftest import Serving, admin, keeping, until

GOLD = """\
key: gold
name: Gold
who: { trait: plan, equals: gold }
sync: { to: main, every: on_change }
"""


@pytest.fixture(scope="module")
def database() -> Iterator[Postgres]:
    with postgres() as server:
        yield server


@pytest.fixture
def crm(shop: Shop, database: Postgres, tmp_path: Path) -> Postgres:
    (shop.space / "audiences" / "vip.yaml").unlink()
    (shop.space / "audiences" / "gold.yaml").write_text(GOLD)
    database.say(
        "DROP TABLE IF EXISTS people",
        "CREATE TABLE people (id text, plan text, changed timestamptz DEFAULT now())",
        """INSERT INTO people SELECT 'user-00000' || i, 'gold', '2026-01-01'::timestamptz + i * interval '1 day'
           FROM generate_series(1, 4) i""",
    )
    (tmp_path / "dsn").write_text(database.dsn)
    words = ["--dsn-file", tmp_path / "dsn", "--table", "public.people", "--key", "id", "--changed", "changed",
             "--every", "1d", "--as", "people", "--id", "id", "--yes"]  # fmt: skip
    made = shop.type("sources", "add", "crm", *map(str, words))
    assert made.code == 0, made.text
    return database


def members(shop: Shop) -> set[int]:
    shop.meta.advance(5)
    made = [one["id"] for one in shop.meta.get("audiences")["audiences"] if one["name"] == "Gold"]
    return shop.meta.members(str(made[0])) if made else set()


def load(shop: Shop, *words: str) -> None:
    """Ask the service that keeps the space."""
    done = shop.type("sources", "load", "crm", *words, "--json")
    assert done.facts == {"source": {"key": "crm", "asked": True}}, done.text


def test_a_row_that_is_deleted_leaves_the_audience(shop: Shop, crm: Postgres, serve: Callable[..., Serving]) -> None:
    running = serve()
    until(lambda: members(shop) == {1, 2, 3, 4}, within=120)
    crm.say("DELETE FROM people WHERE id = 'user-000002'", "UPDATE people SET plan = 'free' WHERE id = 'user-000003'")
    load(shop)
    until(lambda: members(shop) == {1, 3, 4}, within=120)  # the change column did not say that 3 changed
    crm.say("UPDATE people SET changed = now()")
    load(shop)
    until(lambda: members(shop) == {1, 4}, within=120)
    crm.say("DELETE FROM people", "INSERT INTO people VALUES ('user-000005', 'gold')")
    load(shop)
    until(lambda: running.said("loaded", state="shrunk"))
    assert members(shop) == {1, 4}
    load(shop, "--accept")
    until(lambda: members(shop) == {5}, within=120)
    crm.say("DELETE FROM people WHERE id = 'user-000005'")
    logged = running.log.read_text()
    assert not [value for value in ("user-0000", crm.dsn, "postgresql") if value in logged]


def test_while_a_source_is_away_nobody_enters_and_who_leaves_is_removed(shop: Shop, crm: Postgres) -> None:
    with keeping(shop.space) as kept:
        until(lambda: members(shop) == {1, 2, 3, 4})
        crm.say("UPDATE people SET plan = 'gold'", "INSERT INTO people VALUES ('user-000006', 'gold')")
        crm.stop()
        kept.keeper._memory.loads._again.add("crm")
        until(lambda: kept.of("loaded", state="failed"))
        # A person is listed and another would enter by a file; only the first moves.
        assert shop.process("do-not-send", "add", "user_id:user-000001", "--json").code == 0
        until(lambda: members(shop) == {2, 3, 4})
        until(lambda: kept.of("synced", state="stopped", code="source_not_loaded"))
        crm.start()
        kept.keeper._memory.loads._again.add("crm")
        until(lambda: members(shop) == {2, 3, 4, 6})


def test_stopping_does_not_wait_for_a_load(shop: Shop, crm: Postgres) -> None:
    crm.say("ALTER TABLE people RENAME TO slow", "CREATE VIEW people AS SELECT slow.* FROM slow, pg_sleep(300)")
    with keeping(shop.space) as kept:
        until(lambda: kept.keeper._memory.loads._under_way)
    (under_way,) = kept.keeper._memory.loads._under_way.values()
    assert not under_way.over.is_set()  # the keeper ended, and the server is still at it
    crm.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'reader'")
    until(under_way.over.is_set)
    crm.say("DROP VIEW people", "DROP TABLE slow")


def test_whoever_waits_beside_the_service_waits_for_its_runs(shop: Shop, crm: Postgres) -> None:
    with keeping(shop.space) as kept:
        until(lambda: members(shop) == {1, 2, 3, 4})
        command = shop.command("sync", "gold", "--wait", "--timeout", "5m", "--json")
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as waiting:

            def ended() -> bool:
                kept.keeper.run_now("gold@main")
                return waiting.poll() is not None

            until(ended, within=120)
        assert waiting.returncode == 0


def test_a_table_is_added_by_the_api_loaded_and_taken_away(
    shop: Shop, crm: Postgres, serve: Callable[..., Serving]
) -> None:
    assert shop.type("sources", "remove", "crm").code == 0
    where = {"address": crm.dsn, "table": "public.people", "key": "id", "as": "people", "id": "id", "every": "1d"}
    running = serve()
    with admin(shop, running) as api:
        refused = api.put("/sources/crm/load", json=where)
        assert (refused.status_code, refused.json()["code"]) == (409, "source_server")
        with (shop.space / "guestlist.yaml").open("a") as settings:
            settings.write("allowed_hosts: [127.0.0.1]\n")
        proposed = api.put("/sources/crm/load", json={**where, "propose": True}).json()
        assert next((one["column"], one["means"]) for one in proposed["proposed"]["columns"]) == ("id", "id: user_id")
        assert "crm" not in (shop.space / "guestlist.yaml").read_text()
        added = api.put("/sources/crm/load", json=where)
        assert added.json()["entry"]["load"] == {
            "postgres": "sealed", "table": "public.people", "key": "id", "every": "1d"
        }  # fmt: skip
        until(lambda: members(shop) == {1, 2, 3, 4}, within=120)
        assert api.get("/sources/crm/load").json()["source"]["state"] == "loaded"
        audit = api.get("/audit").text
        removed = api.delete("/sources/crm").json()
        assert removed["loaded"] is True
        assert api.get("/sources/crm/load").json()["code"] == "unknown_source"
    said = (refused.text, added.text, audit, running.log.read_text(), (shop.space / "guestlist.yaml").read_text())
    assert not [text for text in said if "postgresql://" in text or str(crm.port) in text]
