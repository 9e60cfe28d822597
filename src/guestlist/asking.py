"""What audiences are asked of beside what was imported: traits that are worked out, lists, tables of the space.

A list or a query that cannot be read costs only the audiences that ask about it: these keep their last good state and
are not synced, and all others go on.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import ibis

from guestlist import pipeline
from guestlist.audiences import evaluate as evaluating
from guestlist.audiences.definition import Definition, IdentifierList, asked_lists, asked_traits, references
from guestlist.audiences.document import file_of
from guestlist.audiences.mistakes import Mistake, did_you_mean
from guestlist.audiences.question import Question, only, stamp
from guestlist.audiences.traits.definition import SqlTrait, TraitDefinition
from guestlist.audiences.traits.querying import LARGEST_LINE, identifier_column
from guestlist.audiences.traits.working import Ways, needed, with_traits
from guestlist.counts import counted
from guestlist.errors import GuestlistError
from guestlist.identity_rules import identity_rules
from guestlist.profiles.lookup import owned
from guestlist.profiles.rules import IdentityRules
from guestlist.settings import RELATIONS, TABLE_NAME
from guestlist.sources.columns import surely_named, told_columns
from guestlist.sources.files import DataFile
from guestlist.sources.lines import lines_of
from guestlist.sources.pulled import is_pulled, read_pulled
from guestlist.sources.tables import read_whole, unreadable
from guestlist.space import Space
from guestlist.store import Table, Warehouse, queries
from guestlist.store.in_memory import in_memory

_STANDS = "Nothing was changed: what was known before stands, and nothing of it is sent."


class NotThereError(GuestlistError):
    """A list or a table lacks what it is asked for; what was known before stands."""

    def __init__(self, code: str, message: str, next_step: str) -> None:
        super().__init__(code, message, nothing_lost=_STANDS, next_step=next_step)


@dataclass(frozen=True, kw_only=True)
class Refreshed:
    """Audiences that could not be evaluated and traits whose query failed, by key, and why; all others are new."""

    failed: Mapping[str, GuestlistError] = field(default_factory=dict)
    traits: Mapping[str, GuestlistError] = field(default_factory=dict)


def refresh(
    space: Space,
    warehouse: Warehouse,
    definitions: Iterable[Definition],
    traits: Iterable[TraitDefinition],
    *,
    at: datetime,
) -> Refreshed:
    """Bring traits that are worked out and the members of all audiences up to this instant."""
    zone = space.settings.zone
    reading = _Reading(space=space, warehouse=warehouse)
    missing = pipeline.find_traits(warehouse, tuple(traits), reading.ways(at), at=at, zone=zone)
    question = Question(relations=evaluating.relations(warehouse), as_of=at, zone=zone)
    failed: dict[str, GuestlistError] = {}
    lists: dict[IdentifierList, Table] = {}
    good = []
    for definition in definitions:
        try:
            for key in sorted(asked_traits(definition.who) & missing.keys()):
                raise missing[key]
            reading.add_lists(lists, definition, question)
            good.append(definition)
        except GuestlistError as error:
            failed[definition.key] = error
    pipeline.find_members(warehouse, good, at=at, zone=zone, lists=lists)
    return Refreshed(failed=failed, traits=missing)


def question(
    space: Space,
    warehouse: Warehouse,
    some: Iterable[Definition],
    traits: Iterable[TraitDefinition],
    *,
    at: datetime,
    gone_by: bool = False,
    profile_id: str | None = None,
) -> Question:
    """What some audiences ask, with the traits and lists in it as of that instant; for one person if it is about one.

    `gone_by`: what people had sent by then is asked, and not what is known of them now.
    """
    relations = evaluating.relations(warehouse)
    if gone_by:
        unified = space.settings.traits.unify_spellings
        told = pipeline.traits_then(warehouse, at, profile_id=profile_id, unify_spellings=unified)
        relations = replace(relations, trait=told)
    asked = Question(
        relations=relations,
        as_of=at,
        zone=space.settings.zone,
        begun=evaluating.begun(warehouse),
    )
    audiences = tuple(some)
    wanted = needed(traits, {key for one in audiences for key in asked_traits(one.who)})
    reading = _Reading(space=space, warehouse=warehouse)
    if profile_id is None or any(isinstance(one, SqlTrait) for one in wanted):
        asked = with_traits(warehouse, wanted, asked, reading.ways(at))
    elif wanted:
        alone = replace(asked, relations=only(asked.relations, profile_id))
        held = with_traits(warehouse, wanted, alone, reading.ways(at)).relations.trait
        asked = replace(asked, relations=replace(asked.relations, trait=held))
    lists: dict[IdentifierList, Table] = {}
    for one in audiences:
        reading.add_lists(lists, one, asked)
    return replace(asked, lists=lists)


def worked_out(
    space: Space, warehouse: Warehouse, traits: Iterable[TraitDefinition], key: str, *, at: datetime
) -> Table:
    """Who holds a trait, as lines of relation `trait`, worked out as of this instant if it is of that kind."""
    reading = _Reading(space=space, warehouse=warehouse)
    asked = Question(relations=evaluating.relations(warehouse), as_of=at, zone=space.settings.zone)
    told = with_traits(warehouse, needed(traits, {key}), asked, reading.ways(at))
    held = told.relations.trait
    return held.filter(held.key == key)


def check_query(space: Space, warehouse: Warehouse, trait: SqlTrait, *, at: datetime) -> None:
    """Refuse a query that asks for what it may not, or for what is not there; it is not run."""
    reading = _Reading(space=space, warehouse=warehouse)
    asked = Question(relations=evaluating.relations(warehouse), as_of=at, zone=space.settings.zone)
    answer = reading.ask(asked, trait.query, f"the trait {trait.key}", limits=replace(queries.LIMITS, rows=0))
    identifier_column(trait, answer.rows.columns)


def check_lists(
    space: Space, definitions: Iterable[Definition], warehouse: Warehouse | None, *, at: datetime
) -> Iterator[Mistake]:
    """What is wrong with lists, each with its place. Queries are not run, and looked at only where there is data."""
    asked = None
    if warehouse is not None:
        asked = Question(relations=evaluating.relations(warehouse), as_of=at, zone=space.settings.zone)
    for definition in definitions:
        for one in _lists_of(definition):
            try:
                if asked is not None and warehouse is not None:
                    _Reading(space=space, warehouse=warehouse).check_list(one, asked)
                elif one.file:
                    _check_file(space, one)
            except GuestlistError as error:
                path = f"{_file_named(space, definition)}: {one.place}"
                yield Mistake(path=path, message=error.message, suggestion=error.next_step)


def lines_of_nobody(
    space: Space, warehouse: Warehouse, definitions: Iterable[Definition], *, at: datetime, ask: bool = True
) -> Iterator[str]:
    """How many lines of lists name nobody who is known, in words. `ask`: whether queries are run for that."""
    asked = Question(relations=evaluating.relations(warehouse), as_of=at, zone=space.settings.zone)
    reading = _Reading(space=space, warehouse=warehouse)
    for definition in definitions:
        for one in _lists_of(definition):
            if one.file or ask:
                told = reading.lines_of_nobody(one, asked)
                if told:
                    yield f"{definition.key}: {told}"


def _lists_of(definition: Definition) -> list[IdentifierList]:
    return sorted(asked_lists(definition.who), key=repr)


def _check_file(space: Space, one: IdentifierList) -> None:
    """What can be told of a list without the engine."""
    of = _list_named(one)
    file = _file_of(space, str(one.file), of)
    _check_named(one, file, of)
    try:
        for batch in file.batches():
            if batch.rejections:
                raise unreadable(file, len(batch.rejections))
    except GuestlistError as error:
        raise _unreadable(of, error) from None


def _list_named(one: IdentifierList) -> str:
    return f"the list {one.file}" if one.file else "a list"


def _file_named(space: Space, definition: Definition) -> str:
    """The file of an audience; its key where it is in none."""
    file = file_of(space.audiences, definition.key)
    return definition.key if file is None else file.name


def together(definitions: Iterable[Definition], one: Definition) -> tuple[Definition, ...]:
    """An audience and all those that it asks about."""
    by_key = {each.key: each for each in definitions}
    found: dict[str, Definition] = {}
    waiting = [one]
    while waiting:
        each = waiting.pop()
        if each.key not in found:
            found[each.key] = each
            waiting += [by_key[key] for key in references(each.who) if key in by_key]
    return tuple(found.values())


@dataclass(frozen=True, kw_only=True)
class _Reading:
    """Reads lists, tables and queries of one space."""

    space: Space
    warehouse: Warehouse

    def ways(self, at: datetime) -> Ways:
        """As of this instant: nobody is found by an identifier that is first heard of later."""

        def found(rows: Table, column: str, kind: str) -> Table:
            _, whose = pipeline.find_owners(self.warehouse, self._rules, rows, column, kind)
            return owned(rows, column, whose.filter(whose.known_since <= stamp(whose.known_since, at)))

        return Ways(ask=self._ask_trait, find_people=found)

    def _ask_trait(self, question: Question, trait: SqlTrait) -> queries.Answer:
        limits = replace(queries.LIMITS, row_bytes=LARGEST_LINE, drop_large=True)
        return self.ask(question, trait.query, f"the trait {trait.key}", limits=limits)

    def ask(
        self, question: Question, query: str, of: str, *, limits: queries.QueryLimits = queries.LIMITS
    ) -> queries.Answer:
        """The answer to a query over what the question is asked of, up to then, and the tables of the space."""
        relations = _up_to(question, self.warehouse)
        tables = self.space.settings.tables
        asked = queries.relations_in(self.warehouse, query, of=of) - relations.keys()
        for name in sorted(asked & tables.keys()):
            relations[name] = self._file(tables[name], f"the table {name}", f"table_{name}")
        for name in sorted(asked - tables.keys()):
            relations |= self._source(name)
        return queries.ask(self.warehouse, query, relations, of=of, into="answer", limits=limits)

    def _source(self, name: str) -> dict[str, Table]:
        """The lines of a source that is loaded on a schedule, if there is one of that name."""
        entry = self.space.settings.sources.get(name, {})
        if not is_pulled(entry) or not TABLE_NAME.fullmatch(name):
            return {}
        rows = lines_of(self.warehouse, read_pulled(name, entry))
        if rows is None:
            told = f"The source {name} has no line yet."
            raise NotThereError("source_not_there", told, f"Load it: guestlist sources load {name}")
        return {name: rows}

    def add_lists(self, lists: dict[IdentifierList, Table], definition: Definition, question: Question) -> None:
        """The lists that an audience asks about; an error names the place of the one that cannot be read."""
        for one in _lists_of(definition):
            if one not in lists:
                try:
                    lists[one] = self._people(one, question, f"list_{len(lists)}")
                except GuestlistError as error:
                    place = f"{_file_named(self.space, definition)}: {one.place}"
                    raise _told_of(place, error) from None

    def check_list(self, one: IdentifierList, question: Question) -> None:
        """Refuse a list that could not be read; a query is not run."""
        if one.query is None:
            self._people(one, question, "list_checked")
            return
        of = _list_named(one)
        answer = self.ask(question, one.query, of, limits=replace(queries.LIMITS, rows=0))
        _check_column(one, answer.rows.columns, of)

    def lines_of_nobody(self, one: IdentifierList, question: Question) -> str:
        """How many lines of a list name nobody who is known by then, in words; empty where all name somebody."""
        rows, values, whose = self._read(one, question)
        then = whose.filter(whose.known_since <= stamp(whose.known_since, question.as_of))
        raw = rows.select(raw=rows[one.column].cast("string"))
        lines, nobody, unread = (
            int(self.warehouse.read(some.count()).as_py())
            for some in (raw, raw.anti_join(then, "raw"), raw.anti_join(values, "raw"))
        )
        if not nobody:
            return ""
        verb = "names" if nobody == 1 else "name"
        why = f"; in {unread:,} there is nothing that can be read as {one.identifier}" if unread else ""
        return f"{nobody:,} of {counted(lines, 'line')} of {_list_named(one)} {verb} nobody who is known{why}."

    def _people(self, one: IdentifierList, question: Question, into: str) -> Table:
        _, _, whose = self._read(one, question)
        since = whose.group_by("profile_id").aggregate(known_since=whose.known_since.min())
        return self.warehouse.materialise(into, since)

    def _read(self, one: IdentifierList, question: Question) -> tuple[Table, Table, Table]:
        """The lines of a list, what of them can be read (raw, value), and whose that is (raw, profile_id, known_since)."""
        of = _list_named(one)
        if one.file:
            _check_named(one, _file_of(self.space, str(one.file), of), of)
            rows = self._file(str(one.file), of, "list_lines")
        else:
            rows = self.ask(question, str(one.query), of).rows
            _check_column(one, rows.columns, of)
        values, whose = pipeline.find_owners(self.warehouse, self._rules, rows, one.column, one.identifier)
        if one.file and not self.warehouse.read(values.limit(1)).num_rows:
            told = f"{_named(of)} has nothing in its column `{one.column}` that can be read as {one.identifier}."
            raise NotThereError("list_values", told, "Check the column and the type.")
        return rows, values, whose

    @property
    def _rules(self) -> IdentityRules:
        return identity_rules(self.space.settings.country, salt="")

    def _file(self, name: str, of: str, into: str) -> Table:
        file = _file_of(self.space, name, of)
        try:
            return read_whole(self.warehouse, file, into=into)
        except GuestlistError as error:
            raise _unreadable(of, error) from None


def _file_of(space: Space, name: str, of: str) -> DataFile:
    """A file by its path from the space's folder, out of which it must not lead."""
    path = (space.folder / name).resolve()
    if not path.is_relative_to(space.folder.resolve()) or path.is_relative_to(space.private.resolve()):
        raise NotThereError(
            "file_outside", f"{_named(of)} is not in the space: {name}.", "Put the file into the space."
        )
    if not path.is_file():
        near = did_you_mean(path.name, (each.name for each in path.parent.glob("*"))) if path.parent.is_dir() else ""
        raise NotThereError("file_missing", f"{_named(of)} is not there: {path}.", near or "Put it there.")
    file = DataFile(path)
    try:
        _ = file.columns
    except GuestlistError as error:
        raise _unreadable(of, error) from None
    return file


def _check_named(one: IdentifierList, file: DataFile, of: str) -> None:
    if one.column not in file.columns:
        hint = did_you_mean(one.column, file.columns) if surely_named(file) else ""
        raise NotThereError("list_column", f"{_named(of)} has no column `{one.column}`.", hint or told_columns(file))


def _check_column(one: IdentifierList, columns: Sequence[str], of: str) -> None:
    if one.column not in columns:
        hint = did_you_mean(one.column, columns) or f"Its columns are: {', '.join(columns)}."
        raise NotThereError("list_column", f"{_named(of)} has no column `{one.column}`.", hint)


def _unreadable(of: str, error: GuestlistError) -> GuestlistError:
    return _told_of(_named(of), error, nothing_lost=_STANDS)


def _told_of(what: str, error: GuestlistError, *, nothing_lost: str | None = None) -> GuestlistError:
    """The same error, told of something that it does not name."""
    kept = error.nothing_lost if nothing_lost is None else nothing_lost
    return GuestlistError(error.code, f"{what}: {error.message}", nothing_lost=kept, next_step=error.next_step)


def _named(of: str) -> str:
    return of[:1].upper() + of[1:]


def _up_to(question: Question, warehouse: Warehouse) -> dict[str, Table]:
    """What a query may read, as it was known at that instant."""
    told, until = question.relations, question.as_of

    def past(table: Table, column: str) -> Table:
        return table.filter(table[column] <= stamp(table[column], until))

    stays = past(told.membership, "entered_at")
    left = stays.exited_at <= stamp(stays.exited_at, until)
    relations = {
        "message": past(warehouse.table("message"), "at"),
        "event": past(told.event, "at"),
        "trait": past(told.trait, "at"),
        "identifier": past(warehouse.table("identifier"), "first_seen"),
        "membership": stays.mutate(exited_at=ibis.ifelse(left, stays.exited_at, ibis.null(stays.exited_at.type()))),
        "as_of": in_memory({"at": [until]}, schema={"at": "timestamp('UTC')"}),
    }
    assert set(relations) == set(RELATIONS)
    return relations
