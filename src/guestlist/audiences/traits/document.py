"""Files in `traits/` -> definitions of traits, every mistake of all of them told at once."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import cast

from guestlist.audiences.document import ENDINGS, file_text, load, read_key
from guestlist.audiences.events import OF_NUMBERS, WINDOW_KEYS, read_window, tell_many
from guestlist.audiences.mistakes import DefinitionError, Mistakes, did_you_mean
from guestlist.audiences.reading import join, known_keys, read_mapping, read_text, read_whole, shown
from guestlist.audiences.steps import NEXT, STEP_KEYS, check_path, read_step
from guestlist.audiences.traits.definition import (
    ComputedTrait,
    SqlTrait,
    Takings,
    TraitDefinition,
    TraitReducer,
    circles,
    compared_with,
    told_circle,
)

HEAD = ("key", "name", "description")
REDUCERS = ("sum", "average", "min", "max", "most_frequent", "first", "last", "unique_list", "unique_list_count")
EVENT_KEYS = (*STEP_KEYS, *WINDOW_KEYS, *NEXT)
COMPUTED_KEYS = (*HEAD, *EVENT_KEYS, "count", *REDUCERS, "minimum", "less")
LIFETIME = "lifetime_value"
LIFETIME_KEYS = (*HEAD, LIFETIME, "where", "source", *WINDOW_KEYS)
SQL_KEYS = (*HEAD, "query", "file", "column", "columns", "identifier")
LESS_KEYS = (*STEP_KEYS, *NEXT, "sum")
BOUGHT, REFUNDED, TOTAL = "Order Completed", "Order Refunded", "total"
"""What shops send by the tracking spec; a lifetime value is made of it."""
MOST_COLUMNS = 25
_START = "Start with `key:` and `event:`."


def read(text: str, *, file: str = "", folder: Path | None = None) -> TraitDefinition:
    """The definition in `text`; DefinitionError names every mistake. A query's file is looked for in `folder`."""
    mistakes = Mistakes()
    definition = _read_text(text, file, folder, mistakes)
    if definition is None or mistakes.found:
        raise DefinitionError(mistakes.found)
    return definition


def read_folder(folder: Path) -> tuple[TraitDefinition, ...]:
    """All traits of a folder, checked against each other; mistakes of all files are told together."""
    mistakes = Mistakes()
    found: list[tuple[str, TraitDefinition]] = []
    for path in sorted(path for path in folder.glob("*") if path.suffix in ENDINGS):
        text = file_text(path, mistakes)
        definition = None if text is None else _read_text(text, path.name, folder, mistakes)
        found += [] if definition is None else [(path.name, definition)]
    _check_names(found, mistakes)
    if mistakes.found:
        raise DefinitionError(mistakes.found)
    return tuple(definition for _, definition in found)


def _check_names(found: Iterable[tuple[str, TraitDefinition]], mistakes: Mistakes) -> None:
    owner: dict[str, str] = {}
    asked = {key for _, trait in found if isinstance(trait, SqlTrait) for key in trait.keys}
    for file, trait in found:
        for key in trait.keys:
            if key in owner:
                where = "key" if key == getattr(trait, "key", "") else "columns"
                mistakes.add(f"{file}: {where}", f"`{key}` is already a trait of {owner[key]}.")
            owner.setdefault(key, file)
        for key in sorted(compared_with(trait) & asked) if isinstance(trait, ComputedTrait) else ():
            told = f"compares with `{key}`, which a query gives only after this one is worked out."
            mistakes.add(f"{file}: where", told)
    # A trait whose key is there twice is told above, and is no circle.
    own = {trait.key: trait for file, trait in found if isinstance(trait, ComputedTrait) and owner[trait.key] == file}
    for circle in circles(own.values()):
        mistakes.found.append(told_circle(circle, f"{owner[circle[0]]}: where"))


def _read_text(text: str, file: str, folder: Path | None, mistakes: Mistakes) -> TraitDefinition | None:
    value = load(text, file, mistakes, start=_START)
    if value is None:
        return None
    inner = Mistakes()
    body = read_mapping(value, "", inner)
    definition = None if body is None else _read_definition(body, folder, inner)
    for mistake in inner.found:
        mistakes.add(f"{file}: {mistake.path}" if file else mistake.path, mistake.message, mistake.suggestion)
    return None if inner.found else definition


def _read_definition(body: Mapping[str, object], folder: Path | None, mistakes: Mistakes) -> TraitDefinition | None:
    if LIFETIME in body:
        return _read_lifetime(body, mistakes)
    if "event" in body:
        return _read_computed(body, mistakes)
    if "query" in body or "file" in body:
        return _read_sql(body, folder, mistakes)
    known_keys(body, (*COMPUTED_KEYS, *SQL_KEYS, LIFETIME), "", mistakes)
    mistakes.add("event", f"is missing: a trait is made of events, or by a `query`, or is a `{LIFETIME}`.", _START)
    return None


def _read_head(body: Mapping[str, object], mistakes: Mistakes) -> tuple[str, str, str] | None:
    """Key, name, description."""
    key = read_key(body, "trait", mistakes)
    name = read_text(body["name"], "name", mistakes) if "name" in body else key
    description = read_text(body["description"], "description", mistakes) if "description" in body else ""
    return None if key is None or name is None or description is None else (key, name, description)


def _read_computed(body: Mapping[str, object], mistakes: Mistakes) -> ComputedTrait | None:
    known_keys(body, COMPUTED_KEYS, "", mistakes)
    head = _read_head(body, mistakes)
    step = read_step(body, "", mistakes)
    window = read_window(body, "", mistakes)
    reducer = _read_reducer(body, mistakes)
    minimum = read_whole(body.get("minimum", 2), "minimum", mistakes)
    less = _read_less(body["less"], mistakes) if "less" in body else None
    if "minimum" in body and "most_frequent" not in body:
        mistakes.add("minimum", "goes with `most_frequent` only.")
    if "less" in body and "sum" not in body:
        mistakes.add("less", "is taken off a `sum` only.")
    if head is None or step is None or reducer is None or minimum is None:
        return None
    name, read_property = reducer
    return ComputedTrait(
        key=head[0],
        name=head[1],
        description=head[2],
        step=step,
        window=window,
        reducer=name,
        path=read_property,
        minimum=minimum,
        less=less,
    )


def _read_reducer(body: Mapping[str, object], mistakes: Mistakes) -> tuple[TraitReducer, str] | None:
    named = [name for name in ("count", *REDUCERS) if name in body]
    if len(named) != 1:
        listed = ", ".join(("count", *REDUCERS))
        told = f"has {' and '.join(f'`{name}`' for name in named)}" if named else "does not say what it is"
        mistakes.add("trait", f"{told}: one of {listed}.", "To count events, write `count: true`." if not named else "")
        return None
    name = named[0]
    if name == "count":
        if body["count"] is not True:
            mistakes.add("count", f"must be true, not {shown(body['count'])}.", "To count some only, use `where`.")
        return "count", ""
    path = _read_property(body[name], name, name, mistakes)
    return None if path is None else (cast(TraitReducer, name), path)


def _read_property(value: object, path: str, reducer: str, mistakes: Mistakes) -> str | None:
    name = read_text(value, path, mistakes)
    if name is not None:
        check_path(name, path, mistakes)
        if reducer in OF_NUMBERS:
            tell_many(name, reducer, path, mistakes)
    return name


def _read_less(value: object, mistakes: Mistakes) -> Takings | None:
    body = read_mapping(value, "less", mistakes)
    if body is None:
        return None
    known_keys(body, LESS_KEYS, "less", mistakes)
    step = read_step(body, "less", mistakes)
    taken = _read_property(body.get("sum"), join("less", "sum"), "sum", mistakes)
    return None if step is None or taken is None else Takings(step=step, path=taken)


def _read_lifetime(body: Mapping[str, object], mistakes: Mistakes) -> ComputedTrait | None:
    """`lifetime_value: true`, or the property that holds the money: of all orders, less what was refunded."""
    known_keys(body, LIFETIME_KEYS, "", mistakes)
    said = body[LIFETIME]
    money = TOTAL if said is True else _read_property(said, LIFETIME, "sum", mistakes)
    head = _read_head({"key": LIFETIME, **body}, mistakes)
    window = read_window(body, "", mistakes)
    shared = {name: body[name] for name in ("where", "source") if name in body}
    bought, refunded = (read_step({"event": event, **shared}, "", mistakes) for event in (BOUGHT, REFUNDED))
    if money is None or head is None or bought is None or refunded is None:
        return None
    return ComputedTrait(
        key=head[0],
        name=head[1],
        description=head[2],
        step=bought,
        window=window,
        reducer="sum",
        path=money,
        less=Takings(step=refunded, path=money),
    )


def _read_sql(body: Mapping[str, object], folder: Path | None, mistakes: Mistakes) -> SqlTrait | None:
    known_keys(body, SQL_KEYS, "", mistakes)
    head = _read_head(body, mistakes)
    query = _read_query(body, folder, mistakes)
    columns = _read_columns(body, head[0] if head else "", mistakes)
    identifier = read_text(body["identifier"], "identifier", mistakes) if "identifier" in body else None
    if head is None or query is None or columns is None:
        return None
    key, name, description = head
    return SqlTrait(key=key, name=name, description=description, query=query, columns=columns, identifier=identifier)


def _read_query(body: Mapping[str, object], folder: Path | None, mistakes: Mistakes) -> str | None:
    if "query" in body and "file" in body:
        mistakes.add("file", "stands beside `query`: it is one of them.", "Keep one of them.")
        return None
    if "query" in body:
        return read_text(body["query"], "query", mistakes)
    name = read_text(body["file"], "file", mistakes)
    if name is None or folder is None:
        return None
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
        near = did_you_mean(name, (each.name for each in folder.glob("*.sql")))
        mistakes.add("file", f"`{name}` is not a file in {folder}.", near)
        return None
    return file_text(path, mistakes)


def _read_columns(body: Mapping[str, object], key: str, mistakes: Mistakes) -> tuple[tuple[str, str], ...] | None:
    if "columns" not in body:
        column = read_text(body["column"], "column", mistakes) if "column" in body else key
        return None if column is None else ((key, column),)
    listed = body["columns"]
    if "column" in body or not isinstance(listed, list) or not 0 < len(listed) <= MOST_COLUMNS:
        told = f"must be a list of 1 to {MOST_COLUMNS} columns, without `column` beside it: each is a trait."
        mistakes.add("columns", told)
        return None
    names = [read_text(part, f"columns[{n}]", mistakes) for n, part in enumerate(listed)]
    if None in names:
        return None
    return tuple((name, name) for name in dict.fromkeys(names) if name is not None)
