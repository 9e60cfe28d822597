"""What the pages name exists: links, files, commands with their options. Also what our own errors tell people to type."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from fakemeta.cli import main as fakemeta
from guestlist.cli import make_app, teaching

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
FILES = {
    path.relative_to(ROOT).as_posix()
    for folder in ("src", "tests", "bench", "docs", "tools")
    for path in (ROOT / folder).rglob("*")
    if "__pycache__" not in path.parts
}


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(text: str) -> Iterator[str]:
    """Fenced and indented code."""
    yield from re.findall(r"^ *```[^\n]*\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    plain = re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
    yield from re.findall(r"(?:^ {4,}\S[^\n]*\n)+", plain, re.MULTILINE)


def spans(text: str) -> list[str]:
    """Code in running text."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL))


# Links and files


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        path, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", path):
            continue
        goal = (page.parent / path).resolve() if path else page
        if not goal.exists() or (anchor and anchor not in anchors(goal)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_files_that_are_named_exist(page: Path) -> None:
    """A name of ours may be shortened from the left: `rows.py`, `destinations/meta/rows.py`."""
    shaped = re.compile(r"[\w./-]+\.(?:py|toml|lock|schema\.json)|(?:src|tests|bench|docs|tools)/[\w./-]+")
    named = {span.rstrip("/") for span in spans(page.read_text("utf-8")) if shaped.fullmatch(span)}
    known = FILES | {path.name for path in ROOT.iterdir()}
    assert {one for one in named if not any(f"/{path}".endswith(f"/{one}") for path in known)} == set()


# Commands


def groups(words: list[str]) -> tuple[Any, list[str]]:
    """The command that the words begin with, and what follows it."""
    program, *rest = words
    if program == "fakemeta":
        command: Any = typer.main.get_command(fakemeta)
    elif rest and rest[0] in {"--help", "--version"}:
        return None, []
    else:
        command = typer.main.get_command(make_app(rest[0] if rest else ""))
    while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        command = command.commands[rest[0]]
        rest = rest[1:]
    return command, rest


def misuse(line: str) -> str:
    """What the program would say is wrong with the line, "" for nothing."""
    command, rest = groups(shlex.split(line, comments=True))
    if command is None or "--help" in rest:
        return ""
    try:
        command.make_context("", [*rest])
    except typer.TyperException as error:
        said = error.format_message()
        return "" if "does not exist" in said else said  # a page's files need not be here
    return ""


def typed(block: str) -> Iterator[str]:
    """The lines of a block that call one of our programs, whole and without prompt, pipe and redirection."""
    for line in block.replace("\\\n", " ").splitlines():
        for part in re.split(r" && | \| |; ", line):
            found = re.match(r"\s*(?:\$ )?(?:\S*/)?((?:guestlist|fakemeta)(?: .*)?)$", part)
            if found and "…" not in part and not re.search(r"  (?!#)\S", found[1].partition("#")[0].strip()):
                yield re.sub(r" [<>] ?\S+", "", found[1])


LINES = [(page, line) for page in PAGES for block in blocks(page.read_text("utf-8")) for line in typed(block)]


@pytest.mark.parametrize(("page", "line"), LINES, ids=lambda one: one if isinstance(one, str) else one.name)
def test_commands_to_type_are_understood(page: Path, line: str) -> None:
    assert misuse(line) == ""


def test_there_are_commands_on_the_pages() -> None:
    assert len(LINES) > 20
    assert {page.name for page, _ in LINES} >= {"README.md", "data.md", "privacy.md", "connect-meta.md"}


def unknown(said: str) -> str:
    """What is not ours in a command named in passing, which may leave out what everybody fills in."""
    words = [word.strip(".,:;()") for word in said.split()]
    try:
        command, rest = groups(words)
    except (KeyError, typer.TyperException, Exception) as error:  # noqa: BLE001 whatever it is, it names the culprit
        return f"{said}: {error}"
    if command is None:
        return ""
    options = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    return "".join(f"{said}: {word}" for word in rest if word.startswith("--") and word not in options)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_named_in_passing_exist(page: Path) -> None:
    named = [span for span in spans(page.read_text("utf-8")) if re.match(r"(guestlist|fakemeta) [a-z-]", span)]
    assert [told for span in named if (told := unknown(span))] == []


def test_the_page_of_the_command_line_names_every_option() -> None:
    page = (ROOT / "docs" / "cli.md").read_text("utf-8")
    missing = {
        f"{name} {option}"
        for name in teaching.names()
        for option in _options(groups(["guestlist", name])[0])
        if not re.search(rf"(?<![\w-]){option}(?![\w-])", page)
    }
    assert missing == set()


def _options(command: Any) -> Iterator[str]:
    for below in getattr(command, "commands", {}).values():
        yield from _options(below)
    for parameter in command.params:
        yield from (option for option in parameter.opts if option.startswith("--"))


def advice() -> Iterator[str]:
    """Commands in the texts of the product: `guestlist destinations connect --app-secret-file` and the like."""
    shape = re.compile(rf"\bguestlist (?:{'|'.join(teaching.names())})\b(?: --?[a-z-]+| [a-z-]+(?=[\s.,:;)`]|$))*")
    for path in sorted((ROOT / "src" / "guestlist").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield from (found.strip() for found in shape.findall(node.value))


def test_what_errors_tell_people_to_type_exists() -> None:
    told = sorted(set(advice()))
    assert len(told) > 15
    assert [wrong for said in told if (wrong := unknown(said))] == []


def test_the_checks_see_what_does_not_exist() -> None:
    assert "--everything" in misuse("guestlist plan --everything")
    assert unknown("guestlist audiences lst")
    assert unknown("guestlist sync --ful")
    assert unknown("guestlist sink")
    assert list(typed("  $ .venv/bin/guestlist plan a   # why\n  guestlist sync  12 rows\n")) == [
        "guestlist plan a   # why"
    ]
