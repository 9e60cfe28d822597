"""The JSON Schema of a trait's definition, for editors; made of the same parts as that of an audience."""

import json
from importlib import resources

from guestlist.audiences import schema as audience
from guestlist.audiences.schema import DURATION, MOMENT, TEXT, Schema, closed, not_both, one_of_them, pairs, ref
from guestlist.audiences.traits.document import LIFETIME, MOST_COLUMNS, REDUCERS

_HEAD: Schema = {
    "key": {**audience.NAME, "description": "Names the trait; never changes."},
    "name": TEXT,
    "description": TEXT,
}
_WINDOW: Schema = {
    "within": DURATION,
    "between": {"type": "array", "items": DURATION, "minItems": 2, "maxItems": 2},
    "from": MOMENT,
    "to": MOMENT,
}
_ONE_WINDOW = [
    *(not_both(*pair) for pair in pairs(("within", "between", "from"))),
    *(not_both(*pair) for pair in (("within", "to"), ("between", "to"))),
]


def schema() -> Schema:
    parts = audience.schema()["$defs"]
    assert isinstance(parts, dict)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Guestlist trait",
        "oneOf": [ref("computed"), ref("lifetime"), ref("sql")],
        "$defs": {
            **{name: parts[name] for name in ("where", "tests", "next", "never")},
            "computed": _computed(),
            "lifetime": _lifetime(),
            "sql": _sql(),
        },
    }


def _computed() -> Schema:
    reducers = ("count", *REDUCERS)
    properties: Schema = {
        **_HEAD,
        **audience.step(),
        **_WINDOW,
        "count": {"const": True, "description": "How many such events."},
        **dict.fromkeys(REDUCERS, TEXT),
        "minimum": {"type": "integer", "minimum": 0, "description": "So often the most frequent value must be there."},
        "less": closed({**audience.step(), "sum": TEXT}, required=("event", "sum")),
    }
    return {
        **closed(properties, required=("key", "event")),
        "allOf": [
            *_ONE_WINDOW,
            one_of_them(reducers),
            *(not_both(*pair) for pair in pairs(reducers)),
            {"if": {"required": ["minimum"]}, "then": {"required": ["most_frequent"]}},
            {"if": {"required": ["less"]}, "then": {"required": ["sum"]}},
        ],
    }


def _lifetime() -> Schema:
    step = audience.step()
    said = {"anyOf": [{"const": True}, TEXT], "description": "true, or the property of orders that holds the money."}
    properties: Schema = {**_HEAD, LIFETIME: said, "where": step["where"], "source": step["source"], **_WINDOW}
    return {**closed(properties, required=(LIFETIME,)), "allOf": _ONE_WINDOW}


def _sql() -> Schema:
    columns = {"type": "array", "items": TEXT, "minItems": 1, "maxItems": MOST_COLUMNS}
    properties: Schema = {
        **_HEAD,
        "query": {**TEXT, "description": "One SELECT over the relations of the space."},
        "file": {**TEXT, "description": "The file of the query, beside this one."},
        "column": TEXT,
        "columns": columns,
        "identifier": {**TEXT, "description": "The column that says whose they are: user_id, email, profile_id, ..."},
    }
    whole = closed(properties, required=("key",))
    return {
        **whole,
        "oneOf": [{"required": ["query"]}, {"required": ["file"]}],
        "allOf": [not_both("column", "columns")],
    }


def as_json() -> str:
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def published() -> str:
    """The checked-in copy that editors read."""
    return resources.files("guestlist.schemas").joinpath("trait.schema.json").read_text(encoding="utf-8")
