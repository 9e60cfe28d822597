"""A space whose people move in and out of an audience, and an address that is told of it."""

import io
import json
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.acceptance.sync.kit import Told

from guestlist.cli import run
from guestlist.space import make_space

from .receiver import Receiver, receiving

GOLD = "key: gold\nname: Gold\nwho: { trait: plan, equals: gold }\n"


@dataclass
class Typed:
    """Whoever types commands in the space."""

    folder: Path
    printed: str = ""
    files: int = 0

    def __call__(self, *words: object) -> Told:
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = run([*map(str, words), "--space", str(self.folder)])
        told = Told(code=code, out=out.getvalue(), err=err.getvalue())
        self.printed += told.text
        return told

    def done(self, *words: object) -> Told:
        told = self(*words)
        assert told.code == 0, told.text
        return told

    def say(self, **plans: str) -> None:
        """People change their plans, each in a call of its own."""
        self.call(*({"userId": user, "traits": {"plan": plan}} for user, plan in plans.items()))

    def call(self, *calls: dict[str, Any]) -> None:
        self.files += 1
        place = self.folder.parent / f"calls-{self.files}.jsonl"
        lines = [
            json.dumps({"type": "identify", "messageId": f"{self.files}-{n}", **one}) for n, one in enumerate(calls)
        ]
        place.write_text("\n".join(lines) + "\n")
        self.done("import", place, "--yes")

    def add(self, receiver: Receiver, *words: object, name: str = "crm") -> str:
        """A hook; gives its secret."""
        secret = self.done("hooks", "add", name, "--url", receiver.url, *words, "--json").facts["secret"]
        return str(secret)

    def send(self) -> dict[str, Any]:
        """All hooks once."""
        told = self("hooks", "send", "--json")
        return {one["name"]: (one["sent"], one["code"]) for one in told.facts["hooks"]}

    def hooks(self) -> dict[str, dict[str, Any]]:
        """All hooks as they are listed, by their names."""
        return {one["name"]: one for one in self.done("hooks", "list", "--json").facts["hooks"]}

    def hook(self, name: str = "crm") -> dict[str, Any]:
        return self.hooks()[name]


def made(folder: Path) -> Path:
    """A space with the audience, which may send to this machine."""
    space = make_space(folder, country="DE")
    with space.settings_file.open("a") as settings:
        settings.write("allowed_hosts: [127.0.0.1]\n")
    (space.audiences / "gold.yaml").write_text(GOLD)
    return folder


@pytest.fixture
def typed(tmp_path: Path) -> Typed:
    return Typed(made(tmp_path / "shop"))


@pytest.fixture(scope="module")
def without_hooks(tmp_path_factory: pytest.TempPathFactory) -> Typed:
    """A space that tests share: they type only what is refused."""
    return Typed(made(tmp_path_factory.mktemp("without_hooks") / "shop"))


@pytest.fixture(scope="module")
def with_crm(tmp_path_factory: pytest.TempPathFactory) -> Typed:
    """The same with a hook `crm`."""
    typed = Typed(made(tmp_path_factory.mktemp("with_crm") / "shop"))
    typed.done("hooks", "add", "crm", "--url", "http://127.0.0.1:9/hooks")
    return typed


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as opened:
        yield opened


@pytest.fixture
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits are drawn as nothing: what is tried again is tried at once."""
    monkeypatch.setattr("guestlist.hooks.stream.FIRST_WAIT", 0.0)
