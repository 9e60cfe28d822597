"""The story: messages become people, people become members of audiences, one function per stage.

    messages --resolve--> identifiers, traits, events --work out--> computed traits --evaluate--> membership

Each function reads named relations of the warehouse and writes named relations; the stages never see each other.
A crash at any point costs the work of one stage: it is done again from what was written before.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

import ibis

from guestlist.audiences.definition import Definition, IdentifierList
from guestlist.audiences.evaluate import AUDIENCE_GROUP, evaluate
from guestlist.audiences.traits.definition import TraitDefinition
from guestlist.audiences.traits.working import Ways, keep_traits
from guestlist.errors import GuestlistError
from guestlist.profiles import identity
from guestlist.profiles.events import renew_events, write_events
from guestlist.profiles.extending import extend
from guestlist.profiles.external import renew_external, write_external
from guestlist.profiles.identity import Known
from guestlist.profiles.lookup import normal_values, owners
from guestlist.profiles.rules import IdentityRules
from guestlist.profiles.stays import follow_survivors
from guestlist.profiles.traits import renew_traits, traits
from guestlist.profiles.withdrawn import holding, note_lapsed, take_back, untold
from guestlist.sources.landing import number_messages
from guestlist.store import Table, Warehouse
from guestlist.store.in_memory import in_memory

_NEW_SHARE = 0.1
_UNORDERED_SHARE = 0.1
_RESOLVED = {
    "messages": "int64",
    "rules": "string",
    "ordinal": "int64",
    "kinds": "array<string>",
    "unordered": "int64",
}


@dataclass(frozen=True, kw_only=True)
class _Resolved:
    """What people were last found from; `unordered`: events added since events were last put in order."""

    messages: int
    rules: str
    known: Known
    unordered: int


def resolve(warehouse: Warehouse, rules: IdentityRules, *, fingerprint: str, unify_spellings: bool = False) -> bool:
    """Who is who, what is known of them, what they did; nothing is done when neither messages nor rules changed.

    `fingerprint` names the rules. Says whether it did anything.
    """
    if not warehouse.count("message"):
        return False
    number_messages(warehouse)
    last, messages = _resolved(warehouse), warehouse.count("message")
    newest = identity.newest(warehouse)
    same = last is not None and (last.messages, last.known.ordinal, last.rules) == (messages, newest, fingerprint)
    if same and not untold(warehouse):
        return False
    if last and last.rules == fingerprint and _may_extend(warehouse, last, messages):
        with warehouse.transaction():
            if _extend(warehouse, rules, last, messages, unify_spellings=unify_spellings):
                return True
    _resolve_all(warehouse, rules, fingerprint, unify_spellings=unify_spellings)
    return True


def _may_extend(warehouse: Warehouse, last: _Resolved, messages: int) -> bool:
    """Nothing may be gone since; and where much is new, all is read faster in one go."""
    message = warehouse.table("message")
    new = int(warehouse.read(message.filter(message.ordinal > last.known.ordinal).count()).as_py())
    return last.messages + new == messages and new <= _NEW_SHARE * messages


def _extend(
    warehouse: Warehouse, rules: IdentityRules, last: _Resolved, messages: int, *, unify_spellings: bool
) -> bool:
    """Take in new messages alone, and what was withdrawn; says whether that can be done."""
    moved = extend(warehouse, rules, last.known)
    if moved is None:
        return False
    message = holding(warehouse)
    renew_traits(warehouse, message, moved.owner, moved.changed, unify_spellings=unify_spellings)
    renew_external(warehouse, message, moved.changed)
    unordered = last.unordered + renew_events(warehouse, message, moved.changed)
    if unordered > _UNORDERED_SHARE * messages:
        warehouse.replace("event", warehouse.table("event").order_by("event", "at"))
        unordered = 0
    if untold(warehouse):
        take_back(warehouse, unify_spellings=unify_spellings)
    note_lapsed(warehouse)
    follow_survivors(warehouse, moved.alias)
    done = replace(last, messages=messages, known=moved.known, unordered=unordered)
    _note(warehouse, done)
    return True


def _resolve_all(warehouse: Warehouse, rules: IdentityRules, fingerprint: str, *, unify_spellings: bool) -> None:
    # Until all is written, what is there is no place to begin from.
    warehouse.drop("resolved")
    found = identity.work_out(warehouse, rules)
    with warehouse.transaction():
        identity.write(warehouse, found)
        message, whose = holding(warehouse), warehouse.table("message_profile")
        warehouse.replace("trait", traits(message, whose, warehouse.materialise, unify_spellings=unify_spellings))
        write_events(warehouse, message, whose)
        note_lapsed(warehouse)
        write_external(warehouse, message, whose)
        follow_survivors(warehouse, warehouse.table("alias"))
        _note(
            warehouse, _Resolved(messages=warehouse.count("message"), rules=fingerprint, known=found.known, unordered=0)
        )


def _note(warehouse: Warehouse, done: _Resolved) -> None:
    told = {
        "messages": done.messages,
        "rules": done.rules,
        "ordinal": done.known.ordinal,
        "kinds": list(done.known.kinds),
        "unordered": done.unordered,
    }
    warehouse.replace("resolved", in_memory([told], schema=_RESOLVED))


def resolved_mark(warehouse: Warehouse) -> str | None:
    """Names what people were last found from; differs whenever they were found anew."""
    resolved = _resolved(warehouse)
    return None if resolved is None else f"{resolved.messages} {resolved.known.ordinal} {resolved.rules}"


def resolved_under(warehouse: Warehouse) -> str | None:
    """The fingerprint of the rules by which people were last found; None where there is no place to go on from."""
    resolved = _resolved(warehouse)
    return None if resolved is None else resolved.rules


def _resolved(warehouse: Warehouse) -> _Resolved | None:
    # Earlier versions left other relations to begin from: there all is read anew.
    begun_from = ("resolved", "message_owner", "external_membership")
    if not all(map(warehouse.has, begun_from)):
        return None
    for row in warehouse.read(warehouse.table("resolved")).to_pylist():
        known = Known(ordinal=row["ordinal"], kinds=tuple(row["kinds"]))
        return _Resolved(messages=row["messages"], rules=row["rules"], known=known, unordered=row["unordered"])
    return None


def traits_then(
    warehouse: Warehouse, at: datetime, *, profile_id: str | None = None, unify_spellings: bool = False
) -> Table:
    """Relation `trait` as it was at an instant gone by, of everybody or of one person; ends with this process."""
    message, whose = holding(warehouse, at=at), warehouse.table("message_profile")
    if profile_id is not None:
        whose = whose.filter(whose.profile_id == profile_id)
        message = message.semi_join(whose, "ordinal")
    said = message.filter(message["at"] <= ibis.literal(at, "timestamp('UTC')"))
    found = traits(said, whose, warehouse.materialise, unify_spellings=unify_spellings)
    return warehouse.materialise("trait_then", found)


def find_owners(warehouse: Warehouse, rules: IdentityRules, rows: Table, column: str, kind: str) -> tuple[Table, Table]:
    """Of a column of identifiers: what can be read (raw, value), and whose it is (raw, profile_id, known_since)."""
    values = normal_values(rows, column, kind, rules, warehouse.materialise)
    whose = owners(values, kind, warehouse.table("identifier"), warehouse.table("alias"))
    return values, warehouse.materialise("values_owned", whose)


def find_traits(
    warehouse: Warehouse, traits: Sequence[TraitDefinition], ways: Ways, *, at: datetime, zone: ZoneInfo
) -> Mapping[str, GuestlistError]:
    """Bring the traits that are worked out up to this instant; gives those whose query failed, which are as before."""
    return keep_traits(warehouse, traits, at, zone, ways)


def find_members(
    warehouse: Warehouse,
    definitions: Iterable[Definition],
    *,
    at: datetime,
    zone: ZoneInfo,
    lists: Mapping[IdentifierList, Table] | None = None,
) -> tuple[Definition, ...]:
    """Bring the membership of every audience up to this instant; gives the audiences in the order of evaluation."""
    with warehouse.transaction():
        _keep_groups(warehouse)
        return tuple(evaluate(warehouse, definitions, at, zone, lists))


def _keep_groups(warehouse: Warehouse) -> None:
    """Of people who became one, the group that was drawn first is the group of all of them."""
    if not warehouse.has("audience_group"):
        return
    drawn, alias = warehouse.table("audience_group"), warehouse.table("alias")
    merged = drawn.semi_join(alias.filter(alias.profile_id != alias.survivor), "profile_id")
    if not warehouse.read(merged.limit(1)).num_rows:
        return
    told = drawn.left_join(alias, "profile_id")
    told = told.select("audience", "name", "drawn_at", profile_id=ibis.coalesce(told.survivor, told.profile_id))
    first = told.group_by("audience", "profile_id").aggregate(
        name=told.name.argmin(told.drawn_at), drawn_at=told.drawn_at.min()
    )
    warehouse.replace("audience_group", first.select(*AUDIENCE_GROUP))
