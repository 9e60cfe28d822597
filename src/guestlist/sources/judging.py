"""What is wrong with one call, told at once: the same rules, in the same order, as `messages.py` has for columns.

`messages.py` decides what lands. This tells a sender before: a test holds the two together.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from guestlist.sources.messages import LONGEST_MESSAGE_ID, Call, Fault

_BLANKS = "\t\n\f\r "
_CALLS = frozenset(call.value for call in Call)
_IDS = ("userId", "anonymousId", "previousId", "groupId")
_OBJECTS = (
    ("traits", Fault.TRAITS_NOT_OBJECT),
    ("properties", Fault.PROPERTIES_NOT_OBJECT),
    ("context", Fault.CONTEXT_NOT_OBJECT),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Mistake:
    """The first thing that is wrong, and in which field."""

    fault: Fault
    field: str


def judge(message: Mapping[str, Any], *, readable_time: bool) -> Mistake | None:
    """What is wrong with a call; None for nothing."""
    return (
        _wrong_type(message)
        or _wrong_ids(message)
        or _wrong_event(message)
        or _wrong_objects(message)
        or _wrong_rest(message, readable_time=readable_time)
    )


def given(value: Any) -> bool:
    """Whether a value says anything: null and blanks do not."""
    return value is not None and not (isinstance(value, str) and not value.strip(_BLANKS))


def _wrong_type(message: Mapping[str, Any]) -> Mistake | None:
    kind = message.get("type")
    if isinstance(kind, str) and kind.lower() in _CALLS:
        return None
    return Mistake(fault=Fault.UNKNOWN_TYPE, field="type")


def _wrong_ids(message: Mapping[str, Any]) -> Mistake | None:
    for key in _IDS:
        if isinstance(message.get(key), dict | list | bool):
            return Mistake(fault=Fault.ID_NOT_STRING, field=key)
    kind, user = message["type"].lower(), given(message.get("userId"))
    if kind == Call.ALIAS:
        for key in ("previousId", "userId"):
            if not given(message.get(key)):
                return Mistake(fault=Fault.ID_REQUIRED, field=key)
    if not user and not given(message.get("anonymousId")):
        return Mistake(fault=Fault.NO_ID, field="userId")
    if kind == Call.GROUP and not given(message.get("groupId")):
        return Mistake(fault=Fault.ID_REQUIRED, field="groupId")
    return None


def _wrong_event(message: Mapping[str, Any]) -> Mistake | None:
    if message["type"].lower() != Call.TRACK:
        return None
    event = message.get("event")
    if event is None or event == "":
        return Mistake(fault=Fault.EVENT_NOT_DEFINED, field="event")
    return None if isinstance(event, str) else Mistake(fault=Fault.EVENT_NOT_STRING, field="event")


def _wrong_objects(message: Mapping[str, Any]) -> Mistake | None:
    for key, fault in _OBJECTS:
        value = message.get(key)
        if value is not None and not isinstance(value, dict):
            return Mistake(fault=fault, field=key)
    return None


def _wrong_rest(message: Mapping[str, Any], *, readable_time: bool) -> Mistake | None:
    if not readable_time:
        return Mistake(fault=Fault.BAD_TIME, field="timestamp")
    message_id = message.get("messageId")
    if isinstance(message_id, str) and len(message_id.strip(_BLANKS)) > LONGEST_MESSAGE_ID:
        return Mistake(fault=Fault.MESSAGE_ID_TOO_LONG, field="messageId")
    return None
