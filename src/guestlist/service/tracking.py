"""The tracking API: calls in, each on disk before it is answered.

A request that is malformed is refused as a whole. A call in it that is no message (no id, no event name) is counted and
the request accepted, as Segment does; a strict source refuses the request instead.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from guestlist.clock import Clock, microseconds
from guestlist.errors import GuestlistError
from guestlist.service.answers import Refusal, preflight, refused, success
from guestlist.service.bodies import LONGEST_BATCH, LONGEST_CALL, MOST_CALLS, as_object, read_document, too_large
from guestlist.service.write_keys import WriteKeys, basic_key, digest_of
from guestlist.sources.arrivals import TAKEN, Arrivals
from guestlist.sources.judging import Mistake
from guestlist.sources.messages import Call
from guestlist.sources.receiving import Arriving, line_of
from guestlist.store.inbox import Inbox, InboxFullError
from guestlist.store.journal_sources import Source

_SHORT = {"i": "identify", "t": "track", "p": "page", "s": "screen", "g": "group", "a": "alias"}
"""What analytics.js calls them."""
_BATCHES = ("batch", "import", "b")
_MOST_KEPT = 8 * 2**20
"""Bytes of one request's lines: what all its calls share is written out in each of them."""
_RETRY_AFTER_S = 1
Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Door:
    """Where messages come into one space. `zone`: where times without an offset are from."""

    name: str
    keys: WriteKeys
    inbox: Inbox
    arrivals: Arrivals
    clock: Clock
    zone: ZoneInfo


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A door, and the source that came to it."""

    door: Door
    source: Source


def routes(doors: Sequence[Door]) -> list[Route]:
    """`/v1/track` and the others, with and without a slash at the end."""
    kinds = {call.value: call.value for call in Call} | _SHORT
    calls = {name: _endpoint(doors, _one(kind), LONGEST_CALL) for name, kind in kinds.items()}
    calls |= dict.fromkeys(_BATCHES, _endpoint(doors, _batch, LONGEST_BATCH))
    calls["engage"] = _endpoint(doors, _batch, LONGEST_BATCH, shaped=_as_batch)
    calls["m"] = _metrics
    return [
        Route(f"/v1/{name}{slash}", endpoint, methods=["POST", "OPTIONS"])
        for name, endpoint in calls.items()
        for slash in ("", "/")
    ]


async def _metrics(request: Request) -> Response:
    """analytics.js tells how it runs; nobody listens, but it should not see errors."""
    return preflight(request) if request.method == "OPTIONS" else success()


_Calls = tuple[Sequence[tuple[str, Any]], str | None]
"""The calls of a body, each with its place in it, and their type where the address tells it."""


def _one(kind: str) -> Callable[[dict[str, Any]], _Calls]:
    return lambda body: ([("", body)], kind)


def _batch(body: dict[str, Any]) -> _Calls:
    calls = body.get("batch")
    if not isinstance(calls, list):
        raise Refusal(400, "batch_not_list", "A batch is a list of calls.", at="batch")
    if not calls:
        raise Refusal(400, "empty_batch", "The batch holds no call.", at="batch")
    if len(calls) > MOST_CALLS:
        raise Refusal(413, "too_many_calls", f"A batch may have {MOST_CALLS:,} calls.", at="batch")
    return [(f"batch[{n}]", call) for n, call in enumerate(calls)], None


def _as_batch(body: Any) -> dict[str, Any]:
    """What Segment's Webhooks destination sends: one call, or several in a list, each with its type."""
    if isinstance(body, list):
        return {"batch": body}
    body = as_object(body)
    return body if "batch" in body else {"batch": [body], "writeKey": body.get("writeKey")}


def _endpoint(
    doors: Sequence[Door],
    calls_of: Callable[[dict[str, Any]], _Calls],
    limit: int,
    *,
    shaped: Callable[[Any], dict[str, Any]] = as_object,
) -> Endpoint:
    async def answer(request: Request) -> Response:
        if request.method == "OPTIONS":
            return preflight(request)
        entry = None
        try:
            key = basic_key(request.headers.get("authorization", ""))
            entry = enter(doors, key) if key else None  # whoever has a wrong key need not send all of it
            body = shaped(await read_document(request, limit))
            entry = entry or enter(doors, body.get("writeKey"))
            calls, kind = calls_of(body)
            await _take(entry, _arriving(entry.door, body, batch=kind is None), calls, kind)
        except Refusal as refusal:
            if entry is not None:
                _count_refused(entry, refusal)
            return refused(refusal)
        except InboxFullError as error:
            return refused(Refusal(429, error.code, error.message, retry_after=_RETRY_AFTER_S))
        except GuestlistError as error:
            return refused(Refusal(503, error.code, error.message, retry_after=_RETRY_AFTER_S))
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        return success()

    return answer


def enter(doors: Sequence[Door], key: object) -> Entry:
    """The door and the source that a write key opens."""
    if isinstance(key, str) and key:
        digest = digest_of(key)
        for door in doors:
            source = door.keys.find(digest)
            if source:
                return Entry(door=door, source=source)
    raise Refusal(401, "unknown_write_key", "No source has this write key. See: guestlist sources list")


def _arriving(door: Door, body: Mapping[str, Any], *, batch: bool) -> Arriving:
    now = door.clock.now()
    if not batch:
        return Arriving(received_at=now, zone=door.zone)
    shared = {key: _shared(body, key) for key in ("context", "integrations")}
    return Arriving(received_at=now, zone=door.zone, sent_at=body.get("sentAt"), **shared)


def _shared(body: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = body.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Refusal(400, f"{key}_not_object", f"`{key}` must be an object.", at=key)
    return value


async def _take(entry: Entry, arriving: Arriving, calls: Sequence[tuple[str, Any]], kind: str | None) -> None:
    lines: list[bytes] = []
    mistaken: list[tuple[Mistake, Any]] = []
    size = 0
    for at, call in calls:
        line = _line(at, call, arriving, kind)
        if isinstance(line, Mistake):
            if entry.source.strict:
                raise _not_by_a_strict_source(at, call, line)
            mistaken.append((line, call))
            continue
        size += len(line)
        if size > _MOST_KEPT:
            raise Refusal(413, "too_large", "With what they share written out, the calls of this batch are too much.")
        lines.append(line)
    if lines:
        await entry.door.inbox.keep(entry.source.key, b"".join(lines))
        entry.door.arrivals.count(entry.source.key, TAKEN, messages=len(lines), at=microseconds(arriving.received_at))
    # Only now: of a request that is refused nothing is kept, and these were not why.
    for mistake, call in mistaken:
        at_once = microseconds(arriving.received_at)
        entry.door.arrivals.count(entry.source.key, mistake.fault, field=mistake.field, at=at_once, like=call)


def _line(at: str, call: Any, arriving: Arriving, kind: str | None) -> bytes | Mistake:
    if not isinstance(call, dict):
        raise Refusal(400, "call_not_object", "A call is a JSON object.", at=at, like=call)
    try:
        line = line_of(call, arriving, kind)
        # A line is a little longer than its call: that has a time and an id more, and what the batch shares.
        if kind is None and (isinstance(line, Mistake) or len(line) > LONGEST_CALL) and _size(call) > LONGEST_CALL:
            raise too_large("A call", LONGEST_CALL, at=at)
    except orjson.JSONEncodeError:
        raise Refusal(400, "too_deep", "The call is nested too deeply.", at=at) from None
    return line


def _size(call: Mapping[str, Any]) -> int:
    return len(orjson.dumps(call))


def _not_by_a_strict_source(at: str, call: Any, mistake: Mistake) -> Refusal:
    where = ".".join(part for part in (at, mistake.field) if part)
    said = "This source is strict, and a call of the request is wrong."
    return Refusal(400, mistake.fault, said, at=where, field=mistake.field, like=call)


def _count_refused(entry: Entry, refusal: Refusal) -> None:
    """One, for what the request was refused for; how many calls were in it may not be known."""
    now = microseconds(entry.door.clock.now())
    entry.door.arrivals.count(entry.source.key, refusal.code, field=refusal.field, at=now, like=refusal.like)


async def tell_no_such_route(_: Request, error: HTTPException) -> Response:
    """Nothing at this address, or not by this method; `Allow` stays, as the method's own header."""
    takes = (error.headers or {}).get("Allow")
    said = f"This address takes {takes}." if takes else "There is nothing at this address."
    return refused(Refusal(error.status_code, "no_such_route", said), more=error.headers)
