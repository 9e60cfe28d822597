"""The published schema is the generated one, and agrees with the reader."""

from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from ruamel.yaml import YAML
from tests.unit.audiences.test_document import CART, ENVELOPE, LOYAL, MISTAKES, SYNCS
from tests.unit.audiences.trees import conditions

from guestlist.audiences import definition as d
from guestlist.audiences.document import _Constructor
from guestlist.audiences.schema import as_json, published, schema
from guestlist.audiences.writing import condition_document

# What only the reader can tell: the meaning of what is well-formed.
READER_ONLY = {
    "{event: A, within: 0 days}",
    "{event: A, within: 999999 years}",
    "{event: A, between: [30 days, 7 days]}",
    "{event: A, where: {id: {equals: {parent: id}}}}",
    "{event: A, from: 2026-02-30}",
    "{event: A, from: 2026-02-02, to: 2026-02-01}",
    "{event: A, where: {a..b: 1}}",
    "{event: A, sum: items.$.price, at_least: 5}",
}

VALIDATOR = jsonschema.Draft202012Validator(schema())


def load(text: str) -> Any:
    loader = YAML(typ="safe", pure=True)
    loader.Constructor = _Constructor
    return loader.load(text)


def as_json_holds_it(value: Any) -> Any:
    """Every name as text."""
    if isinstance(value, dict):
        return {str(key): as_json_holds_it(part) for key, part in value.items()}
    return [as_json_holds_it(part) for part in value] if isinstance(value, list) else value


def valid(text: str) -> bool:
    return VALIDATOR.is_valid(as_json_holds_it(load(text)))


def test_the_published_schema_is_the_generated_one() -> None:
    assert published() == as_json()


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize(
    "text", [CART, LOYAL, *(f"key: a\nwho: {{trait: x, exists: true}}\nsync: {s}" for s, _ in SYNCS)]
)
def test_what_the_reader_takes_the_schema_takes(text: str) -> None:
    assert valid(text)


@pytest.mark.parametrize("who", [who for who, *_ in MISTAKES])
def test_what_the_reader_refuses_the_schema_refuses(who: str) -> None:
    assert valid(f"key: a\nwho: {who}") == (who in READER_ONLY)


@pytest.mark.parametrize("text", [text for text, path, said, _ in ENVELOPE if path != "file" and said != "named twice"])
def test_what_is_wrong_around_the_condition_is_refused_too(text: str) -> None:
    assert not valid(text)


@settings(deadline=None)
@given(conditions())
def test_the_schema_takes_every_condition(condition: d.Condition) -> None:
    assert VALIDATOR.is_valid({"key": "a", "who": condition_document(condition)})


@pytest.mark.parametrize(
    "who",
    [
        "event('Visit').count() >= 2",
        "{all: [\"trait('x').exists()\", {event: A}]}",
        "{event: A, where: [{a: 1}, {a: 2}]}",
    ],
)
def test_the_schema_takes_queries_and_lists_of_filters(who: str) -> None:
    assert valid(f"key: a\nwho: {who}")
