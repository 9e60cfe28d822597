"""From profiles to rows, and from members to what is wanted at Meta.

Rows are made once for each changed profile and destination, not once for each sync. A profile counts as changed when
its fingerprint (over all traits and identifiers that can reach a row), the settings or the do-not-send list differ
from those its rows were made under.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import ibis
import orjson
import pyarrow as pa

from guestlist.destinations.meta.columns import Table, grow_forms, prepare_rows
from guestlist.destinations.meta.flags import FLAGGED, flagged
from guestlist.destinations.meta.forms import FORM_SCHEMA
from guestlist.destinations.meta.keymask import KEY_COLUMNS
from guestlist.destinations.meta.manifest import KEYS, Key
from guestlist.destinations.meta.match_keys import RULES_VERSION, MatchKeySettings
from guestlist.destinations.meta.profile_table import held_traits, present_traits, profile_table, used
from guestlist.destinations.meta.refusals import DoNotSend, Refusal, fetched, split_off, withdraw
from guestlist.destinations.meta.relations import KEY, LISTED_KEY, WANTED, WANTED_PERSON
from guestlist.destinations.meta.row_keys import key_columns
from guestlist.store.engine import Warehouse
from guestlist.store.in_memory import no_lines
from guestlist.store.ledger import Ledger
from guestlist.values.reading import Reason

KEY_OF_ROW = {kind: f"key_{kind}" for kind in KEY_COLUMNS}
"""The columns of relation `row` that hold the keys: EMAIL is the cell, key_email the key."""
ROW = {
    "destination": "string",
    "row_key": KEY,
    **dict.fromkeys(KEYS, "string"),
    **dict.fromkeys(KEY_OF_ROW.values(), KEY),
    "rules_version": "int32",
}
PROFILE_ROW = {
    "destination": "string",
    "profile_id": "string",
    "n": "int32",
    "row_key": KEY,
    "cannot": "string",  # null | has_none | only_unusable
    "fingerprint": "int64",
    "made_under": "string",
}
BLANK_CELL = {"destination": "string", "profile_id": "string", "key": "string", "reason": "string"}
_LARGE = (
    "new_rows",
    "rows_without_refused",
    "rows_settled",
    "changed_profiles",
    "wide_profiles",
    "fingerprints",
    "refused_of_people",
)
"""What takes memory until it is let go; delivery needs it more."""
SLICE = 250_000
"""So many people have their rows made at once."""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """How many profiles got new rows, and how many distinct values were read for them."""

    profiles: int
    values_read: int


class _Forms:
    """Relation `form` of the warehouse, as far as it was read under these settings."""

    def __init__(self, warehouse: Warehouse, settings: MatchKeySettings) -> None:
        self._warehouse = warehouse
        self._digest = settings.forms_digest
        warehouse.create("form", {"rules": "string", **dict.fromkeys(FORM_SCHEMA.names, "string")})

    def forms(self) -> Table:
        every = self._warehouse.table("form")
        return every.filter(every.rules == self._digest).drop("rules")

    def append_forms(self, rows: pa.Table) -> None:
        rules = pa.array([self._digest]).take(pa.array([0] * rows.num_rows, pa.int32()))
        self._warehouse.append("form", rows.append_column("rules", rules))


def prepare(
    warehouse: Warehouse,
    ledger: Ledger,
    *,
    destination: str,
    settings: MatchKeySettings,
    members: Table,
    do_not_send: DoNotSend,
    refused: Table | None = None,
) -> Prepared:
    """Make the rows of these members (profile_id) where they are missing or out of date.

    `refused` (key, sent, reason) lists values that nobody may carry beside those of the do-not-send list. What was split
    off from somebody (relation `split_off`) is not sent for them either.
    """
    split = warehouse.read(split_off(warehouse, settings))
    refusal, under = Refusal(do_not_send, fetched(warehouse, refused), split), _digest(settings)
    withdraw(ledger, destination, settings, refusal)
    people = warehouse.materialise("people_to_prepare", members.select("profile_id").distinct())
    prints = warehouse.materialise("fingerprints", _fingerprints(warehouse, people, settings, split))
    _changed(warehouse, ledger, destination, prints, under)
    slices = -(-warehouse.count("changed_people") // SLICE)
    if not slices:
        return Prepared(profiles=0, values_read=0)
    making = _Making(
        warehouse=warehouse,
        ledger=ledger,
        destination=destination,
        settings=settings,
        under=under,
        forms=_Forms(warehouse, settings),
        refusal=refusal,
        present=present_traits(warehouse),
    )
    read = sum(making.make(number) for number in range(slices))
    people = warehouse.count("changed_people")
    for name in _LARGE:
        warehouse.drop(name)
    return Prepared(profiles=people, values_read=read)


@dataclass(frozen=True, kw_only=True)
class _Making:
    """Makes rows slice by slice: what a slice takes of memory and disk does not grow with the audience."""

    warehouse: Warehouse
    ledger: Ledger
    destination: str
    settings: MatchKeySettings
    under: str
    forms: "_Forms"
    refusal: "Refusal"
    present: frozenset[str]

    def make(self, number: int) -> int:
        """Make the rows of one slice and hand them over. Gives how many distinct values were read for them."""
        warehouse, settings = self.warehouse, self.settings
        people = self._slice(number)
        profiles = profile_table(warehouse, people, settings, present=self.present)
        profiles = warehouse.materialise("changed_profiles", profiles)
        read = grow_forms(profiles, self.forms, settings, read=self._all)
        rows = prepare_rows(profiles, self.forms.forms(), settings, materialise=warehouse.materialise)
        rows = warehouse.materialise("new_rows", rows)
        rows = _without_refused(warehouse, profiles, rows, self.forms, settings, self.refusal)
        _hand_over(warehouse, self.ledger, self.destination, rows, people, self.under)
        return read

    def _slice(self, number: int) -> Table:
        changed, first = self.warehouse.temporary("changed_people"), number * SLICE
        people = changed.filter((changed.place >= first) & (changed.place < first + SLICE))
        return self.warehouse.materialise("slice_people", people.select("profile_id", "fingerprint"))

    def _all(self, rows: Table) -> pa.Table:
        with self.warehouse.transaction():  # what is temporary is seen by a stream of a transaction only
            return pa.Table.from_batches(self.warehouse.stream(rows), rows.schema().to_pyarrow())


def _digest(settings: MatchKeySettings) -> str:
    """Changes whenever the same profile may get other rows, whoever carries refused values."""
    # What a profile's lines in the ledger tell is part of it: where flags were not kept yet, all are made again.
    facts = [settings.forms_digest, RULES_VERSION, "flagged"]
    shape = {"remap", "off", "split_name", "extern_id", "required_any"}
    facts += [f"{f.name}={_plain(getattr(settings, f.name))}" for f in fields(settings) if f.name in shape]
    return hashlib.md5(orjson.dumps(facts), usedforsecurity=False).hexdigest()


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return sorted((key, list(inner)) for key, inner in value.items())
    return sorted(value) if isinstance(value, frozenset) else value


def _changed(warehouse: Warehouse, ledger: Ledger, destination: str, prints: Table, under: str) -> Table:
    """Changed_people(profile_id, fingerprint, place)."""
    known = ledger.table("profile_row")
    known = known.filter((known.destination == destination) & (known.made_under == under) & (known.n == 0))
    known = known.select("profile_id", "fingerprint")
    if ledger.count("profile_row"):
        said = warehouse.materialise("known_rows", ledger.reader(known))
        prints = prints.anti_join(said, ["profile_id", "fingerprint"])
    # Slices of neighbours: the relations of people are kept in this order.
    place = ibis.row_number().over(order_by=prints.profile_id)
    return warehouse.materialise("changed_people", prints.mutate(place=place.cast("int64")))


def _fingerprints(warehouse: Warehouse, people: Table, settings: MatchKeySettings, split: pa.Table) -> Table:
    trait, identifier = held_traits(warehouse), warehouse.table("identifier")
    traits, kinds = used(settings)
    trait = trait.filter(trait.key.isin(traits))
    identifier = identifier.filter(identifier.type.isin(kinds))
    place = identifier.ordinal.cast("string")
    parts = [
        trait.select("profile_id", line=(trait.key + "=" + trait.value).hash()),
        identifier.select("profile_id", line=(identifier.type + "#" + place + "=" + identifier.value).hash()),
    ]
    if split.num_rows:
        apart = ibis.memtable(split)
        parts.append(apart.select("profile_id", line=("split " + apart.key + "=" + apart.sent).hash()))
    lines = ibis.union(*parts)
    prints = lines.group_by("profile_id").aggregate(fingerprint=lines.line.bit_xor())
    joined = people.left_join(prints, "profile_id")
    return joined.select("profile_id", fingerprint=joined.fingerprint.fill_null(0))


def _without_refused(
    warehouse: Warehouse,
    profiles: Table,
    rows: Table,
    forms: _Forms,
    settings: MatchKeySettings,
    refusal: Refusal,
) -> Table:
    """The rows, made again for profiles that carry a refused value: these are then in `carriers`."""
    among = warehouse.materialise("refused_values", refusal.among(rows, settings))
    if not warehouse.count("refused_values") and not refusal.split.num_rows:
        warehouse.materialise("carriers", no_lines({"profile_id": "string"}))
        return rows
    refused = warehouse.materialise("refused_of_people", refusal.whose(rows, among))
    who = warehouse.materialise("carriers", refused.select("profile_id").distinct())
    theirs = warehouse.materialise("profiles_of_carriers", profiles.semi_join(who, "profile_id"))
    again = prepare_rows(theirs, forms.forms(), settings, blanks=refused)
    again = again.select(*rows.columns).cast(dict(rows.schema().items()))
    return warehouse.materialise("rows_without_refused", ibis.union(rows.anti_join(who, "profile_id"), again))


def _hand_over(warehouse: Warehouse, ledger: Ledger, destination: str, rows: Table, changed: Table, under: str) -> None:
    """Into the ledger's file, in one transaction: whose row is which, and rows it has not seen."""
    whose = rows.select("profile_id", "n", "row_key", "cannot").join(changed, "profile_id")
    whose = whose.mutate(destination=ibis.literal(destination), made_under=ibis.literal(under))
    whose = whose.select(*PROFILE_ROW)
    sendable = rows.filter(rows.cannot.isnull())
    cells = sendable.select(
        *KEYS,
        "row_key",
        **{KEY_OF_ROW[kind]: key for kind, key in key_columns(sendable).items()},
        destination=ibis.literal(destination),
        rules_version=ibis.literal(RULES_VERSION, "int32"),
    )
    who = changed.select("profile_id", destination=ibis.literal(destination))
    on = ["destination", "profile_id"]
    once = _once(warehouse, cells).select(*ROW)
    # Inside a transaction the warehouse streams what is temporary, too.
    with warehouse.transaction(), ledger.transaction():
        ledger.delete_keys("profile_row", warehouse.reader(who), on)
        ledger.append("profile_row", warehouse.reader(whose))
        keys = ledger.materialise("keys_of_rows", warehouse.reader(once.select("destination", "row_key")))
        ledger.add_unknown("row", warehouse.reader(once), ["destination", "row_key"], keys=keys)
        ledger.delete_keys("blank_cell", warehouse.reader(who), on)
        ledger.append("blank_cell", warehouse.reader(_blank_cells(rows, destination)))
        ledger.delete_keys("flagged", warehouse.reader(who), on)
        noted = flagged(rows).mutate(destination=ibis.literal(destination))
        ledger.append("flagged", warehouse.reader(noted.select(*FLAGGED)))
        ledger.delete_keys("withheld", warehouse.reader(who), on)
        withheld = warehouse.temporary("carriers").select("profile_id", destination=ibis.literal(destination))
        ledger.append("withheld", warehouse.reader(withheld))


def _once(warehouse: Warehouse, cells: Table) -> Table:
    """Each row once, though several people may share it: rare, so that all others are not sorted for it."""
    twice = cells.group_by("row_key").having(lambda t: t.count() > 1).aggregate(times=cells.count())
    twice = warehouse.materialise("shared_rows", twice.select("row_key"))
    if not warehouse.count("shared_rows"):
        return cells
    shared = cells.semi_join(twice, "row_key").distinct(on="row_key", keep="first")
    return ibis.union(cells.anti_join(twice, "row_key"), shared.select(*cells.columns))


def _blank_cells(rows: Table, destination: str) -> Table:
    """What was given for a key and is not sent, once for each profile, key and reason."""
    parts = []
    for key in KEYS:
        reason = rows[f"{key}_reason"]
        there = rows.filter((rows[key] == "") & reason.notnull())
        parts.append(there.select("profile_id", key=ibis.literal(key), reason=there[f"{key}_reason"]))
    every = ibis.union(*parts).distinct()
    return every.select("profile_id", "key", "reason", destination=ibis.literal(destination)).select(*BLANK_CELL)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What Meta should have of one sync, as relations of the ledger's file that end with this process.

    `members` counts people, `cannot` those of them who want no row, by reason.
    """

    sync: str
    destination: str
    member: Table
    rows: Table
    persons: Table
    listed_key: Table
    listed_person: Table
    members: int
    cannot: Mapping[str, int]

    @property
    def people(self) -> int:
        """How many of the members can be sent."""
        return self.members - sum(self.cannot.values())


def want(
    warehouse: Warehouse, ledger: Ledger, *, sync: str, destination: str, members: Table, do_not_send: DoNotSend
) -> Wanted:
    """The wanted rows of these members (profile_id), for whom `prepare` has made rows. Listed people want none."""
    named = hashlib.md5(sync.encode(), usedforsecurity=False).hexdigest()[:12]  # a name of a relation has few letters

    def keep(what: str, rows: Table | pa.RecordBatchReader) -> Table:
        return ledger.materialise(f"{what}_{named}", rows)

    with warehouse.transaction(), ledger.transaction():
        member = keep("member", warehouse.reader(members.select("profile_id").distinct()))
        listed = keep("listed", warehouse.reader(do_not_send.people.select("profile_id").distinct()))
        theirs = ledger.table("profile_row").filter(lambda t: t.destination == destination)
        theirs = keep("theirs", theirs.semi_join(member, "profile_id").select("profile_id", "row_key", "cannot"))
        sendable = theirs.filter(theirs.cannot.isnull()).anti_join(listed, "profile_id")
        persons = keep("persons", sendable.select("profile_id", "row_key"))
        persons = persons.select("row_key", "profile_id", sync=ibis.literal(sync)).select(*WANTED_PERSON)
        row = ledger.table("row").filter(lambda t: t.destination == destination)
        rows = row.semi_join(persons, "row_key")
        keys = {kind: rows[column] for kind, column in KEY_OF_ROW.items()}
        return Wanted(
            sync=sync,
            destination=destination,
            member=member,
            rows=keep("rows", rows.select("row_key", **keys)).mutate(sync=ibis.literal(sync)).select(*WANTED),
            persons=persons,
            listed_key=keep("listed_key", _listed_keys(ledger, sync, destination, do_not_send)),
            listed_person=listed.select("profile_id", sync=ibis.literal(sync)).select("sync", "profile_id"),
            members=_count(ledger, member),
            cannot=_cannot(ledger, theirs, member, listed),
        )


def _listed_keys(ledger: Ledger, sync: str, destination: str, do_not_send: DoNotSend) -> Table:
    """The keys at Meta by this sync whose value is listed."""
    if do_not_send.nobody:
        return no_lines(LISTED_KEY)
    there = ledger.table("ledger").filter(lambda t: (t.sync == sync) & (t.live != 0))
    row = ledger.table("row").filter(lambda t: t.destination == destination)
    row = row.semi_join(there, "row_key")
    kinds: Sequence[tuple[str, Key]] = (
        ("email", "EMAIL"),
        ("phone", "PHONE"),
        ("madid", "MADID"),
        ("extern_id", "EXTERN_ID"),
    )
    found = []
    for kind, cell in kinds:
        values = row.filter(row[cell] != "").select(key=KEY_OF_ROW[kind], sent=cell)
        values = values.mutate(token=do_not_send.token_of(ibis.literal(cell), values.sent))
        values = values.semi_join(do_not_send.tokens, "token")
        found.append(values.select(sync=ibis.literal(sync), kind=ibis.literal(kind), key=values.key))
    return ibis.union(*found).distinct()


def _cannot(ledger: Ledger, theirs: Table, member: Table, listed: Table) -> dict[str, int]:
    """People who want no row, by reason; a person with one good row is not among them."""
    refused = member.semi_join(listed, "profile_id").select("profile_id", cannot=ibis.literal(Reason.DO_NOT_SEND.value))
    without = theirs.filter(theirs.cannot.notnull()).anti_join(listed, "profile_id")
    none = without.anti_join(theirs.filter(theirs.cannot.isnull()), "profile_id")
    none = none.group_by("profile_id").aggregate(cannot=none.cannot.max())
    every = ibis.union(refused, none)
    counted = ledger.read(every.group_by("cannot").aggregate(people=every.count()))
    return {line["cannot"]: int(line["people"]) for line in counted.to_pylist()}


def _count(ledger: Ledger, rows: Table) -> int:
    return int(ledger.read(rows.aggregate(n=rows.count())).to_pylist()[0]["n"])
