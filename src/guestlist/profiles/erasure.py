"""What is stored of a person, found and taken away; for the do-not-send list it is told first.

Raw values go at once. The cells as they were sent stay in the destination's own store until their removal is settled
at Meta: without them nobody could be removed.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import ibis
import orjson

from guestlist.profiles.do_not_send import identifier_token_column
from guestlist.profiles.relations import Column, Table
from guestlist.profiles.views import known_identifiers
from guestlist.store import Warehouse
from guestlist.store.in_memory import in_memory
from guestlist.values.email import read_email

_OF_A_PERSON = (
    *("node", "not_joined", "trait", "computed_trait", "event", "external_membership"),
    *("membership", "audience_group"),
)
_OF_A_MESSAGE = ("message", "identifier_use", "configured_use", "withdrawn", "pulled_line")
_REMEMBERED = ("spelling", "message_node", "meeting", "lost_sender")
"""What the next resolution would have begun from: it holds values too, and is made anew."""
_USES = ("identifier_use", "configured_use")
_MESSAGE = ["source", "message_id"]
_DOCUMENTS = ("traits", "properties", "context")
_MOBILE = ("ios.idfa", "android.idfa")
# Shorter texts stand in documents by chance.
_SHORTEST = 6


@dataclass(frozen=True, kw_only=True)
class Stored:
    """What is known of one profile: identifiers as (type, value) in normal form, and its last traits."""

    profile_id: str
    identifiers: tuple[tuple[str, str], ...]
    traits: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Erased:
    """How much went. `others`: messages of other people in which a value of the person was blanked."""

    messages: int
    others: int


def find(warehouse: Warehouse, token: bytes, pepper: str) -> list[str]:
    """The profiles with an identifier of this token."""
    if not warehouse.has("identifier"):
        return []
    known = known_identifiers(warehouse)
    told = known.mutate(token=identifier_token_column(pepper, known))
    found = told.filter(told.token == token.hex()).select("profile_id").distinct()
    return sorted(row["profile_id"] for row in warehouse.read(found).to_pylist())


def earlier_ids(warehouse: Warehouse, profile_ids: Sequence[str]) -> list[str]:
    """Ids under which these profiles may be remembered elsewhere, from before they merged."""
    if not warehouse.has("alias"):
        return []
    alias = warehouse.table("alias")
    found = alias.filter(alias.survivor.isin(list(profile_ids))).select("profile_id").distinct()
    return sorted(row["profile_id"] for row in warehouse.read(found).to_pylist())


def stored(warehouse: Warehouse, profile_ids: Sequence[str]) -> list[Stored]:
    """All that is known of these profiles."""
    return [
        Stored(
            profile_id=profile_id,
            identifiers=tuple((row["type"], row["value"]) for row in _identifiers(warehouse, profile_id)),
            traits={
                row["key"]: row["value"]
                for name in ("trait", "computed_trait")
                for row in _lines(warehouse, name, profile_id)
            },
        )
        for profile_id in profile_ids
    ]


def messages_of(warehouse: Warehouse, profile_ids: Sequence[str]) -> int:
    """How many messages these profiles have."""
    if not warehouse.has("message_profile"):
        return 0
    whose = warehouse.table("message_profile")
    return int(warehouse.read(whose.filter(whose.profile_id.isin(list(profile_ids))).count()).as_py())


def erase(warehouse: Warehouse, profile_ids: Sequence[str]) -> Erased:
    """Take away every line about these profiles, all or none; doing it again changes nothing.

    The bytes are still in the file: write the store anew afterwards.
    """
    if not profile_ids or not warehouse.has("identifier"):
        return Erased(messages=0, others=0)
    people = in_memory({"profile_id": list(profile_ids)}, {"profile_id": "string"})
    with warehouse.transaction():
        whose = warehouse.table("message_profile")
        theirs = warehouse.table("message").semi_join(whose.semi_join(people, "profile_id"), "ordinal")
        theirs = warehouse.materialise("erased_message", theirs.select(*_MESSAGE, "ordinal"))
        _forget_forms(warehouse, theirs, profile_ids)
        others = _blank_elsewhere(warehouse, theirs, profile_ids)
        messages = warehouse.delete_keys("message", theirs, _MESSAGE)
        for name in _OF_A_MESSAGE[1:]:
            warehouse.delete_keys(name, theirs, _MESSAGE)
        for name in ("message_owner", "not_joined"):
            warehouse.delete_keys(name, theirs.select("ordinal"), ["ordinal"])
        _forget_profiles(warehouse, people, earlier_ids(warehouse, profile_ids))
        for name in ("erased_message", "resolved", *_REMEMBERED):
            warehouse.drop(name)
    return Erased(messages=messages, others=others)


def _forget_profiles(warehouse: Warehouse, people: Table, earlier: Sequence[str]) -> None:
    if warehouse.has("split_from"):
        ids = in_memory({"profile_id": list(earlier)}, {"profile_id": "string"})
        warehouse.delete_keys("split_from", ids, ["profile_id"])
    for name in filter(warehouse.has, _OF_A_PERSON):
        warehouse.delete_keys(name, people, ["profile_id"])
    # What too many share is nobody's, and may be theirs.
    warehouse.delete_keys("node", in_memory({"hub": [True]}, {"hub": "boolean"}), ["hub"])


def _lines(warehouse: Warehouse, name: str, profile_id: str) -> list[Mapping[str, str]]:
    if not warehouse.has(name):
        return []
    lines = warehouse.table(name)
    found: list[Mapping[str, str]] = warehouse.read(lines.filter(lines.profile_id == profile_id)).to_pylist()
    return found


def _identifiers(warehouse: Warehouse, profile_id: str) -> list[Mapping[str, str]]:
    if not warehouse.has("identifier"):
        return []
    known = known_identifiers(warehouse)
    found: list[Mapping[str, str]] = warehouse.read(known.filter(known.profile_id == profile_id)).to_pylist()
    return found


# Values of the person in messages of others


def _blank_elsewhere(warehouse: Warehouse, theirs: Table, profile_ids: Sequence[str]) -> int:
    """Take the person's identifiers out of messages of other people, which two who share one e-mail have.

    Left there, the value would next be counted as the other person's own, who then could not be sent: it is listed.
    """
    spelt = sorted(_spellings(warehouse, theirs, profile_ids))
    if not spelt:
        return 0
    values = in_memory(
        {"type": [kind for kind, _ in spelt], "value": [value for _, value in spelt]},
        {"type": "string", "value": "string"},
    )
    uses = _uses(warehouse)
    elsewhere = uses.anti_join(theirs, _MESSAGE).semi_join(values, ["type", "value"])
    elsewhere = warehouse.materialise("erased_elsewhere", elsewhere)
    others = warehouse.materialise("blanked_message", elsewhere.select(*_MESSAGE).distinct())
    number = warehouse.count("blanked_message")
    if number:
        message = warehouse.table("message").semi_join(others, _MESSAGE)
        texts = [value for kind, value in spelt if len(value) >= _SHORTEST and kind != "user_id"]
        warehouse.merge("message", _without(message, texts), _MESSAGE)
        for name in _USES:
            warehouse.delete_keys(name, elsewhere, [*_MESSAGE, "type", "value"])
    for name in ("erased_elsewhere", "blanked_message"):
        warehouse.drop(name)
    return number


def _spellings(warehouse: Warehouse, theirs: Table, profile_ids: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The person's identifiers, as their own messages spell them and in normal form; shared values are nobody's."""
    own = {pair for one in stored(warehouse, profile_ids) for pair in one.identifiers}
    uses = _uses(warehouse).semi_join(theirs, _MESSAGE).select("type", "value").distinct()
    used = {(row["type"], row["value"]) for row in warehouse.read(uses).to_pylist()}
    yield from own
    for kind, value in used - own:
        if any((kind, form) in own for form in _forms(kind, value)):
            yield kind, value


def _uses(warehouse: Warehouse) -> Table:
    parts = [warehouse.table(name) for name in _USES if warehouse.has(name)]
    return ibis.union(*(part.select(*_MESSAGE, "type", "value") for part in parts))


def _forms(kind: str, value: str) -> Iterator[str]:
    if kind == "email":
        yield read_email(value).normal
    elif kind in _MOBILE:
        yield value.strip().lower()
    elif kind == "phone":
        digits = "".join(letter for letter in value if letter.isdecimal())
        yield digits.removeprefix("00")


def _without(message: Table, texts: Iterable[str]) -> Table:
    """The messages with these texts blank in their documents, also as JSON writes them."""
    columns: dict[str, Column] = {name: message[name] for name in _DOCUMENTS}
    for text in texts:
        for written in {text, orjson.dumps(text)[1:-1].decode()}:
            columns = {name: column.replace(written, "") for name, column in columns.items()}
    return message.mutate(**columns)


# Values read for match keys


def _forget_forms(warehouse: Warehouse, theirs: Table, profile_ids: Sequence[str]) -> None:
    """Readings are kept once per distinct value, whosoever: those the person may have caused go, others come back."""
    if not warehouse.has("form"):
        return
    message = warehouse.table("message").semi_join(theirs, _MESSAGE).select("traits", "context").distinct()
    said = [text for row in warehouse.read(message).to_pylist() for text in row.values() if text]
    for one in stored(warehouse, profile_ids):
        said += [*one.traits.values(), *(value for _, value in one.identifiers)]
    everything = "\n".join(said)
    form = warehouse.table("form")
    texts = {everything, unicodedata.normalize("NFC", everything)}
    caused = [ibis.literal(text).contains(form.raw) for text in texts]
    warehouse.delete_keys("form", form.filter(ibis.or_(*caused)).select("raw").distinct(), ["raw"])
