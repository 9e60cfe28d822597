"""The tracking spec: six calls, what each must carry, and how a line of JSON is read as one."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import ibis

from guestlist.sources.times import instant_of
from guestlist.store import Table
from guestlist.store.functions import json_kind, json_part, json_text, with_fields
from guestlist.values.email import SEPARATORS
from guestlist.values.engage import COMPUTATION, KEY_PROPERTY, MOBILE, MOVES

LONGEST_MESSAGE_ID = 100
PAGE_VIEWED, SCREEN_VIEWED = "Page Viewed", "Screen Viewed"

MESSAGE = {
    "source": "string",
    "message_id": "string",
    "type": "string",
    "event": "string",
    "at": "timestamp('UTC')",
    "received_at": "timestamp('UTC')",
    "user_id": "string",
    "anonymous_id": "string",
    "previous_id": "string",
    "group_id": "string",
    "traits": "string",
    "properties": "string",
    "context": "string",
    "ordinal": "int64",
}
"""Key (source, message_id); `ordinal`, the place of arrival, is unique too."""
READ = tuple(name for name in MESSAGE if name not in {"source", "received_at", "ordinal"})
"""The columns that a reader makes of a line; beside them `line`, `field`, `reason`, `value` and `content`."""
IDENTIFIER_USE = {
    "source": "string",
    "message_id": "string",
    "type": "string",
    "value": "string",
    "country": "string",
    "at": "timestamp('UTC')",
    "ordinal": "int64",
}
"""One identifier in one message, as it was given but for outer blanks.

`country` is the person's as the message tells it: a local phone number means nothing without one. `ordinal` is the
message's place of arrival.
"""
_COUNTRY = (("country_code",), ("countryCode",), ("country",), ("address", "country"), ("address", "country_code"))


class Call(StrEnum):
    """The calls of the tracking spec."""

    IDENTIFY = "identify"
    TRACK = "track"
    PAGE = "page"
    SCREEN = "screen"
    GROUP = "group"
    ALIAS = "alias"


class Fault(StrEnum):
    """Why a line that could be read is no message. Codes never change once published."""

    BAD_JSON = "bad_json"
    UNKNOWN_TYPE = "unknown_type"
    NO_ID = "no_user_anon_id"
    ID_REQUIRED = "id_required"
    ID_NOT_STRING = "id_not_string"
    EVENT_NOT_DEFINED = "event_not_defined"
    EVENT_NOT_STRING = "event_not_string"
    TRAITS_NOT_OBJECT = "traits_not_object"
    PROPERTIES_NOT_OBJECT = "properties_not_object"
    CONTEXT_NOT_OBJECT = "context_not_object"
    BAD_TIME = "bad_time"
    MESSAGE_ID_TOO_LONG = "message_id_too_long"
    WITHHELD = "withheld_by_integrations"


_NOT_OBJECT = {
    "traits": Fault.TRAITS_NOT_OBJECT,
    "properties": Fault.PROPERTIES_NOT_OBJECT,
    "context": Fault.CONTEXT_NOT_OBJECT,
}
_IDS = {"userId": "user_id", "anonymousId": "anonymous_id", "previousId": "previous_id", "groupId": "group_id"}
_TIMES = ("timestamp", "originalTimestamp", "sentAt")
_META = (
    "Facebook Custom Audiences",
    "Facebook Custom Audiences (Actions)",
    "PERSONAS - Facebook Ads",
    "Personas Facebook Custom Audiences",
)
"""What a message's `integrations` may call the destination."""


def read_messages(lines: Table, zone: str) -> Table:
    """Lines of JSON (`line`, `json`) as messages; `reason` says why a line is none, and `field` where."""
    document = lines.json.try_cast("json")
    read = lines.select(
        "line",
        content=lines.json,
        whole=json_kind(document),
        type=json_text(document, "type").lower(),
        given_event=json_text(document, "event"),
        name=json_text(document, "name"),
        category=json_text(document, "category"),
        message_id=_given(json_text(document, "messageId")),
        time=_given(ibis.coalesce(*(json_text(document, key) for key in _TIMES))),
        event_kind=json_kind(document, "event"),
        integrations=json_part(document, "integrations"),
        **{name: _given(json_text(document, key)) for key, name in _IDS.items()},
        **{f"{name}_kind": json_kind(document, key) for key, name in _IDS.items()},
        **{name: json_part(document, name) for name in _NOT_OBJECT},
        **{f"{name}_kind": json_kind(document, name) for name in _NOT_OBJECT},
    )
    read = read.mutate(at=instant_of(read.time, zone, None))
    return _shaped(read.mutate(**judged_by(_faults(read))))


def judged_by(faults: Sequence[tuple[Any, str, str, Any]]) -> dict[str, Any]:
    """`reason`, `field` and `value` of the first fault (condition, reason, field, value) that a line has."""
    return {
        "reason": ibis.cases(*((condition, reason) for condition, reason, _, _ in faults), else_=ibis.null("string")),
        "field": ibis.cases(*((condition, field) for condition, _, field, _ in faults), else_=""),
        "value": ibis.cases(*((condition, value) for condition, _, _, value in faults), else_=""),
    }


def _given(text: Any) -> Any:
    return text.re_replace(r"^\s+|\s+$", "").nullif("")


def _faults(read: Table) -> list[tuple[Any, str, str, Any]]:
    alias, group = read.type == Call.ALIAS.value, read.type == Call.GROUP.value
    track = read.type == Call.TRACK.value
    nothing = ibis.literal("")
    return [
        ((read.whole != "object") | read.whole.isnull(), Fault.BAD_JSON, "", nothing),
        (read.type.isnull() | read.type.notin([call.value for call in Call]), Fault.UNKNOWN_TYPE, "type", read.type),
        *(
            (read[f"{name}_kind"].isin(["object", "array", "boolean"]), Fault.ID_NOT_STRING, key, nothing)
            for key, name in _IDS.items()
        ),
        (alias & read.previous_id.isnull(), Fault.ID_REQUIRED, "previousId", nothing),
        (alias & read.user_id.isnull(), Fault.ID_REQUIRED, "userId", nothing),
        (read.user_id.isnull() & read.anonymous_id.isnull(), Fault.NO_ID, "userId", nothing),
        (group & read.group_id.isnull(), Fault.ID_REQUIRED, "groupId", nothing),
        (track & (read.given_event.fill_null("") == ""), Fault.EVENT_NOT_DEFINED, "event", nothing),
        (track & (read.event_kind != "string"), Fault.EVENT_NOT_STRING, "event", read.given_event),
        *(
            (read[f"{name}_kind"].notin(["object", "null"]), fault, name, nothing)
            for name, fault in _NOT_OBJECT.items()
        ),
        (read.time.notnull() & read.at.isnull(), Fault.BAD_TIME, "timestamp", read.time),
        (read.message_id.length() > LONGEST_MESSAGE_ID, Fault.MESSAGE_ID_TOO_LONG, "messageId", nothing),
        (
            _withheld(read.integrations.try_cast("json"), _from_engage(read.context)),
            Fault.WITHHELD,
            "integrations",
            nothing,
        ),
    ]


def _from_engage(context: Any) -> Any:
    # To look for a text is cheaper than to read a document, and most messages have none.
    named = context.contains(f'"{COMPUTATION}"')
    return named.ifelse(json_kind(context.try_cast("json"), COMPUTATION) == "object", False).fill_null(False)


def _withheld(integrations: Any, from_engage: Any) -> Any:
    """Whether a message may not go to Meta: the destination is named and off, or it is not named and all are off.

    Engage sends each call to one destination, names that one and turns all others off: what came here was meant for
    here, whatever Engage calls it.
    """
    on, off = ibis.literal(False), ibis.literal(False)
    for name in _META:
        kind = json_kind(integrations, name).fill_null("null")
        refused = (kind == "boolean") & (json_text(integrations, name) == "false")
        on, off = on | ((kind != "null") & ~refused), off | refused
    every = json_kind(integrations, "All").fill_null("null") == "boolean"
    none = every & (json_text(integrations, "All") == "false")
    return (~on & (off | (none & ~from_engage))).fill_null(False)


def _shaped(read: Table) -> Table:
    views: Mapping[str, str] = {Call.PAGE.value: PAGE_VIEWED, Call.SCREEN.value: SCREEN_VIEWED}
    is_view = read.type.isin(list(views))
    named = with_fields(read.properties.fill_null("{}"), {"name": read.name, "category": read.category})
    shaped = read.mutate(
        event=read.type.cases(*views.items(), (Call.TRACK.value, read.given_event), else_=ibis.null("string")),
        properties=is_view.ifelse(named, read.properties),
    )
    objects = {name: (shaped[f"{name}_kind"] == "object").ifelse(shaped[name], "{}") for name in _NOT_OBJECT}
    objects["properties"] = (is_view | (shaped.properties_kind == "object")).ifelse(shaped.properties, "{}")
    shaped = shaped.mutate(**{name: text.fill_null("{}") for name, text in objects.items()})
    return shaped.select("line", "content", "reason", "field", "value", *READ)


def identifier_uses(messages: Table) -> Table:
    """Every identifier in messages that have landed (with `ordinal`): type and value as given, each e-mail by itself."""
    context, traits = messages.context.cast("json"), messages.traits.cast("json")
    device = json_text(context, "device", "type").lower()
    tracking_off = json_text(context, "device", "adTrackingEnabled") == "false"
    advertising = tracking_off.fill_null(False).ifelse(
        ibis.null("string"), json_text(context, "device", "advertisingId")
    )
    # The traits of a group call are the group's: its e-mail address belongs to no person.
    own = messages.type == Call.IDENTIFY.value
    nothing = ibis.null("string")
    found = {
        "user_id": messages.user_id,
        "anonymous_id": messages.anonymous_id,
        **{key: own.ifelse(json_text(traits, key), nothing) for key in ("email", "phone")},
        "ios.idfa": (device == "ios").ifelse(advertising, nothing),
        "android.idfa": (device == "android").ifelse(advertising, nothing),
    }
    places = [json_text(traits, *path) for path in _COUNTRY] + [
        json_text(context, "traits", *path) for path in _COUNTRY
    ]
    placed = messages.mutate(country=ibis.coalesce(*map(_given, places)))
    parts = [_uses(placed, type_, value) for type_, value in found.items()]
    parts += [_uses(placed, key, json_text(context, "traits", key)) for key in ("email", "phone")]
    parts += [_uses(_of_audiences(placed), type_, value) for type_, value in _enriched(_of_audiences(placed))]
    return ibis.union(*parts, _external_uses(messages), distinct=True)


def _of_audiences(messages: Table) -> Table:
    """Calls by which Engage tells who is in its audiences."""
    keyed = json_text(messages.properties.cast("json"), KEY_PROPERTY).notnull()
    return messages.filter(_from_engage(messages.context) | messages.event.isin(MOVES).ifelse(keyed, False))


def _enriched(messages: Table) -> list[tuple[str, Any]]:
    """Identifiers that Engage was told to add: among the properties of a track call, the traits of an identify call."""
    own = messages.type == Call.IDENTIFY.value
    added = own.ifelse(messages.traits, messages.properties).cast("json")
    found = [(type_, json_text(added, name)) for name, type_ in MOBILE.items()]
    return found + [(key, own.ifelse(ibis.null("string"), json_text(added, key))) for key in ("email", "phone")]


def _uses(messages: Table, type_: Any, value: Any) -> Table:
    value = value.re_split(SEPARATORS).unnest() if type_ == "email" else value
    named = messages.select("source", "message_id", "at", "ordinal", "country", type=ibis.literal(type_), value=value)
    named = named.mutate(value=_given(named.value))
    return named.filter(named.value.notnull()).select(*IDENTIFIER_USE)


def _external_uses(messages: Table) -> Table:
    listed = json_part(messages.context.cast("json"), "externalIds")
    some = messages.mutate(listed=listed.cast("json")).filter(listed.notnull())
    each = some.select("source", "message_id", "at", "ordinal", item=some.listed.array.unnest())
    named = each.select(
        "source",
        "message_id",
        "at",
        "ordinal",
        type=_given(json_text(each.item, "type")).lower(),
        value=_given(json_text(each.item, "id")),
        collection=json_text(each.item, "collection").fill_null("users"),
        country=ibis.null("string"),
    )
    kept = named.filter(named.type.notnull(), named.value.notnull(), named.collection == "users")
    others, addresses = kept.filter(kept.type != "email"), kept.filter(kept.type == "email")
    return others.select(*IDENTIFIER_USE).union(_uses(addresses, "email", addresses.value))
