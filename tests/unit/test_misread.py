"""Whatever pydantic finds wrong is told in our words."""

from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import core_schema

from guestlist.cli import run
from guestlist.misread import in_words
from guestlist.settings import SecretReference

PYDANTIC = ("Value error", "Input should", "Extra inputs", "unable to", "valid ", "validation")


class Wish(BaseModel):
    model_config = ConfigDict(extra="forbid")

    many: int = Field(default=1, ge=1, le=9)
    share: float = 0.5
    name: str = Field(default="x", min_length=1, max_length=3)
    names: list[str] = []
    url: SecretReference | None = None
    on: bool = True


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"many": "abc"}, "has to be a whole number"),
        ({"many": 1.5}, "has to be a whole number"),
        ({"many": 0}, "has to be 1 or more"),
        ({"many": 10}, "has to be 9 or less"),
        ({"share": "x"}, "has to be a number"),
        ({"name": 1}, "has to be text"),
        ({"name": ""}, "may not be empty"),
        ({"name": "long"}, "may have 3 characters"),
        ({"names": "x"}, "has to be a list"),
        ({"on": "perhaps"}, "has to be true or false"),
        ({"url": "https://hooks.example.org"}, "write {file: PATH} or {env: NAME}"),
        ({"url": {}}, "write {file: PATH} or {env: NAME}"),
        ({"mani": 1}, "not a setting; did you mean many?"),
        ({"zzz": 1}, "not a setting"),
    ],
)
def test_a_mistake_is_told_in_our_words(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Wish.model_validate(given)
    (mistake,) = caught.value.errors()
    assert in_words(mistake, noun="setting", known=Wish.model_fields) == said


@pytest.mark.parametrize("kind", get_args(core_schema.ErrorType))
def test_no_kind_of_mistake_is_told_in_pydantics_words(kind: str) -> None:
    context = dict.fromkeys(("ge", "le", "gt", "lt", "max_length", "min_length", "expected"), 2) | {"error": "ours"}
    told = in_words({"type": kind, "loc": ("many",), "msg": "Input should be a valid x", "ctx": context})
    assert told
    assert not [word for word in PYDANTIC if word in told]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["keys", "add", "x", "--role", "boss"], "'--role': 'boss' is not one of 'viewer', 'editor', 'admin'."),
        (["import", "x.csv", "--as", "event"], "'--as': 'event' is not one of 'people', 'events'."),
        (["runs", "--state", "lost"], "'--state': 'lost' is not one of 'planned'"),
        (["runs", "--last", "many"], "'--last': has to be a whole number."),
        (["runs", "--last", "0"], "'--last': has to be 1 or more."),
    ],
)
def test_an_option_that_is_wrong(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == 2
    told = capsys.readouterr().err
    assert said in told
    assert ".." not in told.partition("\n")[0]
    assert not [word for word in PYDANTIC if word in told.partition("\n")[0].removeprefix("Invalid value")]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("memory_limit: many\n", "memory_limit: not a size such as 900MB or 4GB"),
        ("alerts:\n  webhook:\n    url: x\n", "alerts.webhook.url: write {file: PATH} or {env: NAME}"),
        ("alerts:\n  webhok: 1\n", "alerts.webhok: not a setting"),
        ("results: 7\n", "results: has to be a mapping of names to values"),
    ],
)
def test_settings_that_are_wrong(tmp_path: Path, written: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", str(tmp_path / "shop")]) == 0
    with (tmp_path / "shop" / "guestlist.yaml").open("a") as settings:
        settings.write(written)
    run(["alerts", "test", "--space", str(tmp_path / "shop")])
    assert said in capsys.readouterr().err
