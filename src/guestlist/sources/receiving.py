"""A call as it arrives by HTTP becomes the line that is kept: what goes for the whole batch, its time and its id in it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import orjson

from guestlist.sources.judging import Mistake, given, judge
from guestlist.sources.messages import Call

_SECONDS, _MILLISECONDS = re.compile(r"[0-9]{10}(?:[.][0-9]+)?"), re.compile(r"[0-9]{13}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Arriving:
    """What the calls of one request share. `zone`: where times without an offset are from."""

    received_at: datetime
    zone: ZoneInfo
    sent_at: Any = None
    context: Mapping[str, Any] = field(default_factory=dict)
    integrations: Mapping[str, Any] = field(default_factory=dict)


def line_of(call: Mapping[str, Any], arriving: Arriving, kind: str | None = None) -> bytes | Mistake:
    """The line to keep, or what is wrong. `kind` is the call's type where the address tells it.

    Raises `orjson.JSONEncodeError` for what is nested too deeply.
    """
    message = dict(call)
    message.pop("writeKey", None)
    if kind:
        message["type"] = kind
    _share(message, "context", arriving.context)
    _share(message, "integrations", arriving.integrations)
    _find_traits(message)
    at = _when(message, arriving)
    mistake = judge(message, readable_time=at is not None)
    if mistake:
        return mistake
    message["timestamp"], message["receivedAt"] = at, arriving.received_at
    if not given(message.get("messageId")):
        message["messageId"] = f"guestlist-{uuid4()}"
    return orjson.dumps(message, option=orjson.OPT_APPEND_NEWLINE)


def _share(message: dict[str, Any], key: str, shared: Mapping[str, Any]) -> None:
    own = message.get(key)
    if shared and (own is None or isinstance(own, dict)):
        message[key] = {**shared, **own} if own else dict(shared)


def _find_traits(message: dict[str, Any]) -> None:
    """RudderStack's server clients send the traits of an identify call in its context alone."""
    if message.get("type") == Call.IDENTIFY and message.get("traits") is None:
        context = message.get("context")
        if isinstance(context, dict) and isinstance(context.get("traits"), dict):
            message["traits"] = context["traits"]


def _when(message: dict[str, Any], arriving: Arriving) -> datetime | None:
    """When it was, by our clock; None when that cannot be read.

    The sender's clock may be wrong: between its time of the call and its time of sending the difference is right.
    Where both times of the spec are given, another receiver has corrected `timestamp` already.
    """
    told, original = message.get("timestamp"), message.get("originalTimestamp")
    corrected = given(told) and given(original)
    if not given(told):
        told = original
    if not given(told):
        return arriving.received_at
    at = read_time(told, arriving.zone)
    if at is None:
        return None
    message["originalTimestamp"] = original if corrected else told
    if corrected:
        return at
    sent_at = message.get("sentAt")
    sent = read_time(sent_at if given(sent_at) else arriving.sent_at, arriving.zone)
    try:
        return at if sent is None else arriving.received_at - (sent - at)
    except OverflowError:
        return None


def read_time(value: Any, zone: ZoneInfo) -> datetime | None:
    """ISO 8601, or Unix seconds or milliseconds, as an instant in UTC; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = value.strip("\t\n\f\r ") if isinstance(value, str) else str(value)
    try:
        if _SECONDS.fullmatch(text):
            return datetime.fromtimestamp(float(text), UTC)
        if _MILLISECONDS.fullmatch(text):
            return datetime.fromtimestamp(int(text) / 1000, UTC)
        at = datetime.fromisoformat(text) if isinstance(value, str) else None
        if at is None:
            return None
        return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
