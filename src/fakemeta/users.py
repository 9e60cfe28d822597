"""POST and DELETE /{audience}/users: rows in, people in or out.

Source: developers.facebook.com/docs/marketing-api/reference/custom-audience/users and recorded answers.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from fakemeta.audiences import Audience
from fakemeta.errors import bad_parameter, graph_error, unknown_object
from fakemeta.faults import Fault
from fakemeta.graph import Call
from fakemeta.lists import require_terms
from fakemeta.matching import ALIASES, HASHED, STRONG, WEAK, Hit
from fakemeta.membership import Direction, HistoryEntry, people_of
from fakemeta.sessions import UploadSession, parse_mark
from fakemeta.world import Account, World

MAX_ROWS = 10_000
_MAX_SAMPLES = 100
_SINGLE_KINDS = {
    "EXTERN_ID": "EXTERNAL_IDS",
    "MADID": "MOBILE_ADVERTISER_IDS",
    "MOBILE_ADVERTISER_ID": "MOBILE_ADVERTISER_IDS",
    "UID": "USER_IDS",
    "APPUID": "USER_IDS",
    "PAGEUID": "USER_IDS",
}
_MATCHABLE = frozenset((*STRONG, *WEAK, "EXTERN_ID", *ALIASES))
_OTHER = {
    *("UID", "APPUID", "PAGEUID", "LOOKALIKE_VALUE"),
    *("DATA_PROCESSING_OPTIONS", "DATA_PROCESSING_OPTIONS_COUNTRY", "DATA_PROCESSING_OPTIONS_STATE"),
}
_HEX = re.compile(r"[0-9a-f]{64}")
_MISMATCH = "Data is missing or does not match schema"


@dataclass(frozen=True, kw_only=True, slots=True)
class Upload:
    """The rows of one request. A single-key upload has one-cell rows here."""

    schema: tuple[str, ...]
    rows: list[Sequence[Any]]
    single: bool

    @property
    def kind(self) -> str:
        return _SINGLE_KINDS.get(self.schema[0], "HASHES") if self.single else "MULTI_HASHES"

    def sample_key(self, number: int) -> str:
        """The row as compact JSON: how recorded answers name an invalid entry."""
        row = self.rows[number]
        return str(row[0]) if self.single else orjson.dumps(list(row)).decode()


def users_edge(world: World, call: Call, account: Account, audience: Audience) -> dict[str, Any]:
    if call.method == "POST":
        require_terms(world, account)
        return _write(world, call, account, audience, "add")
    if call.method == "DELETE":
        return _write(world, call, account, audience, "remove")
    raise unknown_object(call.method, audience.id)


def users_of_any_audience(world: World, call: Call, account: Account) -> dict[str, Any]:
    """DELETE act_X/usersofanyaudience: the same rows, removed from every audience of the account."""
    if call.method != "DELETE":
        raise unknown_object(call.method, f"act_{account.id}")
    answers = [_write(world, call, account, audience, "remove") for audience in list(account.audiences.values())]
    return answers[-1] if answers else {"success": True}


def sessions_edge(world: World, call: Call, account: Account, audience: Audience) -> dict[str, Any]:
    wanted = call.text("session_id")
    found = [s for s in account.sessions.of(audience.id) if wanted is None or str(s.id) == wanted]
    completes = world.behaviour.session_stage == "completes"
    return {"data": [session.row(world.clock.now(), completes=completes) for session in found]}


def parse_upload(raw: Any) -> Upload:
    """The `payload` parameter, or code 100 (105 above 10,000 rows)."""
    if not isinstance(raw, dict) or not raw.get("data") or not raw.get("schema"):
        raise bad_parameter(_MISMATCH)
    schema, data = raw["schema"], raw["data"]
    single = isinstance(schema, str)
    keys = (schema,) if single else tuple(str(key) for key in schema)
    if not isinstance(data, list) or not set(keys) <= _MATCHABLE | _OTHER or len(set(keys)) < len(keys):
        raise bad_parameter(_MISMATCH)
    if len(data) > MAX_ROWS:
        raise graph_error(105)
    rows = [(cell,) for cell in data] if single else data
    _check_cells(keys, rows)
    return Upload(schema=keys, rows=rows, single=single)


def _check_cells(keys: Sequence[str], rows: Iterable[Any]) -> None:
    width = len(keys)
    texts = [n for n, key in enumerate(keys) if key in _MATCHABLE]
    for row in rows:
        if not isinstance(row, (list, tuple)) or len(row) != width:
            raise bad_parameter(_MISMATCH)
        for n in texts:
            if type(row[n]) is not str:
                raise bad_parameter(_MISMATCH)


def _write(world: World, call: Call, account: Account, audience: Audience, direction: Direction) -> dict[str, Any]:
    now = world.clock.now()
    if now - audience.created < world.behaviour.new_audience_803_seconds:
        raise graph_error(803, None, "(#803) Some of the aliases you requested do not exist: users")
    _check_state(world, audience, direction, call.fault)
    upload = parse_upload(call.structure("payload"))
    _check_kind(world, audience, upload, direction)
    session = _session(call, account, audience, direction, upload, now)
    closed = session.closed(now)
    if closed is not None and world.behaviour.closed_session == "rejected":
        raise closed
    invalid = _invalid_rows(world, upload, call.fault)
    if closed is None:
        _apply(world, call, account, audience, direction, upload, invalid, session)
    return _answer(world, call, audience, upload, session, invalid)


def _check_state(world: World, audience: Audience, direction: Direction, fault: Fault | None) -> None:
    if fault is not None and fault.do == "refuse_removals" and direction == "remove":
        raise graph_error(200, 1870047)
    if audience.flagged and (direction == "add" or world.behaviour.flagged_removals == "refused"):
        raise graph_error(100, 1713230)


def _check_kind(world: World, audience: Audience, upload: Upload, direction: Direction) -> None:
    """Single- and multi-key uploads do not mix in one audience; whether removals care is a switch."""
    if direction == "add" and audience.value_based and "LOOKALIKE_VALUE" not in upload.schema:
        raise bad_parameter("Value-Based Custom Audience requires LOOKALIKE_VALUE attribute.")
    if audience.kind is None or (direction == "remove" and world.behaviour.remove_schema == "any"):
        return
    if (audience.kind == "MULTI_HASHES") != (upload.kind == "MULTI_HASHES"):
        raise graph_error(
            2650,
            None,
            f"(#2650) Failed to update the custom audience. This audience was created from data source "
            f"FILE_IMPORTED.{audience.kind}, which does not support data source FILE_IMPORTED.{upload.kind}.",
        )


def _session(
    call: Call, account: Account, audience: Audience, direction: Direction, upload: Upload, now: float
) -> UploadSession:
    """The client's session, or the one Meta makes up: recorded ids depend on operation, schema and day only."""
    mark = parse_mark(call.structure("session"))
    if mark is not None:
        session = account.sessions.join(mark, audience.id, direction, now)
        if session.closed(now) is None:
            session.batches.append(mark.batch_seq)
        return session
    seed = f"{direction}:{','.join(upload.schema)}:{int(now // 86_400)}"
    made_up = int(hashlib.sha256(seed.encode()).hexdigest()[:15], 16)
    return UploadSession(id=made_up, audience_id=audience.id, direction=direction, started=now)


def _invalid_rows(world: World, upload: Upload, fault: Fault | None) -> dict[int, str]:
    """Row number -> reason. Only an empty EXTERN_ID is documented by recordings; hashes are looked at when strict."""
    reasons: dict[int, str] = {}
    if "EXTERN_ID" in upload.schema:
        column = upload.schema.index("EXTERN_ID")
        reasons |= {n: "empty external ID" for n, row in enumerate(upload.rows) if not row[column]}
    if world.behaviour.hash_check == "strict":
        columns = [n for n, key in enumerate(upload.schema) if ALIASES.get(key, key) in HASHED]
        reasons |= {n: "invalid hash" for n, row in enumerate(upload.rows) if _badly_hashed(row, columns)}
    if fault is not None and fault.do == "count_invalid":
        reasons |= dict.fromkeys(range(min(fault.count, len(upload.rows))), "invalid entry")
    return reasons


def _badly_hashed(row: Sequence[str], columns: Iterable[int]) -> bool:
    return any(row[n] and not _HEX.fullmatch(row[n]) for n in columns)


def _apply(
    world: World,
    call: Call,
    account: Account,
    audience: Audience,
    direction: Direction,
    upload: Upload,
    invalid: dict[int, str],
    session: UploadSession,
) -> None:
    fault, now = call.fault, world.clock.now()
    rows = _applied_rows(world, upload, invalid, fault)
    per_row = list(world.matcher(account).rows(upload.schema, rows, learn=direction == "add"))
    hits = [hit for row in per_row for hit in row]
    if direction == "remove":
        _check_floor(world, audience, hits)
    matched = sum(1 for row in per_row if row)
    _count(audience, direction, upload, len(invalid), matched)
    session.received += len(upload.rows)
    session.invalid += len(invalid)
    session.matched += matched
    mark = parse_mark(call.structure("session"))
    if mark is not None and mark.last:
        session.ended = now
    audience.settle(now, world.behaviour)
    late = fault.seconds if fault is not None and fault.do == "apply_late" else None
    hold = fault is not None and fault.do == "reorder"
    audience.members.accept(direction, hits, now, world.behaviour, late=late, hold=hold)
    audience.settle(now, world.behaviour)
    entry = HistoryEntry(
        at=now,
        action=direction,
        rows=len(upload.rows),
        invalid=len(invalid),
        people=people_of(hits),
        session_id=str(session.id),
    )
    audience.history.append(entry)


def _applied_rows(
    world: World, upload: Upload, invalid: dict[int, str], fault: Fault | None
) -> Sequence[Sequence[Any]]:
    if not invalid or (fault is not None and fault.do == "count_invalid" and fault.applied):
        return upload.rows
    if world.behaviour.invalid_rows == "batch_refused":
        return []
    return [row for n, row in enumerate(upload.rows) if n not in invalid]


def _check_floor(world: World, audience: Audience, hits: Sequence[Hit]) -> None:
    floor = world.behaviour.removal_floor
    if not floor:
        return
    members = world.members(audience, settled=True)
    left = members.difference(people_of(hits))
    if len(left) < min(floor, len(members)):
        raise graph_error(200, 1870047)


def _count(audience: Audience, direction: Direction, upload: Upload, invalid: int, matched: int) -> None:
    if direction == "add":
        audience.kind = audience.kind or upload.kind
        audience.received += len(upload.rows)
        audience.invalid += invalid
        audience.matched += matched


def _answer(
    world: World, call: Call, audience: Audience, upload: Upload, session: UploadSession, invalid: dict[int, str]
) -> dict[str, Any]:
    behaviour = world.behaviour
    hidden = call.fault is not None and call.fault.do == "count_invalid" and not call.fault.named
    named = [] if hidden else list(invalid.items())[:_MAX_SAMPLES]
    samples: Any = {upload.sample_key(number): reason for number, reason in named}
    if not samples and behaviour.empty_map == "array":
        samples = []
    return {
        "audience_id": audience.id,
        "session_id": str(session.id),
        "num_received": session.received if behaviour.num_received == "session" else len(upload.rows),
        "num_invalid_entries": session.invalid if behaviour.num_invalid == "session" else len(invalid),
        "invalid_entry_samples": samples,
    }
