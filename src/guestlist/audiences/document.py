"""A document (YAML 1.2 or JSON) -> a definition, with every mistake told at once."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, cast, get_args

from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from guestlist.audiences.conditions import Inside, read_condition
from guestlist.audiences.definition import Condition, Definition, Mode, Sync, references
from guestlist.audiences.lots import read_groups, read_history, read_percent, read_split
from guestlist.audiences.mistakes import DefinitionError, Mistake, Mistakes, did_you_mean
from guestlist.audiences.pasting import with_queries_quoted
from guestlist.audiences.reading import (
    as_meant,
    join,
    read_flag,
    read_mapping,
    read_text,
    read_word,
    shown,
)
from guestlist.audiences.schedule import read_schedule

KEYS = ("key", "name", "description", "who", "anonymous", "history", "sample", "split", "holdout", "sync", "owner")
SYNC_KEYS = ("to", "every", "cron", "mode", "adopt", "rename", "groups")
KEY = re.compile(r"[a-z][a-z0-9_]{0,63}")
MODES = get_args(Mode)
OWNERS = ("files", "page")
RENAMES = ("follow", "keep")
ENDINGS = (".yaml", ".yml", ".json")
LARGEST = 1_000_000
_START = "Start with `key:` and `who:`."


class _Constructor(SafeConstructor):
    """Leaves dates as the text that was written: what a date means depends on where it stands."""


_Constructor.add_constructor("tag:yaml.org,2002:timestamp", SafeConstructor.construct_yaml_str)


def read(text: str, *, file: str = "", audiences: Iterable[str] = ()) -> Definition:
    """The definition in `text`; DefinitionError names every mistake. `audiences`: keys that a query can ask about."""
    mistakes = Mistakes()
    value = load(text, file, mistakes, start=_START)
    around = _Around(audiences=frozenset(audiences))
    definition = None if value is None else _read_value(value, file, around, mistakes, Mistakes())
    if definition is None or mistakes.found:
        raise DefinitionError(mistakes.found)
    return definition


def read_folder(folder: Path, *, destinations: Iterable[str] | None = None) -> tuple[Definition, ...]:
    """All audiences of a folder, checked against each other; mistakes of all files are told together."""
    found = _read_each(folder, destinations)
    mistakes = [mistake for one in found for mistake in one.mistakes.found]
    mistakes += [mistake for one in found for mistake in one.names.found]
    if mistakes:
        raise DefinitionError(mistakes)
    return tuple(one.definition for one in found if one.definition is not None)


def read_usable(folder: Path) -> tuple[tuple[Definition, ...], dict[str, DefinitionError]]:
    """The audiences of a folder that can be used, and by their keys what is wrong with the others."""
    found = _read_each(folder, None)
    mistaken = {
        one.key: DefinitionError(mistakes) for one in found if (mistakes := one.mistakes.found + one.names.found)
    }
    usable = (one.definition for one in found if one.definition is not None)
    return tuple(one for one in usable if one.key not in mistaken), mistaken


@dataclass(frozen=True, kw_only=True, slots=True)
class _Around:
    """What a definition may name: audiences, and destinations where these are known."""

    audiences: frozenset[str]
    destinations: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Read:
    """What came of one file. `key`: of its audience, or what it would be; `names`: what it names that is not there."""

    file: str
    key: str
    definition: Definition | None
    mistakes: Mistakes
    names: Mistakes


def _read_each(folder: Path, destinations: Iterable[str] | None) -> list[_Read]:
    """Every file, checked against the others."""
    loaded = _loaded(folder)
    known = None if destinations is None else tuple(sorted(destinations))
    around = _Around(audiences=frozenset(one.key for one in loaded), destinations=known)
    found: dict[str, _Read] = {}
    others: list[_Read] = []
    for one in loaded:
        mistakes, names = Mistakes(), Mistakes()
        definition = one.read(around, mistakes, names)
        key = one.key if definition is None else definition.key
        read = _Read(file=one.file, key=key, definition=definition, mistakes=mistakes, names=names)
        if definition is not None and key in found:
            mistakes.add(f"{one.file}: key", f"`{key}` is already the key of {found[key].file}.")
        if definition is None or key in found:
            others.append(read)
        else:
            found[key] = read
    return sorted((*found.values(), *others), key=lambda read: read.file)


def keys_in(folder: Path) -> frozenset[str]:
    """The audiences of a folder, whatever mistakes there are in it."""
    return frozenset(one.key for one in _loaded(folder))


def keys_by_file(folder: Path) -> dict[str, str]:
    """By the names of its files, the key of the audience in each."""
    return {one.file: one.key for one in _loaded(folder)}


def file_of(folder: Path, key: str) -> Path | None:
    """The file of an audience."""
    return next((folder / one.file for one in _loaded(folder) if one.key == key), None)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Loaded:
    """A file as YAML has it, None where that failed; `key` is the file's name where it has no other."""

    file: str
    key: str
    value: object
    mistakes: Mistakes

    def read(self, around: _Around, mistakes: Mistakes, names: Mistakes) -> Definition | None:
        mistakes.found += self.mistakes.found
        return None if self.value is None else _read_value(self.value, self.file, around, mistakes, names)


def _loaded(folder: Path) -> tuple[_Loaded, ...]:
    return tuple(_load_file(path) for path in sorted(folder.glob("*")) if path.suffix in ENDINGS)


def _load_file(path: Path) -> _Loaded:
    mistakes = Mistakes()
    text = file_text(path, mistakes)
    value, found = (None, ()) if text is None else _parsed(text, path.name)
    mistakes.found += found
    key = value.get("key") if isinstance(value, dict) else None
    return _Loaded(file=path.name, key=key if isinstance(key, str) else path.stem, value=value, mistakes=mistakes)


@lru_cache(maxsize=1_000)
def _parsed(text: str, file: str) -> tuple[object, tuple[Mistake, ...]]:
    """A service reads its definitions at every look; YAML takes milliseconds a file. Nobody changes what is given."""
    mistakes = Mistakes()
    value = load(text, file, mistakes, start=_START)
    return value, tuple(mistakes.found)


def file_text(path: Path, mistakes: Mistakes) -> str | None:
    """What stands in a file of definitions."""
    try:
        if path.stat().st_size > LARGEST:
            mistakes.add(path.name, f"is larger than {LARGEST:,} bytes: that is no definition.")
            return None
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        mistakes.add(path.name, f"is not UTF-8 (byte {error.start}).", "Save it as UTF-8.")
        return None


def _read_value(value: object, file: str, around: _Around, mistakes: Mistakes, names: Mistakes) -> Definition | None:
    inner, named = Mistakes(), Mistakes()
    definition = _read_definition(value, around, inner, named)
    _take_over(inner, file, mistakes)
    _take_over(named, file, names)
    return None if inner.found else definition


def _take_over(inner: Mistakes, file: str, mistakes: Mistakes) -> None:
    for one in inner.found:
        path = f"{file}: {one.path}" if file else one.path
        mistakes.add(path, one.message, one.suggestion, excerpt=one.excerpt)


def load(text: str, file: str, mistakes: Mistakes, *, start: str) -> object:
    """The document in a text; `start` says how to begin one."""
    try:
        value = _yaml(text)
    except (YAMLError, ValueError, RecursionError) as error:
        return _load_with_queries(text, file, mistakes, error)
    if value is None:
        mistakes.add(file, "is empty.", start)
    return value


def _yaml(text: str) -> object:
    loader = YAML(typ="safe", pure=True)
    loader.version = (1, 2)
    loader.Constructor = _Constructor
    return cast(object, loader.load(text))


def _load_with_queries(text: str, file: str, mistakes: Mistakes, error: Exception) -> object:
    """The document with its queries put in quotes: pasted as they are, a colon and a space in one end YAML's text."""
    quoted = with_queries_quoted(text)
    if quoted != text:
        try:
            return _yaml(quoted)
        except (YAMLError, ValueError, RecursionError):
            hint = "A query goes below `who: |`, on lines of its own that are indented."
            mistakes.add(file, _why_not_yaml(error), hint)
            return None
    mistakes.add(file, _why_not_yaml(error), "Check quotes, colons and indentation there.")
    return None


def _why_not_yaml(error: Exception) -> str:
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        problem = str(error.problem).split(" with value", 1)[0]
        return f"cannot be read as YAML: line {mark.line + 1}, column {mark.column + 1}: {problem}."
    return "cannot be read as YAML."


def _read_definition(value: object, around: _Around, mistakes: Mistakes, names: Mistakes) -> Definition | None:
    """Mistakes, and in `names` what is named that is not there; these are told though there are others."""
    body = read_mapping(value, "", mistakes)
    if body is None:
        return None
    body = as_meant(body, KEYS, "", mistakes)
    key = read_key(body, "audience", mistakes)
    name = read_text(body["name"], "name", mistakes) if "name" in body else key
    description = read_text(body["description"], "description", mistakes) if "description" in body else ""
    who = _read_who(body, mistakes, around.audiences)
    if who is not None:
        _check_references(who, around.audiences, names)
    split = read_split(body, mistakes)
    of = _SyncsOf(groups=frozenset(group.name for group in split), destinations=around.destinations, names=names)
    syncs = _read_syncs(body["sync"], of, mistakes) if "sync" in body else ()
    owner = read_word(body.get("owner", "files"), OWNERS, "owner", mistakes)
    anonymous = read_flag(body.get("anonymous", True), "anonymous", mistakes)
    since = read_history(body.get("history", "all"), "history", mistakes)
    sample = read_percent(body.get("sample", "100%"), "sample", mistakes)
    if key is None or name is None or description is None or who is None:
        return None
    if owner is None or anonymous is None or sample is None:
        return None
    return Definition(
        key=key,
        name=name,
        description=description,
        who=who,
        syncs=syncs,
        owner=cast(Literal["files", "page"], owner),
        anonymous=anonymous,
        since=since,
        sample=sample,
        split=split,
    )


def read_key(body: Mapping[str, object], kind: str, mistakes: Mistakes) -> str | None:
    """The name of an audience or a trait."""
    if "key" not in body:
        mistakes.add("key", f"is missing: it names the {kind} and never changes.", f"Add a line `key: my_{kind}`.")
        return None
    key = read_text(body["key"], "key", mistakes)
    if key is None or KEY.fullmatch(key):
        return key
    better = re.sub(r"[^a-z0-9]+", "_", key.casefold()).lstrip("_0123456789").rstrip("_")[:64]
    hint = f"Did you mean `{better}`?" if better else ""
    mistakes.add("key", "must be small letters, digits and _, begin with a letter, at most 64 long.", hint)
    return None


def _read_who(body: Mapping[str, object], mistakes: Mistakes, audiences: frozenset[str]) -> Condition | None:
    if "who" in body:
        return read_condition(body["who"], "who", mistakes, Inside(audiences=audiences))
    mistakes.add("who", "is missing: it says who belongs to the audience.", "Add `who:` with a condition.")
    return None


def _check_references(who: Condition, audiences: frozenset[str], names: Mistakes) -> None:
    for key in sorted(references(who) - audiences):
        names.add("who", f"asks about the audience `{key}`, which is not here.", did_you_mean(key, audiences))


@dataclass(frozen=True, kw_only=True, slots=True)
class _SyncsOf:
    """What the syncs of a definition may name, and where it is told what is not there."""

    groups: frozenset[str]
    destinations: tuple[str, ...] | None
    names: Mistakes

    def check_destination(self, to: str, path: str) -> None:
        if self.destinations is not None and to not in self.destinations:
            hint = did_you_mean(to, self.destinations) or f"Connect it: guestlist destinations connect {to}"
            self.names.add(path, f"`{to}` is not a connected destination.", hint)


def _read_syncs(value: object, of: _SyncsOf, mistakes: Mistakes) -> tuple[Sync, ...]:
    listed = value if isinstance(value, list) else [value]
    paths = [f"sync[{n}]" if isinstance(value, list) else "sync" for n in range(len(listed))]
    read_all = [_read_sync(part, path, of, mistakes) for part, path in zip(listed, paths, strict=True)]
    syncs = tuple(sync for sync in read_all if sync is not None)
    seen: set[str] = set()
    for sync, path in zip(read_all, paths, strict=True):
        if sync is not None and sync.to in seen:
            mistakes.add(join(path, "to"), f"`{sync.to}` is named twice: an audience has one sync per destination.")
        seen |= set() if sync is None else {sync.to}
    return syncs


def _read_sync(value: object, path: str, of: _SyncsOf, mistakes: Mistakes) -> Sync | None:
    body = {"to": value} if isinstance(value, str) else read_mapping(value, path, mistakes)
    if body is None:
        return None
    body = as_meant(body, SYNC_KEYS, path, mistakes)
    if "to" not in body:
        mistakes.add(join(path, "to"), "is missing: it names the destination.")
    to = read_text(body["to"], join(path, "to"), mistakes) if "to" in body else None
    if to is not None:
        of.check_destination(to, join(path, "to"))
    when = read_schedule(body, path, mistakes)
    mode = read_word(body.get("mode", "mirror"), MODES, join(path, "mode"), mistakes)
    adopt = _read_adopt(body["adopt"], join(path, "adopt"), mistakes) if "adopt" in body else None
    rename = read_word(body.get("rename", "follow"), RENAMES, join(path, "rename"), mistakes)
    sent = read_groups(body["groups"], set(of.groups), join(path, "groups"), mistakes) if "groups" in body else ()
    if to is None or when is None or mode is None or rename is None:
        return None
    kept = cast(Literal["follow", "keep"], rename)
    return Sync(to=to, when=when, mode=cast(Mode, mode), adopt=adopt, rename=kept, groups=sent)


def _read_adopt(value: object, path: str, mistakes: Mistakes) -> str | Literal[False] | None:
    if value is False:
        return False
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if isinstance(text, str) and text.isdecimal():
        return text
    mistakes.add(path, f"must be the id of an audience at Meta (digits) or false, not {shown(value)}.")
    return None
