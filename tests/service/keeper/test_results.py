"""Results as Parquet, read by an engine of its own, say what the API says."""

import json
import re
from pathlib import Path
from typing import Any

import duckdb
import httpx
from tests.acceptance.sync.kit import Shop

from .conftest import until

DOCS = Path(__file__).parents[3] / "docs" / "results.md"
MORE = "user_id,email,tier\nuser-000900,guest900@example.com,t1\nuser-000901,no address,t1\nuser-000902,a,b,c,d\n"


def read(shop: Shop, name: str, columns: str) -> list[tuple[Any, ...]]:
    place = shop.space / "out" / f"{name}.parquet"
    return sorted(duckdb.sql(f"SELECT {columns} FROM '{place}'").fetchall(), key=repr)


def lines(told: httpx.Client, path: str, *columns: str, **params: str | bool) -> list[tuple[Any, ...]]:
    """JSON lines of the API, these columns of them."""
    answered = told.get(path, params=params)
    assert answered.status_code == 200, answered.text
    found = [json.loads(line) for line in answered.text.splitlines()]
    return sorted((tuple(one[column] for column in columns) for one in found), key=repr)


def instant(column: str) -> str:
    """As the API writes instants: with what they have of microseconds."""
    utc = f'make_timestamp(epoch_us("{column}"))'
    return f"replace(strftime({utc}, '%Y-%m-%dT%H:%M:%S.%f'), '.000000', '') || '+00:00'"


def by_day(shop: Shop) -> list[dict[str, Any]]:
    """What docs/results.md asks."""
    (query,) = re.findall(r"```sql\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    assert query.count("'out/moves.parquet'") == 1
    answered = duckdb.sql(query.replace("out/moves.parquet", str(shop.space / "out" / "moves.parquet")))
    found: list[dict[str, Any]] = answered.to_arrow_table().to_pylist()
    return found


def test_results_say_what_the_api_says(shop: Shop, told: httpx.Client) -> None:
    with (shop.space / "guestlist.yaml").open("a") as settings:
        settings.write("results: { to: out }\n")

    def done() -> list[dict[str, Any]]:
        runs: list[dict[str, Any]] = told.get("/runs", params={"limit": 100, "state": "done"}).json()["runs"]
        return runs

    def run() -> None:
        before = len(done())
        told.post("/syncs/run", json={}).raise_for_status()
        until(lambda: len(done()) > before)
        shop.meta.advance(3_600)

    run()
    shop.want("t1", "t2", sync="{ to: main, every: manual }")
    run()
    imported = told.post("/imports", params={"name": "more.csv", "as": "people"}, content=MORE).json()
    assert imported["files"][0]["rejected"] > 0, imported
    run()
    runs = done()
    assert len(runs) == 3
    until(lambda: len(read(shop, "runs", "run")) == len(runs) and read(shop, "rejected", "line"))

    members = lines(told, "/audiences/vip/export", "profile_id", reveal=True)
    assert len(members) == len(shop.wanted) + 2
    assert read(shop, "members", "profile_id") == members
    assert read(shop, "members", 'DISTINCT audience, "group"') == [("vip", None)]
    moved = lines(told, "/audiences/vip/changes", "profile_id", "change", "at", reveal=True)
    assert {change for _, change, _ in moved} == {"entered", "exited"}
    assert read(shop, "moves", f"profile_id, change, {instant('at')}") == moved
    entered = {(profile_id, at) for profile_id, change, at in moved if change == "entered"}
    assert set(read(shop, "members", f"profile_id, {instant('entered_at')}")) <= entered
    assert sum(one["people"] for one in by_day(shop)) == len(moved)
    told_runs = [(one["plan"], one["sync"], one["state"], one["add"], one["remove"], one["taken"]) for one in runs]
    ran = "run, sync, state, rows_to_add, rows_to_remove, rows_added + rows_removed"
    assert read(shop, "runs", ran) == sorted(told_runs, key=repr)
    assert sum(one[5] for one in told_runs) > len(shop.wanted)
    rejected = lines(told, "/imports/report", "line", "field", "reason", "value", report=imported["files"][0]["report"])
    assert read(shop, "rejected", "line, field, reason, value") == rejected
    assert read(shop, "rejected", "DISTINCT file") == [("more",)]
    everything = b"".join(one.read_bytes() for one in (shop.space / "out").iterdir())
    assert not [one for one in (b"example.com", b"no address", b"user-0009") if one in everything]
