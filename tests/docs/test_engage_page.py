"""docs/engage.md teaches by examples: its calls are landed, its webhook and its check are held against a real request."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from tests.acceptance.hooks.conftest import Typed
from tests.acceptance.hooks.receiver import receiving
from tests.stages.engage.calls import inside, land_calls

from guestlist.audiences.document import read
from guestlist.space import make_space
from guestlist.store import Warehouse

PAGE = (Path(__file__).parents[2] / "docs" / "engage.md").read_text("utf-8")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


TRACK, IDENTIFY, WEBHOOK = map(json.loads, blocks("json"))


def test_the_audience_has_the_people_of_the_calls(tmp_path: Path) -> None:
    definition = read(blocks("yaml")[0])
    with Warehouse(tmp_path / "w.duckdb") as warehouse:
        land_calls(warehouse, tmp_path, [TRACK, IDENTIFY])
        assert inside(warehouse, definition.who) == {"u-17", "u-18"}


@pytest.fixture
def typed(tmp_path: Path) -> Typed:
    space = make_space(tmp_path / "shop")
    with space.settings_file.open("a") as settings:
        settings.write("allowed_hosts: [127.0.0.1]\n")
    (space.audiences / "vip.yaml").write_text("key: vip\nwho: { trait: plan, equals: gold }\n")
    return Typed(space.folder)


def test_a_request_looks_like_the_page_says_and_passes_its_check(typed: Typed) -> None:
    named: dict[str, Any] = {}
    exec(blocks("python")[0], named)
    is_genuine = cast(Callable[[str, dict[str, str], bytes], bool], named["is_genuine"])
    with receiving() as receiver:
        secret = typed.add(receiver, "--also", "email")
        typed.call({"userId": "u-17", "anonymousId": "a-3", "traits": {"plan": "gold", "email": "ann@example.org"}})
        typed.send()
        typed.call({"userId": "u-17", "traits": {"plan": "free"}})
        typed.send()
        first, second = receiver.received
    shown = WEBHOOK["data"]["moves"][0]
    assert first.document.keys() == WEBHOOK.keys()
    assert {**first.moves[0], "id": "", "at": ""} == {**shown, "id": "", "at": ""}
    assert second.moves[0]["change"] == WEBHOOK["data"]["moves"][1]["change"]
    assert is_genuine(secret, first.headers, first.body)
    assert not is_genuine(secret, first.headers, second.body)
