"""Who is in each audience now, or was on a day, and what changed since last time."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import ibis
import ibis.expr.types as ir

from guestlist.audiences import compile as compiling
from guestlist.audiences.definition import HOLDOUT, Definition, IdentifierList, references
from guestlist.audiences.mistakes import DefinitionError, Mistake, Mistakes
from guestlist.audiences.question import Question, Relations, stamp
from guestlist.audiences.reading import read_moment
from guestlist.audiences.scanning import scanned
from guestlist.audiences.times import end_of, start_of
from guestlist.audiences.traits.keeping import held
from guestlist.clock import microseconds
from guestlist.store.in_memory import in_memory

INTERVAL = ("audience", "profile_id", "entered_at")
AUDIENCE_GROUP = {"audience": "string", "profile_id": "string", "name": "string", "drawn_at": "timestamp('UTC')"}
"""Key (audience, profile_id): the group that was drawn for a person, "" for none of them. Kept for good."""
EVALUATION = {
    "audience": "string",
    "at": "timestamp('UTC')",
    "members": "int64",
    "entered": "int64",
    "exited": "int64",
}
"""Key (audience, at): the first evaluation, every one by which somebody entered or exited, and the last one."""
MOVE = {
    "number": "int64",
    "audience": "string",
    "profile_id": "string",
    "inside": "boolean",
    "at": "timestamp('UTC')",
    "hook": "string",
}
"""Key number: who entered and who exited, in the order in which it came about; there while somebody is told of it.

`hook` is null where it concerns all hooks.
"""
BEGUN = {"audience": "string", "at": "timestamp('UTC')"}
"""When an audience that counts from then on was first evaluated."""


class Warehouse(Protocol):
    """What evaluation needs of the store."""

    def table(self, name: str) -> Any: ...
    def has(self, name: str) -> bool: ...
    def materialise(self, name: str, rows: Any) -> Any: ...
    def merge(self, name: str, rows: Any, on: Sequence[str]) -> Any: ...
    def create(self, name: str, schema: Mapping[str, str]) -> None: ...
    def append(self, name: str, rows: Any) -> Any: ...
    def delete_keys(self, name: str, keys: Any, on: Sequence[str]) -> Any: ...
    def read(self, rows: Any) -> Any: ...


def as_of(text: str, zone: ZoneInfo, *, begins: bool = False) -> datetime:
    """`--as-of`: a date is the last microsecond of that day in the space's zone, or the first where it begins a span."""
    mistakes = Mistakes()
    moment: date | None = read_moment(text, "--as-of", mistakes)
    if moment is None:
        raise DefinitionError(mistakes.found)
    return start_of(moment, zone) if begins else end_of(moment, zone)


def in_order(definitions: Iterable[Definition]) -> tuple[Definition, ...]:
    """Each audience after those it asks about; a circle of audiences is refused by name."""
    by_key = {definition.key: definition for definition in sorted(definitions, key=lambda each: each.key)}
    done: dict[str, Definition] = {}
    for key in by_key:
        _place(key, by_key, done, ())
    return tuple(done.values())


def _place(key: str, by_key: Mapping[str, Definition], done: dict[str, Definition], way: tuple[str, ...]) -> None:
    if key in done or key not in by_key:
        return
    if key in way:
        circle = " -> ".join(f"`{name}`" for name in (*way[way.index(key) :], key))
        message = f"audiences ask about each other in a circle: {circle}."
        raise DefinitionError([Mistake(path=f"{key}: who", message=message, suggestion="Take one of them out.")])
    for needed in sorted(references(by_key[key].who)):
        _place(needed, by_key, done, (*way, key))
    done[key] = by_key[key]


def relations(warehouse: Warehouse) -> Relations:
    """What is known: traits are those that people sent and those that were worked out last."""
    return Relations(
        event=warehouse.table("event"),
        trait=held(warehouse),
        membership=warehouse.table("membership"),
        identifier=warehouse.table("identifier") if warehouse.has("identifier") else None,
        external=warehouse.table("external_membership") if warehouse.has("external_membership") else None,
    )


def members(definition: Definition, question: Question, others: Iterable[Definition] = ()) -> ir.Table:
    """Who is in as of the question, the audiences it asks about worked out as of then too."""
    return compiling.members(definition, with_others(question, (*others, definition)))


def with_others(question: Question, definitions: Iterable[Definition]) -> Question:
    """The question with audiences worked out as of then, rather than looked up in what was recorded."""
    known = in_order({each.key: each for each in definitions}.values())
    return replace(question, inline={each.key: each for each in known})


def evaluate(
    warehouse: Warehouse,
    definitions: Iterable[Definition],
    at: datetime,
    zone: ZoneInfo,
    lists: Mapping[IdentifierList, ir.Table] | None = None,
) -> Iterator[Definition]:
    """Brings membership up to `at`, one audience after another; yields each when its members are recorded."""
    known = in_order(definitions)
    warehouse.create("begun", BEGUN)
    warehouse.create("audience_group", AUDIENCE_GROUP)
    warehouse.create("evaluation", EVALUATION)
    question = Question(
        relations=relations(warehouse),
        as_of=at,
        zone=zone,
        begun=_begin(warehouse, known, at),
        lists=lists or {},
    )
    question = scanned(question, known, warehouse.materialise)
    told = warehouse.has("move")
    newest = _forget_idle(warehouse, known)
    for definition in known:
        question = replace(question, relations=replace(question.relations, membership=warehouse.table("membership")))
        found = warehouse.materialise("members_now", compiling.members(definition, question))
        changed = changes(question.relations.membership, definition.key, found, at)
        # Written down first: the changes read the relation that they are merged into.
        changed = warehouse.materialise("membership_changes", changed)
        warehouse.merge("membership", changed, INTERVAL)
        later = definition.key not in newest or newest[definition.key] < at
        _note(warehouse, definition.key, found, changed, at, idle=later)
        if told:
            _keep_moves(warehouse, changed, at)
        if definition.split:
            _draw(warehouse, definition, found, at)
        yield definition


def _forget_idle(warehouse: Warehouse, definitions: Sequence[Definition]) -> Mapping[str, datetime]:
    """Of evaluations that changed nothing only the first and the last are kept; gives when each audience's last one was.

    Every few minutes one comes: kept for good they would be all there is.
    """
    every = warehouse.table("evaluation").filter(lambda t: t.audience.isin(sorted(one.key for one in definitions)))
    span = every.group_by("audience").aggregate(first=every["at"].min(), last=every["at"].max())
    idle = every.filter(every.entered == 0, every.exited == 0).join(span, "audience")
    idle = warehouse.materialise("idle_evaluations", idle.filter(idle["at"] > idle["first"]).select("audience", "at"))
    warehouse.delete_keys("evaluation", idle, ["audience", "at"])
    return {line["audience"]: line["last"] for line in warehouse.read(span).to_pylist()}


def _note(warehouse: Warehouse, audience: str, found: ir.Table, changed: ir.Table, at: datetime, *, idle: bool) -> None:
    """Keep how many there are, and how many came and went; `idle`: also where nobody did."""
    left = changed.exited_at.notnull()
    numbers = changed.agg(entered=changed.count(where=~left), exited=changed.count(where=left))
    line = numbers.cross_join(found.agg(members=found.count()))
    if not idle:
        line = line.filter((line.entered > 0) | (line.exited > 0))
    line = line.mutate(audience=ibis.literal(audience), at=ibis.literal(at.astimezone(UTC), "timestamp('UTC')"))
    warehouse.append("evaluation", line.select(*EVALUATION).cast(EVALUATION))


def _keep_moves(warehouse: Warehouse, changed: ir.Table, at: datetime) -> None:
    moved = changed.select("audience", "profile_id", inside=changed.exited_at.isnull())
    append_moves(warehouse, moved, at, hook=None)


def append_moves(warehouse: Warehouse, moved: ir.Table, at: datetime, *, hook: str | None) -> None:
    """Keep moves (audience, profile_id, inside), numbered on. Numbers rise for good, also where all lines were lost."""
    last = warehouse.read(warehouse.table("move").number.max()).as_py() or 0
    place = ibis.row_number().over(order_by=[moved.audience, moved.profile_id]) + 1
    lines = moved.mutate(
        number=place + max(last, microseconds(at)),
        at=ibis.literal(at.astimezone(UTC), "timestamp('UTC')"),
        hook=ibis.literal(hook, "string"),
    )
    warehouse.append("move", lines.select(*MOVE).cast(MOVE))


def begun(warehouse: Warehouse) -> dict[str, datetime]:
    """When each audience that counts from then on was first evaluated."""
    if not warehouse.has("begun"):
        return {}
    lines = warehouse.read(warehouse.table("begun")).to_pylist()
    return {line["audience"]: line["at"] for line in lines}


def _begin(warehouse: Warehouse, definitions: Iterable[Definition], at: datetime) -> dict[str, datetime]:
    known = begun(warehouse)
    new = sorted({each.key for each in definitions if each.since == "now"} - known.keys())
    if new:
        warehouse.append("begun", in_memory({"audience": new, "at": [at] * len(new)}, schema=BEGUN))
    return known | dict.fromkeys(new, at)


def _draw(warehouse: Warehouse, definition: Definition, found: ir.Table, at: datetime) -> None:
    """Draw a group for each member who has none yet, so that nobody changes sides when the shares are changed."""
    drawn = warehouse.table("audience_group")
    lines = _undrawn(drawn, definition, found).mutate(
        audience=ibis.literal(definition.key), drawn_at=stamp(drawn.drawn_at, at)
    )
    warehouse.append("audience_group", warehouse.materialise("groups_drawn", lines.select(*AUDIENCE_GROUP)))


def _undrawn(drawn: ir.Table, definition: Definition, found: ir.Table) -> ir.Table:
    """(profile_id, name): what those of `found` draw for whom none was drawn yet."""
    fresh = found.anti_join(drawn.filter(drawn.audience == definition.key), "profile_id")
    return fresh.select("profile_id", name=compiling.group_of(fresh.profile_id, definition))


def groups(warehouse: Warehouse, found: ir.Table, definition: Definition) -> ir.Table:
    """(profile_id, name): the group of each person in `found`, "" for none; what was drawn, or what they would draw."""
    if not warehouse.has("audience_group"):
        return found.select("profile_id", name=compiling.group_of(found.profile_id, definition))
    every = warehouse.table("audience_group")
    drawn = every.filter(every.audience == definition.key).semi_join(found, "profile_id")
    return drawn.select("profile_id", "name").union(_undrawn(every, definition, found))


def moves(membership: ir.Table, audience: str, since: datetime | None) -> ir.Table:
    """(profile_id, at, change): everybody who `entered` or `exited` since then, by the record."""
    own = membership.filter(membership.audience == audience)
    entered = own.select("profile_id", at=own.entered_at, change=ibis.literal("entered"))
    exited = own.filter(own.exited_at.notnull()).select("profile_id", at=own.exited_at, change=ibis.literal("exited"))
    both = entered.union(exited)
    return both if since is None else both.filter(both["at"] >= stamp(both["at"], since))


def sent_to(warehouse: Warehouse, found: ir.Table, definition: Definition, chosen: Sequence[str]) -> ir.Table:
    """Those of the members whom a sync sends: of the groups chosen, or all but the hold-out."""
    if not definition.split:
        return found
    drawn = groups(warehouse, found, definition)
    if chosen:
        return found.semi_join(drawn.filter(drawn.name.isin(sorted(chosen))), "profile_id")
    return found.anti_join(drawn.filter(drawn.name == HOLDOUT), "profile_id")


def not_chosen(warehouse: Warehouse, found: ir.Table, definition: Definition, chosen: Sequence[str]) -> dict[str, int]:
    """How many of the members `sent_to` leaves out, by their group."""
    if not definition.split:
        return {}
    drawn = groups(warehouse, found, definition)
    left = drawn.anti_join(sent_to(warehouse, found, definition, chosen), "profile_id")
    lines = warehouse.read(left.group_by("name").agg(people=left.count()).order_by("name")).to_pylist()
    return {line["name"]: line["people"] for line in lines}


def changes(membership: ir.Table, audience: str, found: ir.Table, at: datetime) -> ir.Table:
    """The intervals that begin or end at `at`, to be merged by audience, profile_id and entered_at."""
    inside = membership.filter(membership.audience == audience, membership.exited_at.isnull())
    when = stamp(membership.entered_at, at)
    entered = found.anti_join(inside, "profile_id").select(
        "profile_id",
        audience=ibis.literal(audience),
        entered_at=when,
        exited_at=ibis.null(membership.exited_at.type()),
    )
    # A clock set back must not end a stay before it began.
    left = inside.anti_join(found, "profile_id").mutate(exited_at=ibis.greatest(inside.entered_at, when))
    columns = ("audience", "profile_id", "entered_at", "exited_at")
    return entered.select(*columns).union(left.select(*columns))
