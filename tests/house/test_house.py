"""The promises of the house: set-up says what is missing, packages share no code, errors speak to people."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from guestlist.errors import GuestlistError

ROOT = Path(__file__).parents[2]


def make_environment(python: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", str(ROOT / "tools" / "make-environment"), python],
        cwd=folder,
        env={**os.environ},
        capture_output=True,
        text=True,
        check=False,
    )


def test_set_up_without_python_says_what_is_needed(tmp_path: Path) -> None:
    answer = make_environment("no-such-python", tmp_path)

    assert answer.returncode == 1
    assert "needs Python 3.11 or newer: 'no-such-python' was not found" in answer.stderr
    assert list(tmp_path.iterdir()) == []


def test_set_up_with_an_old_python_says_what_to_type(tmp_path: Path) -> None:
    old = tmp_path / "old-python"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.2" && exit 0\nexit 1\n')
    old.chmod(0o755)

    answer = make_environment(str(old), tmp_path)

    assert answer.returncode == 1
    assert "this is Python 3.9.2. Try: make PYTHON=" in answer.stderr


@pytest.mark.parametrize(("package", "other"), [("guestlist", "fakemeta"), ("fakemeta", "guestlist")])
def test_importing_one_package_never_loads_the_other(package: str, other: str) -> None:
    code = f"import sys, {package}; sys.exit('{other}' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_error_says_what_happened_that_nothing_is_lost_what_next_and_its_code() -> None:
    error = GuestlistError(
        "meta_token_invalid",
        "The token for act_123 was revoked.",
        nothing_lost="Nothing is lost: 3 batches wait.",
        next_step="Connect it again.",
    )
    assert str(error) == (
        "The token for act_123 was revoked. Nothing is lost: 3 batches wait. Connect it again. [meta_token_invalid]"
    )


def test_nothing_needs_pandas(tmp_path: Path) -> None:
    """It does not come with this; what would ask for it is walked through by commands, as any user does."""
    (tmp_path / "people.csv").write_text("id,email,plan\nu1,ann@example.org,gold\nu2,bo@example.org,free\n")
    (tmp_path / "pandas.py").write_text("raise ModuleNotFoundError\n")
    for words in (
        ["init", "shop"],
        ["import", "people.csv", "--as", "people", "--space", "shop"],
        ["audiences", "preview", "gold", "--json", "--space", "shop"],
    ):
        if words[0] == "audiences":
            gold = tmp_path / "shop" / "audiences" / "gold.yaml"
            gold.write_text("key: gold\nname: Gold\nwho: { trait: plan, equals: gold }\n")
        told = subprocess.run(
            [sys.executable, "-m", "guestlist.cli", *words], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout)["members"] == 1
