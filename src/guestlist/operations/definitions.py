"""Definitions of audiences as documents: read, converted, written and taken away."""

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from filelock import FileLock
from pydantic import Field

from guestlist.audiences import evaluate as evaluating
from guestlist.audiences.definition import Definition
from guestlist.audiences.document import ENDINGS, file_of, keys_in, read, read_folder
from guestlist.audiences.mistakes import DefinitionError, Mistakes
from guestlist.audiences.query import read_query
from guestlist.audiences.query_text import query_text
from guestlist.audiences.writing import as_yaml, condition_document, definition_document
from guestlist.edits import audience_file, own_change
from guestlist.errors import GuestlistError, WrongUseError
from guestlist.operations.desk import Desk
from guestlist.operations.operation import Operation, Scope, ask, changed_meanwhile, delete, get, put
from guestlist.operations.questions import read_one
from guestlist.space import Space, make_private, write_whole
from guestlist.telling.answer import Answer

Key = Annotated[str, Field(description="The audience, by the key in its file.")]
IfMatch = Annotated[
    str | None, Field(description="The ETag of the definition as you saw it; with it nobody's change is lost.")
]


class DefinitionKnown(Answer):
    """A definition as it stands in its file. `version` is its ETag."""

    key: str
    owner: str
    document: dict[str, Any]
    yaml: str
    version: str


class ShowDefinition(Operation[DefinitionKnown]):
    """Show the definition of an audience, to be changed or pasted elsewhere."""

    route = get("/audiences/{key}/definition")
    key: Key

    def run(self, desk: Desk) -> DefinitionKnown:
        return _known(desk.space, read_one(desk.space, self.key)[1])


def _known(space: Space, one: Definition) -> DefinitionKnown:
    document = definition_document(one)
    place = place_of(space, one.key)
    return DefinitionKnown(
        key=one.key, owner=one.owner, document=document, yaml=as_yaml(document), version=_version(place)
    )


class Query(Answer):
    """A definition's conditions as a query of Segment's Public API."""

    key: str
    query: str


class ShowQuery(Operation[Query]):
    """Show the conditions of an audience as a query; what the language has no word for is told by name."""

    route = get("/audiences/{key}/query")
    key: Key

    def run(self, desk: Desk) -> Query:
        definitions, one = read_one(desk.space, self.key)
        return Query(key=one.key, query=query_text(one.who, audiences=frozenset(each.key for each in definitions)))


class Converted(Answer):
    """A query as it stands in a definition, and as it is written."""

    who: Any
    query: str
    yaml: str


class ConvertQuery(Operation[Converted]):
    """Read a query as Segment writes it, and give what stands under `who:` of a definition."""

    route = ask("/audiences/convert", Scope.READ)
    query: str

    def run(self, desk: Desk) -> Converted:
        return converted(self.query, keys_in(desk.space.audiences))


def converted(query: str, audiences: frozenset[str]) -> Converted:
    """A query read; `audiences`: the keys that it can ask about."""
    mistakes = Mistakes()
    condition = read_query(query, "query", mistakes, audiences=audiences)
    if condition is None:
        raise DefinitionError(mistakes.found)
    who = condition_document(condition)
    return Converted(who=who, query=query_text(condition, audiences=audiences), yaml=as_yaml({"who": who}))


class WriteAudience(Operation[DefinitionKnown]):
    """Make an audience, or put another definition in place of one that is owned by the page.

    Nothing is written while there is a mistake in it, or in what asks about it. Definitions that are kept as files by
    people (`owner: files`) are changed there.
    """

    route = put("/audiences/{key}/definition", Scope.AUDIENCES)
    key: Key
    document: Annotated[dict[str, Any] | None, Field(description="The definition, as docs/audiences.md has it.")] = None
    yaml: Annotated[str | None, Field(description="The same as text, in place of `document`.")] = None
    if_match: IfMatch = None
    if_none_match: Annotated[
        str | None, Field(description="`*`: make it only while there is none of this key; else 412.")
    ] = None

    def run(self, desk: Desk) -> DefinitionKnown:
        with writing(desk.space):
            _check_is_none_of(place_of(desk.space, self.key), self.key, self.if_none_match)
            place = _checked_place(desk.space, self.key, self.if_match)
            text = self._text(desk.space, place)
            _check_with(desk.space, place, text)
            with own_change(desk.space, desk.records.journal, _named(desk.space, place, self.key), now=desk.now):
                write_whole(place, text)
        desk.audit("audience written", self.key)
        return _known(desk.space, read_one(desk.space, self.key)[1])

    def _text(self, space: Space, place: Path) -> str:
        if (self.document is None) == (self.yaml is None):
            raise WrongUseError(
                "wrong_parameters",
                "A definition is given as `document` or as `yaml`, one of the two.",
                nothing_lost="Nothing was changed.",
                next_step="Look at GET /audiences/{key}/definition of another one.",
            )
        given = self.yaml if self.yaml is not None else as_yaml({"key": self.key, **(self.document or {})})
        try:
            one = read(given, file=f"{self.key}.yaml", audiences=keys_in(space.audiences) | {self.key})
        except DefinitionError:
            _check_with(space, place, given)  # which tells, beside these, what it names that is not there
            raise
        if one.key != self.key:
            raise WrongUseError(
                "other_key",
                f"The definition has another key than the address: `{one.key}`.",
                nothing_lost="Nothing was changed.",
                next_step="A key never changes: make a new audience, then take this one away.",
            )
        return as_yaml({**definition_document(one), "owner": "page"})


class AudienceRemoved(Answer):
    """The definition is gone. `at_meta`: syncs whose audience at Meta stays as it is."""

    key: str
    removed: bool
    at_meta: tuple[str, ...]


class RemoveAudience(Operation[AudienceRemoved]):
    """Take an audience's definition away. What is at Meta stays there as it is, and is no longer kept right."""

    route = delete("/audiences/{key}/definition", Scope.AUDIENCES)
    key: Key
    if_match: IfMatch = None

    def run(self, desk: Desk) -> AudienceRemoved:
        with writing(desk.space):
            read_one(desk.space, self.key)
            place = _checked_place(desk.space, self.key, self.if_match)
            _check_with(desk.space, place, None)
            with own_change(desk.space, desk.records.journal, _named(desk.space, place, self.key), now=desk.now):
                place.unlink()
        desk.audit("audience removed", self.key)
        there = [one.key for one in desk.records.journal.syncs() if one.audience == self.key and one.remote_id]
        return AudienceRemoved(key=self.key, removed=True, at_meta=tuple(there))


# --- files ------------------------------------------------------------------------------------------------------------


@contextmanager
def writing(space: Space) -> Iterator[None]:
    """One at a time: between the look at a file and its change nobody else changes it."""
    with FileLock(make_private(space.private) / "definitions.lock", mode=0o600):
        yield


def _named(space: Space, place: Path, key: str) -> str:
    return audience_file(space, place.name, key)


def place_of(space: Space, key: str) -> Path:
    """The file that has this key; where there is none, the one to make."""
    return file_of(space.audiences, key) or space.audiences / f"{key}.yaml"


def _version(place: Path) -> str:
    return hashlib.sha256(place.read_bytes()).hexdigest()[:24] if place.exists() else ""


def _check_is_none_of(place: Path, key: str, if_none_match: str | None) -> None:
    if not if_none_match or not place.exists():
        return
    unwanted = [tag.strip().removeprefix("W/").strip('"') for tag in if_none_match.split(",")]
    if "*" in unwanted or _version(place) in unwanted:
        raise GuestlistError(
            "is_there_already",
            f"There is an audience `{key}` already.",
            nothing_lost="Nothing was changed.",
            next_step="Take another key; or look at that audience, and change it with If-Match.",
        )


def _checked_place(space: Space, key: str, if_match: str | None) -> Path:
    place = place_of(space, key)
    seen = (if_match or "").removeprefix("W/").strip('"')
    if if_match and if_match != "*" and seen != _version(place):
        raise changed_meanwhile(f"The audience `{key}`")
    if if_match == "*" and not place.exists():
        raise changed_meanwhile(f"The audience `{key}`")
    if place.exists():
        check_is_changed_here(space, key)
    return place


def check_is_changed_here(space: Space, key: str) -> None:
    """Refuse what people keep as a file."""
    if read_one(space, key)[1].owner != "page":
        raise WrongUseError(
            "owned_by_files",
            f"The audience `{key}` is kept as a file by people: {place_of(space, key).name}.",
            nothing_lost="Nothing was changed.",
            next_step="Change the file; or write `owner: page` in it, and it is changed here from then on.",
        )


def _check_with(space: Space, place: Path, text: str | None) -> None:
    """All definitions as they would be then, checked against each other."""
    with tempfile.TemporaryDirectory(dir=make_private(space.private)) as folder:
        trial = Path(folder)
        for file in space.audiences.glob("*"):
            if file.suffix in ENDINGS and file.name != place.name:
                shutil.copyfile(file, trial / file.name)
        if text is not None:
            (trial / place.name).write_text(text, "utf-8")
        evaluating.in_order(read_folder(trial, destinations=tuple(space.settings.destinations) or None))
