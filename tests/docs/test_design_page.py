"""docs/design.md says what is there: every module has its place, every relation its columns."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from guestlist.destinations.meta.schemas import RELATIONS
from guestlist.store.journal_tables import metadata

from .space import columns_of_a_used_space

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "design.md").read_text("utf-8")


def told() -> Mapping[str, list[str]]:
    """Columns of each relation, as the page has them."""
    rows = (line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.count(" | ") == 5)
    return {cells[0].strip("`"): cells[1].split(", ") for cells in rows if cells[0].startswith("`")}


def test_relations_of_the_ledger() -> None:
    assert {name: told()[name] for name in RELATIONS} == {name: list(schema) for name, schema in RELATIONS.items()}


def test_tables_of_the_journal() -> None:
    real = {name: list(table.columns.keys()) for name, table in metadata.tables.items()}
    assert {name: told()[name] for name in real} == real


def test_relations_of_the_warehouse(tmp_path: Path) -> None:
    real = columns_of_a_used_space(tmp_path / "shop")
    assert {name: sorted(told()[name]) for name in real} == {name: sorted(columns) for name, columns in real.items()}
    assert set(told()) == {*real, *RELATIONS, *metadata.tables}


def modules(package: str) -> list[str]:
    found = (ROOT / "src" / package).rglob("*.py")
    return sorted({path.name for path in found if path.name != "__init__.py" and "migrations" not in path.parts})


@pytest.mark.parametrize("package", ["guestlist", "fakemeta"])
def test_every_module_has_its_place(package: str) -> None:
    assert [name for name in modules(package) if f"`{name}`" not in PAGE] == []


def test_every_dependency_has_its_reason() -> None:
    project = (ROOT / "pyproject.toml").read_text("utf-8").partition("[tool.")[0]
    project = project.partition("dependencies = [")[2]
    needed = set(re.findall(r'^    "([a-z0-9.-]+)[^"]*",', project, re.MULTILINE))
    needed |= set(json.loads((ROOT / "tests" / "node" / "package.json").read_text("utf-8"))["dependencies"])
    page = (ROOT / "docs" / "dependencies.md").read_text("utf-8")
    reasons = {name for row in re.findall(r"^\| ([^|]+) \|", page, re.MULTILINE) for name in row.split(", ")}
    assert needed <= reasons
    assert reasons - needed - {"package", "---"} == set()
