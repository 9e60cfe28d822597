"""Meta's answers, read once and typed: what a request came to, and what it said."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import orjson

from guestlist.destinations.meta.pace import Usage
from guestlist.destinations.meta.verdicts import Rule, verdict_of

_PLAIN = re.compile(r"[A-Za-z][A-Za-z ,.'-]{0,79}")
_TRACE = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NO_REASON = "declined"


class Outcome(Enum):
    """What became of a request; everything that is not certain is `UNKNOWN`."""

    APPLIED = "applied"
    REFUSED = "refused"  # Meta said no in a way that proves nothing was done
    UNKNOWN = "unknown"  # it may have been done
    NOT_SENT = "not sent"  # not one byte of it reached Meta


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One answer. `rule` says what to do where Meta named an error; `cause` names a failure of the connection."""

    outcome: Outcome
    body: Mapping[str, Any] = field(default_factory=dict, repr=False)
    rule: Rule | None = None
    trace: str | None = None
    usage: Usage = field(default_factory=Usage)
    cause: str | None = None
    simulator_gone: str | None = None  # the address on this machine at which a simulated Meta is not there any more
    status: int | None = None  # of HTTP; says nothing about what was done


@dataclass(frozen=True, kw_only=True)
class UsersAnswer:
    """What Meta took of an upload. The counts are Meta's, within a session cumulative; `named` maps row to reason."""

    session_id: str
    received: int
    invalid: int
    named: Mapping[int, str]


@dataclass(frozen=True, kw_only=True)
class Audience:
    """A Custom Audience as Meta shows it; sizes are bounds, None while Meta has none.

    `account` is whose it is, and it can be edited there, where that was asked for.
    """

    id: str
    name: str
    subtype: str
    lower: int | None
    upper: int | None
    created: int
    operation_code: int
    operation_text: str
    delivery_code: int
    delivery_text: str
    account: str = ""
    can_edit: bool = True


@dataclass(frozen=True, kw_only=True)
class Account:
    """An ad account. `business`: the name of the business it belongs to, None for a person's own.

    `tasks`: what the token's user may do there, None where Meta does not say.
    """

    id: str
    name: str
    status: int
    currency: str
    time_zone: str
    list_terms_accepted: bool
    business: str | None
    tasks: frozenset[str] | None


@dataclass(frozen=True, kw_only=True)
class TokenFacts:
    """`expires_at` and `data_access_ends_at` in seconds since 1970, None for never."""

    valid: bool
    kind: str
    scopes: frozenset[str]
    expires_at: int | None
    subcode: int | None = None
    data_access_ends_at: int | None = None


def read_body(content: bytes, status: int, usage: Usage) -> Reply:
    """The answer as it was read in full. HTML, cut-off JSON, redirects and 5xx never prove anything."""
    body = _json_object(content)
    if body is None:
        return Reply(outcome=Outcome.UNKNOWN, usage=usage, cause="unreadable answer")
    if body.get("error"):
        return _read_error(body["error"], status, usage)
    if 200 <= status < 300:
        return Reply(outcome=Outcome.APPLIED, body=body, usage=usage)
    return Reply(outcome=Outcome.UNKNOWN, usage=usage, cause=f"HTTP {status} without an error")


def _read_error(error: Any, status: int, usage: Usage) -> Reply:
    if not isinstance(error, dict) or (code := _integer(error.get("code"))) is None:
        return Reply(outcome=Outcome.UNKNOWN, usage=usage, cause="error without a code")
    rule = verdict_of(code, _subcode(error))
    certain = not rule.maybe_done and status < 500
    trace = error.get("fbtrace_id")
    return Reply(
        outcome=Outcome.REFUSED if certain else Outcome.UNKNOWN,
        rule=rule,
        trace=trace if isinstance(trace, str) and _TRACE.fullmatch(trace) else None,
        usage=usage,
    )


def _subcode(error: Mapping[str, Any]) -> int | None:
    """Where it usually is, else within `error_data`, which comes as an object or as JSON text."""
    direct = _integer(error.get("error_subcode"))
    if direct is not None:
        return direct
    data = error.get("error_data")
    if isinstance(data, str):
        data = _json_object(data.encode())
    return _integer(data.get("error_subcode")) if isinstance(data, dict) else None


def read_users(reply: Reply, rows: Sequence[str]) -> UsersAnswer | None:
    """The counts of an upload of these rows, None where they are missing: then the answer is not to be trusted."""
    received = _integer(reply.body.get("num_received"))
    invalid = _integer(reply.body.get("num_invalid_entries"))
    if received is None or invalid is None:
        return None
    samples = reply.body.get("invalid_entry_samples")
    return UsersAnswer(
        session_id=str(reply.body.get("session_id", "")),
        received=received,
        invalid=invalid,
        named=_name_rows(samples, rows) if isinstance(samples, dict) else {},  # an empty map may come as []
    )


def _name_rows(samples: Mapping[str, Any], rows: Sequence[str]) -> dict[int, str]:
    """Samples name a row by its cells; from here on only its number and a harmless reason are known."""
    reasons = {tuple(cells): reason for key, reason in samples.items() if isinstance(cells := _cells(key), list)}
    if not reasons:
        return {}
    found = ((number, cells, reasons.get(tuple(cells))) for number, cells in enumerate(map(orjson.loads, rows)))
    return {number: _harmless(reason, cells) for number, cells, reason in found if reason is not None}


def _cells(key: str) -> Any:
    try:
        cells = orjson.loads(key)
    except orjson.JSONDecodeError:
        return None
    return cells if isinstance(cells, list) and all(isinstance(cell, str | int | float) for cell in cells) else None


def _harmless(reason: Any, row: Sequence[Any]) -> str:
    """Meta's reason, unless it could hold a value of the row."""
    if not isinstance(reason, str) or not _PLAIN.fullmatch(reason):
        return _NO_REASON
    lower = reason.lower()
    return _NO_REASON if any(str(cell) and str(cell).lower() in lower for cell in row) else reason


def read_audience(body: Mapping[str, Any]) -> Audience:
    operation, delivery = _object(body.get("operation_status")), _object(body.get("delivery_status"))
    return Audience(
        id=str(body.get("id", "")),
        name=str(body.get("name", "")),
        subtype=str(body.get("subtype", "")),
        lower=_bound(body.get("approximate_count_lower_bound")),
        upper=_bound(body.get("approximate_count_upper_bound")),
        created=_integer(body.get("time_created")) or 0,
        operation_code=_integer(operation.get("code")) or 0,
        operation_text=str(operation.get("description", "")),
        delivery_code=_integer(delivery.get("code")) or 0,
        delivery_text=str(delivery.get("description", "")),
        account=f"act_{body['account_id']}" if body.get("account_id") else "",
        can_edit=str(_object(body.get("permission_for_actions")).get("can_edit", True)).lower() != "false",
    )


def read_account(body: Mapping[str, Any]) -> Account:
    terms = _object(body.get("tos_accepted"))
    return Account(
        id=str(body.get("id", "")),
        name=str(body.get("name", "")),
        status=_integer(body.get("account_status")) or 0,
        currency=str(body.get("currency", "")),
        time_zone=str(body.get("timezone_name", "")),
        list_terms_accepted=bool(_integer(terms.get("custom_audience_tos"))),
        business=_object(body.get("business")).get("name"),
        tasks=frozenset(map(str, tasks)) if isinstance(tasks := body.get("user_tasks"), list) else None,
    )


def read_token(body: Mapping[str, Any]) -> TokenFacts:
    data = _object(body.get("data"))
    scopes = data.get("scopes")
    return TokenFacts(
        valid=data.get("is_valid") is True,
        kind=str(data.get("type", "")),
        scopes=frozenset(map(str, scopes)) if isinstance(scopes, list) else frozenset(),
        expires_at=_integer(data.get("expires_at")) or None,
        subcode=_integer(_object(data.get("error")).get("subcode")),
        data_access_ends_at=_integer(data.get("data_access_expires_at")) or None,
    )


def _json_object(content: bytes) -> dict[str, Any] | None:
    try:
        parsed = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    return parsed if isinstance(parsed, dict) else None


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _integer(value: Any) -> int | None:
    """Meta writes numbers as numbers or as text."""
    try:
        return int(value) if isinstance(value, int | str) else None
    except ValueError:
        return None


def _bound(value: Any) -> int | None:
    number = _integer(value)
    return None if number is None or number < 0 else number
