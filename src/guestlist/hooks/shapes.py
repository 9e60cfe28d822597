"""How moves look to who receives them: as Segment Engage's own calls, or as one webhook with a list.

What is sent of a person is ids, and what the hook was told to send beside them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from guestlist.hooks.moves import Move
from guestlist.store.journal_hooks import Hook
from guestlist.values.engage import AUDIENCE, COMPUTATION, ENTERED, EXITED, KEY_PROPERTY

Document = dict[str, Any]
IDS = ("user_id", "anonymous_id")
"""What is sent of everybody."""
CONTACTS = ("email", "phone")
MOST_CALLS = 200
MOST_BYTES = 400_000
"""Segment takes 500 KB in a batch; what surrounds the calls needs room too."""
LARGEST_CALL = 30_000
"""Of 32 KB that Segment takes."""
MOVED, TESTED = "audience.moved", "hook.tested"


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """A move as it is sent: documents in JSON, at least one."""

    move: Move
    documents: tuple[bytes, ...]

    @property
    def size(self) -> int:
        return sum(map(len, self.documents))


def told(move: Move, hook: Hook) -> Told | None:
    """A move in the hook's shape; None where nothing that may be sent names the person."""
    made = list(_calls(move, hook) if hook.kind == "segment" else _entries(move, hook))
    return Told(move=move, documents=tuple(made)) if made else None


def portions(some: Iterable[Told], *, most: int) -> Iterator[list[Told]]:
    """Cut into what one request takes: at most so many moves, and never a move in two."""
    portion: list[Told] = []
    calls = size = 0
    for one in some:
        full = len(portion) >= most or calls + len(one.documents) > MOST_CALLS or size + one.size > MOST_BYTES
        if portion and full:
            yield portion
            portion, calls, size = [], 0, 0
        portion.append(one)
        calls += len(one.documents)
        size += one.size
    if portion:
        yield portion


def body(some: Sequence[Told], hook: Hook, *, now: datetime) -> bytes:
    """The body of a request."""
    documents = [orjson.Fragment(each) for one in some for each in one.documents]
    if hook.kind == "segment":
        return orjson.dumps({"batch": documents, "sentAt": now})
    data = {"hook": hook.name, "moves": documents}
    return orjson.dumps({"type": MOVED, "timestamp": now, "data": data})


def trial_body(hook: Hook, *, now: datetime) -> bytes:
    """A request that tells of nobody."""
    if hook.kind == "webhook":
        return orjson.dumps({"type": TESTED, "timestamp": now, "data": {"hook": hook.name}})
    call = {"type": "track", "event": "Guestlist Tested", "anonymousId": "guestlist-test", "timestamp": now}
    return orjson.dumps({"batch": [{**call, "properties": {"hook": hook.name}}], "sentAt": now})


def _instant(move: Move) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=move.at)


def _also(move: Move, hook: Hook) -> Document:
    """What the hook sends beside ids: the first e-mail and phone number, and traits."""
    contacts = {kind: found[0] for kind in CONTACTS if kind in hook.also and (found := move.ids(kind))}
    traits = {key: move.traits[key] for key in hook.also if key in move.traits and key not in CONTACTS}
    return {**traits, **contacts}


# As a webhook


def _entries(move: Move, hook: Hook) -> Iterator[bytes]:
    ids = {f"{kind}s": found for kind in IDS if (found := move.ids(kind))}
    also = _also(move, hook)
    if not ids and not also.keys() & CONTACTS:
        return
    entry = {
        "id": f"{hook.mark}-{move.number}",
        "audience": move.audience,
        "change": "entered" if move.inside else "exited",
        "at": _instant(move),
        **ids,
    }
    whole = orjson.dumps({**entry, "traits": also} if also else entry)
    yield whole if len(whole) <= LARGEST_CALL else orjson.dumps(entry)


# As Segment's calls


def _calls(move: Move, hook: Hook) -> Iterator[bytes]:
    """One for each user id, as Engage does; of somebody without one, for each anonymous id."""
    users, browsers = move.ids("user_id"), move.ids("anonymous_id")
    named = [{"userId": one} for one in users] or [{"anonymousId": one} for one in browsers]
    for place, who in enumerate(named):
        for kind in ("identify", "track"):
            if hook.calls in {"both", kind}:
                call = _call(kind, who, move, hook)
                call["messageId"] = f"{hook.mark}-{move.number}-{kind[0]}{place}"
                yield _within(call)


def _call(kind: str, who: Mapping[str, str], move: Move, hook: Hook) -> Document:
    also = _also(move, hook)
    context: Document = {
        COMPUTATION: {
            "computation_class": AUDIENCE,
            "computation_id": f"guestlist_{move.audience}",
            "computation_key": move.audience,
        }
    }
    call: Document = {"type": kind, **who, "timestamp": _instant(move), "context": context}
    if kind == "identify":
        return {**call, "traits": {**also, move.audience: move.inside}}
    if "email" in also:
        context["traits"] = {"email": also["email"]}
    properties = {**also, KEY_PROPERTY: move.audience, move.audience: move.inside}
    return {**call, "event": ENTERED if move.inside else EXITED, "properties": properties}


def _within(call: Document) -> bytes:
    whole = orjson.dumps(call)
    if len(whole) <= LARGEST_CALL:
        return whole
    key = call["context"][COMPUTATION]["computation_key"]
    name = "traits" if call["type"] == "identify" else "properties"
    kept = {each: call[name][each] for each in (KEY_PROPERTY, key) if each in call[name]}
    return orjson.dumps({**call, name: kept})
