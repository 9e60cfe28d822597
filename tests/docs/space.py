"""A small space that was used once, by the commands."""

from pathlib import Path

import duckdb

from fakemeta.harness import running
from fakemeta.people import generate
from guestlist.cli import run

BUYERS = "key: buyers\nwho: { event: Bought }\nsync: main\n"


def columns_of_a_used_space(folder: Path) -> dict[str, list[str]]:
    """The relations of the warehouse after an import and a plan."""
    assert run(["init", str(folder), "--country", "DE"]) == 0
    (folder / "audiences" / "buyers.yaml").write_text(BUYERS)
    (folder / "orders.csv").write_text("Email,When\nann@example.org,2026-01-01\n")
    words = ["--as", "events", "--event", "Bought", "--time", "When", "--id", "Email", "--yes"]
    assert run(["import", str(folder / "orders.csv"), *words, "--space", str(folder)]) == 0
    (folder / "crm.csv").write_text("id,email\n1,ann@example.org\n")
    assert run(["sources", "add", "crm", "--files", "crm.csv", "--key", "id", "--yes", "--space", str(folder)]) == 0
    assert run(["sources", "load", "crm", "--space", str(folder)]) == 0
    with running(people=generate(1), speed=0) as meta:
        (folder / "token").write_text(meta.access_token)
        (folder / "secret").write_text(meta.app_secret)
        files = ["--token-file", str(folder / "token"), "--app-secret-file", str(folder / "secret")]
        reached = ["--ad-account", meta.ad_account, "--graph-url", meta.graph_url, "--space", str(folder)]
        assert run(["destinations", "connect", "main", *files, *reached]) == 0
        hook = ["hooks", "add", "crm", "--url", "https://9.9.9.9/hooks", "--space", str(folder)]
        assert run(hook) == 0
        assert run(["plan", "--space", str(folder)]) == 0
    asked = "SELECT table_name, list(column_name) FROM information_schema.columns GROUP BY table_name"
    with duckdb.connect(folder / ".guestlist" / "warehouse.duckdb", read_only=True) as warehouse:
        return dict(warehouse.execute(asked).fetchall())
