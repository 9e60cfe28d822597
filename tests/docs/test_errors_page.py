"""docs/errors.md and the product name the same codes, and the page repeats the table of Meta's errors word for word."""

import ast
import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from functools import cache
from pathlib import Path

import pytest

from guestlist.destinations.meta.verdicts import TABLE, Rule

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "errors.md").read_text("utf-8").splitlines()
TREES = {path: ast.parse(path.read_text("utf-8")) for path in sorted((ROOT / "src" / "guestlist").rglob("*.py"))}
RAISED_ANEW = {"code", "error.code", "rule.name", "reply", "mistakes.found", "mistakes", "NO_DATA"}
"""What stands for a code where an error is made of another one, or of a table that is looked at below."""


@cache
def error_classes() -> frozenset[str]:
    classes = frozenset({"GuestlistError"})
    while True:
        grown = classes | {
            node.name
            for tree in TREES.values()
            for node in ast.walk(tree)
            if isinstance(node, ast.ClassDef) and any(ast.unparse(base) in classes for base in node.bases)
        }
        if grown == classes:
            return classes
        classes = grown


def calls(names: AbstractSet[str]) -> Iterator[tuple[str, ast.Call]]:
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in names:
                yield f"{path.name}:{node.lineno}", node


def codes() -> set[str]:
    """Every code in the sources: of errors, of the doctor's lines, of the tables in the client and the verdicts."""
    made = calls(error_classes() | {"_misconfigured"})
    found = {call.args[0].value for _, call in made if call.args and isinstance(call.args[0], ast.Constant)}
    found |= {
        keyword.value.value
        for _, call in calls({"Line"})
        for keyword in call.keywords
        if keyword.arg == "code" and isinstance(keyword.value, ast.Constant) and keyword.value.value
    }
    for tree in TREES.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and node.name in error_classes():
                found |= {
                    call.args[0].value
                    for call in ast.walk(node)
                    if isinstance(call, ast.Call)
                    and ast.unparse(call.func) == "super().__init__"
                    and isinstance(call.args[0], ast.Constant)
                }
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in {"_NO_RULE", "NO_DATA"}:
                found |= {
                    text.value
                    for text in ast.walk(node.value)
                    if isinstance(text, ast.Constant) and isinstance(text.value, str) and " " not in text.value
                }
    return {str(code) for code in found} | {rule.name for rule in TABLE} | {"meta_unknown_error"}


def on_the_page() -> set[str]:
    return {found[1] for line in PAGE if (found := re.match(r"\| `([^`]+)` \|", line))}


@pytest.mark.parametrize("rule", TABLE, ids=lambda rule: f"{rule.code}-{rule.subcode}")
def test_the_page_repeats_the_table(rule: Rule) -> None:
    number = f"{rule.code}/{rule.subcode}" if rule.subcode else f"{rule.code}"
    row = f"| `{rule.name}` | {number} | {rule.happened} | {rule.verdict.value} | {rule.next_step} |"
    assert row in PAGE


def test_every_code_can_be_found_in_the_source() -> None:
    made = [(place, call) for place, call in calls(error_classes()) if call.args]
    assert len(made) > 60
    unclear = {
        f"{place} {ast.unparse(call.args[0])}"
        for place, call in made
        if not isinstance(call.args[0], ast.Constant | ast.List) and ast.unparse(call.args[0]) not in RAISED_ANEW
    }
    assert unclear == set()


def test_the_page_lists_every_code() -> None:
    assert sorted(codes() - on_the_page()) == []


def test_the_page_lists_nothing_else() -> None:
    assert sorted(on_the_page() - codes()) == []


def test_codes_are_lower_case_words() -> None:
    assert [code for code in sorted(codes()) if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", code)] == []
