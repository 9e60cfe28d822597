"""The story: messages become people, people become members of audiences, one function per stage.

    messages --resolve--> identifiers, traits, events --work out--> computed traits --evaluate--> membership

Each function reads named relations of the warehouse and writes named relations; the stages never see each other.
A crash at any point costs the work of one stage: it is done again from what was written before.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import ibis

from guestlist.audiences.definition import Definition, IdentifierList
from guestlist.audiences.evaluate import AUDIENCE_GROUP, evaluate
from guestlist.audiences.traits.definition import TraitDefinition
from guestlist.audiences.traits.working import Ways, keep_traits
from guestlist.errors import GuestlistError
from guestlist.profiles.events import events
from guestlist.profiles.identity import Identity
from guestlist.profiles.identity import resolve as resolve_identity
from guestlist.profiles.lookup import normal_values, owners
from guestlist.profiles.rules import IdentityRules, Normaliser
from guestlist.profiles.traits import traits
from guestlist.store import Table, Warehouse
from guestlist.values.country import read_country
from guestlist.values.email import read_email
from guestlist.values.phone import read_phone

_RESOLVED = {"messages": "int64", "rules": "string"}
_MEMBERSHIP = {
    "audience": "string",
    "profile_id": "string",
    "entered_at": "timestamp('UTC')",
    "exited_at": "timestamp('UTC')",
}
# Already its own normal form: lower-case ASCII with one @ and a dotted domain whose last label holds a letter.
_PLAIN_EMAIL = r"^[a-z0-9_%+-]+(\.[a-z0-9_%+-]+)*@([a-z0-9-]+\.)+[a-z]{2,}$"
_UUID = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"


def identity_rules(country: str | None, salt: str) -> IdentityRules:
    """The rules of a space: values are compared as they are sent, phones read with the person's or the space's country."""

    def phone(text: str, told: str) -> str | None:
        person = read_country(told).normal or "" if told else ""
        return read_phone(text, person, (country or "").lower()).normal or None

    return IdentityRules(
        salt=salt,
        normalisers={
            "email": Normaliser(rule=_email, plain=_PLAIN_EMAIL),
            "phone": Normaliser(rule=phone),
            "ios.idfa": Normaliser(rule=_mobile_id, plain=_UUID),
            "android.idfa": Normaliser(rule=_mobile_id, plain=_UUID),
        },
    )


def _email(text: str, _country: str) -> str | None:
    return read_email(text).normal or None


def _mobile_id(text: str, _country: str) -> str:
    return text.strip().lower()


def resolve(warehouse: Warehouse, rules: IdentityRules, *, fingerprint: str, unify_spellings: bool = False) -> bool:
    """Who is who, what is known of them, what they did; nothing is done when neither messages nor rules changed.

    `fingerprint` names the rules. All relations change in one transaction. Says whether it did anything.
    """
    messages = warehouse.count("message")
    if not messages or _resolved(warehouse) == (messages, fingerprint):
        return False
    with warehouse.transaction():
        identity = resolve_identity(warehouse.table("identifier_use"), rules, warehouse.materialise)
        _write_people(warehouse, identity, unify_spellings=unify_spellings)
        done = ibis.memtable({"messages": [messages], "rules": [fingerprint]}, schema=_RESOLVED)
        warehouse.replace("resolved", done)
    return True


def resolved_mark(warehouse: Warehouse) -> str | None:
    """Names what people were last found from; differs whenever they were found anew."""
    resolved = _resolved(warehouse)
    return None if resolved is None else f"{resolved[0]} {resolved[1]}"


def _resolved(warehouse: Warehouse) -> tuple[int, str] | None:
    if not warehouse.has("resolved"):
        return None
    rows = warehouse.read(warehouse.table("resolved")).to_pylist()
    return (rows[0]["messages"], rows[0]["rules"]) if rows else None


def _write_people(warehouse: Warehouse, identity: Identity, *, unify_spellings: bool) -> None:
    for name in ("identifier", "alias", "message_profile", "identity_decision"):
        warehouse.replace(name, getattr(identity, name))
    message, whose = warehouse.table("message"), warehouse.table("message_profile")
    warehouse.replace("trait", traits(message, whose, warehouse.materialise, unify_spellings=unify_spellings))
    warehouse.replace("event", events(message, whose).order_by("event", "at"))
    _follow_survivors(warehouse)


def _follow_survivors(warehouse: Warehouse) -> None:
    """Stays of people who merged become stays of the survivor: the earliest entry, ended only if all have ended."""
    warehouse.create("membership", _MEMBERSHIP)
    stays, alias = warehouse.table("membership"), warehouse.table("alias")
    told = stays.left_join(alias, "profile_id")
    told = told.select(
        "audience", "entered_at", "exited_at", profile_id=ibis.coalesce(told.survivor, told.profile_id)
    ).distinct()
    inside = told.filter(told.exited_at.isnull())
    now_in = inside.group_by("audience", "profile_id").aggregate(
        entered_at=inside.entered_at.min(), exited_at=inside.exited_at.max()
    )
    past = told.filter(told.exited_at.notnull()).group_by("audience", "profile_id", "entered_at")
    ended = past.aggregate(exited_at=told.exited_at.max()).anti_join(now_in, ["audience", "profile_id", "entered_at"])
    columns = tuple(_MEMBERSHIP)
    warehouse.replace("membership", now_in.select(*columns).union(ended.select(*columns)))


def traits_then(
    warehouse: Warehouse, at: datetime, *, profile_id: str | None = None, unify_spellings: bool = False
) -> Table:
    """Relation `trait` as it was at an instant gone by, of everybody or of one person; ends with this process."""
    message, whose = warehouse.table("message"), warehouse.table("message_profile")
    if profile_id is not None:
        whose = whose.filter(whose.profile_id == profile_id)
        message = message.semi_join(whose, ["source", "message_id"])
    said = message.filter(message["at"] <= ibis.literal(at, "timestamp('UTC')"))
    found = traits(said, whose, warehouse.materialise, unify_spellings=unify_spellings)
    return warehouse.materialise("trait_then", found)


def find_owners(warehouse: Warehouse, rules: IdentityRules, rows: Table, column: str, kind: str) -> tuple[Table, Table]:
    """Of a column of identifiers the values that can be read (raw, value), and whose they are (raw, profile_id)."""
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
