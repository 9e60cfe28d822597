"""docs/errors.md names every code that these modules can show, and repeats the table word for word."""

import re
from pathlib import Path

import pytest

from guestlist.destinations.meta.verdicts import TABLE, Rule

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
META = ROOT / "src" / "guestlist" / "destinations" / "meta"
STORE = ROOT / "src" / "guestlist" / "store"
SOURCES = [META / "client.py", META / "doctor.py", *STORE.glob("journal*.py"), STORE / "vault.py"]


@pytest.mark.parametrize("rule", TABLE, ids=lambda rule: f"{rule.code}-{rule.subcode}")
def test_rows(rule: Rule) -> None:
    number = f"{rule.code}/{rule.subcode}" if rule.subcode else f"{rule.code}"
    row = f"| `{rule.name}` | {number} | {rule.happened} | {rule.verdict.value} | {rule.next_step} |"
    assert row in PAGE.splitlines()


def test_codes() -> None:
    shape = r'(?:GuestlistError|_misconfigured|_NO_RULE = \{)\(?\s*"([a-z_]+)"|code="([a-z_]+)"|: \("(meta_[a-z_]+)"'
    found = {code for source in SOURCES for hit in re.findall(shape, source.read_text("utf-8")) for code in hit if code}
    assert len(found) > 15
    assert {code for code in found if f"`{code}`" not in PAGE} == set()
