"""Rules of the house that import-linter cannot say, read from the syntax trees of the sources.

Each check is a function from a source text to the lines that break the rule. It is run on every module, and on a table
of texts that must be caught or left alone, so that a check that sees nothing cannot pass.
"""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src"
PRODUCT = sorted((SRC / "guestlist").rglob("*.py"))
SIMULATOR = sorted((SRC / "fakemeta").rglob("*.py"))
EVERYTHING = [*PRODUCT, *SIMULATOR, *sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "bench").glob("*.py"))]
LONGEST = 500

Check = Callable[[str], list[str]]


def place(path: Path) -> str:
    return path.relative_to(SRC).as_posix()


def broken(check: Check, paths: list[Path], *, but: tuple[str, ...] = ()) -> list[str]:
    """Where the rule is broken, `file:line what`, leaving out files and folders that are the rule's own place."""
    return [
        f"{place(path)}:{found}"
        for path in paths
        if not place(path).startswith(but or ("-",))
        for found in check(path.read_text("utf-8"))
    ]


# Names as they were imported


def imported(tree: ast.AST) -> dict[str, str]:
    """What each imported name stands for: `now` for `time.now` after `from time import now`."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                names[name.asname or name.name.partition(".")[0]] = (
                    name.name if name.asname else name.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {name.asname or name.name: f"{node.module}.{name.name}" for name in node.names}
    return names


def dotted(node: ast.AST, names: dict[str, str]) -> str:
    """The full dotted name of an expression, or nothing."""
    if isinstance(node, ast.Name):
        return names.get(node.id, "")
    if isinstance(node, ast.Attribute):
        before = dotted(node.value, names)
        return f"{before}.{node.attr}" if before else ""
    return ""


# The rules


CLOCKS = {
    *("time.time", "time.time_ns", "time.localtime", "time.gmtime", "time.ctime"),
    *("datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today"),
}
STOPWATCHES = {"time.monotonic", "time.monotonic_ns", "time.perf_counter", "time.sleep"}


def calls_of(wanted: set[str]) -> Check:
    """Calls only: `sleep: Callable = time.sleep` as a default is a seam, which is how it should be."""

    def check(text: str) -> list[str]:
        tree = ast.parse(text)
        names = imported(tree)
        calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
        return [f"{call.lineno} {name}" for call in calls if (name := dotted(call.func, names)) in wanted]

    return check


def environment(text: str) -> list[str]:
    tree = ast.parse(text)
    names = imported(tree)
    found = {
        f"{node.lineno} {name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute | ast.Name)
        and (name := dotted(node, names)) in {"os.environ", "os.environb", "os.getenv", "os.putenv"}
    }
    return sorted(found)


def network(text: str) -> list[str]:
    ways = ("urllib.request", "http.client", "socket", "ssl", "requests", "smtplib", "ftplib", "aiohttp", "websockets")
    return [f"{line} {name}" for line, name in _modules(ast.parse(text)) if name in ways]


def _modules(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, f"{node.module}"
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def strips(text: str) -> list[str]:
    """Strips of what need not be text. On a column they are compiled into SQL that some engines read otherwise."""
    tree = ast.parse(text)
    names = imported(tree)
    if not any(name.startswith("ibis") or ".relations" in name for name in names.values()):
        return []  # no column gets here
    return [f"{line} .{method}()" for line, method in _strips(tree, frozenset())]


def _strips(node: ast.AST, texts: frozenset[str]) -> Iterator[tuple[int, str]]:
    if isinstance(node, ast.FunctionDef | ast.Lambda):
        given = [*node.args.args, *node.args.kwonlyargs]
        texts |= {one.arg for one in given if isinstance(one.annotation, ast.Name) and one.annotation.id == "str"}
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        method, receiver = node.func.attr, node.func.value
        if method in {"strip", "lstrip", "rstrip"} and not _is_text(receiver, texts):
            yield node.lineno, method
    for inner in ast.iter_child_nodes(node):
        yield from _strips(inner, texts)


def _is_text(node: ast.AST, texts: frozenset[str]) -> bool:
    if isinstance(node, ast.Name):
        return node.id in texts
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "str"
    return isinstance(node, ast.JoinedStr | ast.Constant)


_STATEMENT = re.compile(
    r"\s*(SELECT\s.+\sFROM\s|INSERT\s+INTO\s|UPDATE\s+\S+\s+SET\s|DELETE\s+FROM\s|DROP\s+(TABLE|VIEW|INDEX)\s|"
    r"(CREATE|ALTER)\s+(OR\s+REPLACE\s+)?(TEMP\s+)?(TABLE|VIEW|INDEX)\s|PRAGMA\s|ATTACH\s|VACUUM\b|CHECKPOINT\b|"
    r"WITH\s+\S+\s+AS\s*\()",
    re.DOTALL,
)
_RAW = {"sql", "raw_sql", "exec_driver_sql", "execute", "executemany"}


def sql(text: str) -> list[str]:
    """SQL as text, and calls that take it."""
    tree = ast.parse(text)
    found = [
        f"{node.lineno} {node.value.split()[0]}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _STATEMENT.match(node.value)
    ]
    return found + [
        f"{node.lineno} .{node.func.attr}()"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _RAW and node.args
    ]


# What is held to them


def test_the_wall_clock_is_read_in_one_place() -> None:
    assert broken(calls_of(CLOCKS), PRODUCT, but=("guestlist/clock.py",)) == []
    assert broken(calls_of(CLOCKS), SIMULATOR, but=("fakemeta/clock.py",)) == []


def test_waiting_and_measuring_are_handed_in() -> None:
    # The demo waits for processes of its own and tells how long they really took.
    assert broken(calls_of(STOPWATCHES), PRODUCT, but=("guestlist/clock.py", "guestlist/demo/")) == []


def test_the_environment_is_read_in_one_place() -> None:
    assert broken(environment, [*PRODUCT, *SIMULATOR], but=("guestlist/settings.py",)) == []


def test_only_the_demo_reaches_out_without_the_client_and_only_to_its_simulator() -> None:
    # The service is reached, and reaches nobody; alerts go by mail. Where names lead is judged in one place.
    theirs = (
        "guestlist/demo/simulator.py",
        "guestlist/service/serving.py",
        "guestlist/alerting/channels.py",
        "guestlist/outward.py",
    )
    assert broken(network, PRODUCT, but=theirs) == []


def test_columns_are_never_stripped() -> None:
    assert broken(strips, PRODUCT) == []


def test_sql_stays_in_the_store() -> None:
    assert broken(sql, PRODUCT, but=("guestlist/store/",)) == []


def test_modules_are_short() -> None:
    lengths = {path.relative_to(ROOT).as_posix(): len(path.read_text("utf-8").splitlines()) for path in EVERYTHING}
    assert {path: lines for path, lines in lengths.items() if lines > LONGEST} == {}


def test_a_name_says_what_is_inside() -> None:
    empty_words = {"utils", "util", "helpers", "helper", "common", "core", "misc", "base"}
    parts = {(part, place(path)) for path in [*PRODUCT, *SIMULATOR] for part in Path(place(path)).with_suffix("").parts}
    assert [found for found in parts if found[0] in empty_words] == []


# That the checks see


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (calls_of(CLOCKS), "import time\nt = time.time()"),
        (calls_of(CLOCKS), "from datetime import UTC, datetime\nt = datetime.now(UTC)"),
        (calls_of(CLOCKS), "import datetime as dt\nt = dt.datetime.utcnow()"),
        (calls_of(CLOCKS), "from datetime import date\nt = date.today()"),
        (calls_of(STOPWATCHES), "from time import sleep\nsleep(1)"),
        (environment, "import os\nos.environ['A']"),
        (environment, "from os import getenv\ngetenv('A')"),
        (network, "from urllib import request"),
        (network, "import socket"),
        (strips, "import ibis\ndef f(table):\n    return table.name.strip()"),
        (strips, "import ibis\ndef f(name: ibis.Value):\n    return name.lower().rstrip()"),
        (sql, "q = 'SELECT a FROM b'"),
        (sql, "def f(c, a):\n    c.execute(a)"),
        (sql, "q = f'DELETE FROM {a}'"),
    ],
)
def test_a_check_sees_what_breaks_its_rule(check: Check, text: str) -> None:
    assert len(check(text)) == 1


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (calls_of(CLOCKS), "from datetime import datetime\nt = datetime.fromtimestamp(0)"),
        (calls_of(STOPWATCHES), "import time\ndef f(sleep=time.sleep): ..."),
        (environment, "import os\nos.replace('a', 'b')"),
        (network, "from urllib.parse import quote"),
        (strips, "import ibis\ndef f(text: str):\n    return text.strip()"),
        (strips, "def f(anything):\n    return anything.strip()"),
        (sql, "def f(expression):\n    return expression.count().execute()"),
        (sql, "'Select a file from the list.'"),
        (sql, "step = 'Delete those lookalikes first.'"),
    ],
)
def test_a_check_leaves_the_rest_alone(check: Check, text: str) -> None:
    assert check(text) == []
