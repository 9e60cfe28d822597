"""Small hand-worked histories in a real engine."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import ibis
import pyarrow as pa
from tests.stages.audiences import interpreter

from guestlist.audiences.compile import members
from guestlist.audiences.definition import IdentifierList
from guestlist.audiences.document import read
from guestlist.audiences.question import Question, Relations

BERLIN = ZoneInfo("Europe/Berlin")
STAMP = pa.timestamp("us")
EVENT = pa.schema(
    [
        ("profile_id", pa.string()),
        ("event", pa.string()),
        ("at", STAMP),
        ("source", pa.string()),
        ("message_id", pa.string()),
        ("properties", pa.string()),
    ]
)
TRAIT = pa.schema(
    [
        ("profile_id", pa.string()),
        ("key", pa.string()),
        ("value", pa.string()),
        ("number", pa.float64()),
        ("at", STAMP),
        ("source", pa.string()),
    ]
)
MEMBERSHIP = pa.schema(
    [("audience", pa.string()), ("profile_id", pa.string()), ("entered_at", STAMP), ("exited_at", STAMP)]
)
IDENTIFIER = pa.schema(
    [("type", pa.string()), ("value", pa.string()), ("profile_id", pa.string()), ("first_seen", STAMP)]
)
Row = Mapping[str, Any]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def event(profile_id: str, name: str, at: str, properties: Any = None, source: str = "web") -> Row:
    told = None if properties is None else json.dumps(properties, ensure_ascii=False)
    return {"profile_id": profile_id, "event": name, "at": at, "source": source, "properties": told}


def trait(profile_id: str, key: str, value: Any, at: str | datetime = "2020-01-01") -> Row:
    text = value if value is None or isinstance(value, str) else json.dumps(value)
    number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    return {"profile_id": profile_id, "key": key, "value": text, "number": number, "at": at, "source": "web"}


def stay(audience: str, profile_id: str, entered: str | datetime, exited: str | datetime | None = None) -> Row:
    return {"audience": audience, "profile_id": profile_id, "entered_at": entered, "exited_at": exited}


def table(rows: Sequence[Row], schema: pa.Schema) -> pa.Table:
    filled = []
    for n, row in enumerate(rows):
        whole = {name: row.get(name) for name in schema.names}
        for name in ("at", "entered_at", "exited_at"):
            told = whole.get(name)
            if isinstance(told, str):
                whole[name] = datetime.fromisoformat(told)
        if "message_id" in whole:
            whole["message_id"] = row.get("message_id", f"m{n}")
        filled.append(whole)
    return pa.Table.from_pylist(filled, schema=schema)


def _identifiers(rows: Sequence[Row]) -> pa.Table:
    """Everybody of whom anything is known, since it was."""
    seen: dict[str, datetime] = {}
    for row in rows:
        at = datetime.fromisoformat(row["at"])
        seen[row["profile_id"]] = min(at, seen.get(row["profile_id"], at))
    lines = [{"type": "user_id", "value": who, "profile_id": who, "first_seen": at} for who, at in seen.items()]
    return pa.Table.from_pylist(lines, schema=IDENTIFIER)


def held(trait: Any, as_of: datetime) -> Any:
    """Of the values of a trait the last one up to then, as relation `trait` has it; null took the trait away."""
    then = trait.filter(trait.at <= as_of.replace(tzinfo=None))
    newest_first = [ibis.desc(column) for column in ("at", "source", "value", "number")]
    place = ibis.row_number().over(group_by=["profile_id", "key"], order_by=newest_first)
    return then.mutate(place=place).filter(lambda t: (t.place == 0) & t.value.notnull()).drop("place")


def list_rows(since: Mapping[str, datetime]) -> pa.Table:
    """The people of a list, each since they are known by one of its identifiers."""
    lines = [{"profile_id": who, "known_since": at} for who, at in since.items()]
    return pa.Table.from_pylist(lines, schema=pa.schema([("profile_id", pa.string()), ("known_since", STAMP)]))


def people_of(
    *,
    events: Sequence[Row],
    traits: Sequence[Row],
    stays: Sequence[Row],
    identifiers: Sequence[Row] | None = None,
    lists: Mapping[IdentifierList, Mapping[str, datetime]] | None = None,
) -> dict[str, interpreter.Person]:
    """Person by person, what the relations hold row by row."""
    rows = (*events, *traits, *stays, *(identifiers or ()))

    def own(name: str, told: Sequence[Row] | None) -> list[Row]:
        return [row for row in told or () if row["profile_id"] == name]

    return {
        name: interpreter.Person(
            name=name,
            events=[_happening(row) for row in own(name, events)],
            traits=[_held(row) for row in own(name, traits)],
            stays=[_stay(row) for row in own(name, stays)],
            identifiers=None if identifiers is None else [_known(row) for row in own(name, identifiers)],
            lists={listed: _utc(since[name]) for listed, since in (lists or {}).items() if name in since},
        )
        for name in {row["profile_id"] for row in rows}
    }


def _happening(row: Row) -> interpreter.Happening:
    return interpreter.Happening(
        event=row["event"],
        at=_utc(row["at"]),
        source=row["source"],
        message_id=row["message_id"],
        properties=interpreter.read_json(row["properties"]) or {},
    )


def _held(row: Row) -> interpreter.Held:
    return interpreter.Held(key=row["key"], value=interpreter.as_kept(row["value"]), at=_utc(row["at"]))


def _stay(row: Row) -> interpreter.Stay:
    exited = row["exited_at"]
    left = None if exited is None else _utc(exited)
    return interpreter.Stay(audience=row["audience"], entered=_utc(row["entered_at"]), exited=left)


def _known(row: Row) -> interpreter.Known:
    return interpreter.Known(type=row["type"], since=_utc(row["first_seen"]))


def _utc(instant: datetime) -> datetime:
    return instant.replace(tzinfo=UTC)


class History:
    """Events, traits, stays and lists, loaded once and asked many times."""

    def __init__(
        self,
        *,
        events: Sequence[Row] = (),
        traits: Sequence[Row] = (),
        stays: Sequence[Row] = (),
        lists: Mapping[IdentifierList, Mapping[str, datetime]] | None = None,
    ) -> None:
        self.engine = ibis.duckdb.connect()
        rows = table(events, EVENT), table(traits, TRAIT), table(stays, MEMBERSHIP)
        self.relations = Relations(
            event=self.engine.create_table("event", rows[0]),
            trait=self.engine.create_table("trait", rows[1]),
            membership=self.engine.create_table("membership", rows[2]),
            identifier=self.engine.create_table("identifier", _identifiers([*events, *traits])),
        )
        told = [part.to_pylist() for part in rows]
        self.people = people_of(events=told[0], traits=told[1], stays=told[2], lists=lists)
        self.lists = {
            listed: self.engine.create_table(f"list_{n}", list_rows(since))
            for n, (listed, since) in enumerate((lists or {}).items())
        }

    def question(self, as_of: str, zone: ZoneInfo = BERLIN) -> Question:
        relations = replace(self.relations, trait=held(self.relations.trait, utc(as_of)))
        return Question(relations=relations, as_of=utc(as_of), zone=zone, lists=self.lists)

    def materialise(self, name: str, rows: Any) -> Any:
        return self.engine.create_table(name, rows, overwrite=True)

    def read(self, rows: Any) -> pa.Table:
        return self.engine.to_pyarrow(rows)

    def members(self, who: str, as_of: str, zone: ZoneInfo = BERLIN) -> str:
        """Who is in, as one sorted word: profile ids here are single letters. The engine and the interpreter agree."""
        definition = read(f"key: a\nwho: {who}")
        found = self.engine.to_pyarrow(members(definition, self.question(as_of, zone)))
        asked = interpreter.Asked(as_of=utc(as_of), zone=zone)
        answers = found["profile_id"].to_pylist(), interpreter.members(definition, self.people, asked)
        engine, told = ("".join(sorted(answer)) for answer in answers)
        assert engine == told, f"the interpreter says {told!r}"
        return engine
