"""`guestlist do-not-send`: people who must never be sent, whatever is imported later."""

import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

import typer

from guestlist.cli.frame import DONE, NEEDS_A_PERSON, AsJson, SpaceDir, add_row, answer, say, show, table
from guestlist.cli.handing_over import hand_over
from guestlist.clock import WallClock, microseconds
from guestlist.connections import clock_of
from guestlist.destinations.meta.manifest import Key
from guestlist.destinations.meta.match_keys import MatchKeySettings, cell
from guestlist.errors import WrongUseError
from guestlist.profiles.do_not_send import SENT_AS, token
from guestlist.records import open_records
from guestlist.space import Space, open_space
from guestlist.store.journal_tables import Listed

commands = typer.Typer(
    help="People who must never be sent to Meta (privacy); it survives every import.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

_KEYS: dict[str, Key] = {
    "email": "EMAIL",
    "phone": "PHONE",
    "madid": "MADID",
    "ios.idfa": "MADID",
    "android.idfa": "MADID",
}
_TYPES = (*_KEYS, "user_id", "anonymous_id", "extern_id")
_TYPE = re.compile(r"[a-z][a-z0-9_.-]{0,63}")
_USE = "For example email:jane@example.org, phone:+491713920007, user_id:u1042, or email: and its SHA-256."

Values = Annotated[
    list[str] | None, typer.Argument(metavar="TYPE:VALUE", help="email, phone, user_id, ios.idfa, android.idfa, …")
]
File = Annotated[
    Path | None, typer.Option("--file", metavar="FILE", help="A file with one TYPE:VALUE a line; - for stdin.")
]


@dataclass(frozen=True, kw_only=True, repr=False)
class Named:
    """What a person typed, read as it would be sent: a value and its hash are the same."""

    kind: str
    key: str
    sent: str

    def token(self, pepper: str) -> bytes:
        """Its entry on the list."""
        return token(pepper, self.key, self.sent)


def read_named(space: Space, typed: str) -> Named:
    """TYPE:VALUE. What was typed is never repeated in an error."""
    kind, colon, value = typed.partition(":")
    kind, value = kind.strip().lower(), value.strip()
    if not colon or not value or not _TYPE.fullmatch(kind):
        raise WrongUseError("no_person_named", "A person is named as TYPE:VALUE.", next_step=_USE)
    if kind in _KEYS:
        return Named(kind=kind, key=_KEYS[kind], sent=_sent(space, kind, value))
    near = [] if kind in _own_types(space) else get_close_matches(kind, [*_TYPES, *_own_types(space)], 1, 0.75)
    if near and near[0] != kind:
        raise WrongUseError(
            "unknown_id_type",
            "Nobody is known by an id of that type.",
            nothing_lost="Nothing was changed.",
            next_step=f"Did you mean {near[0]}: ?",
        )
    return Named(kind=kind, key="EXTERN_ID" if kind == "extern_id" else SENT_AS.get(kind, kind), sent=value)


def _own_types(space: Space) -> list[str]:
    """Types of ids that the space's own mappings name."""
    columns = [column for source in space.settings.sources.values() for column in source.get("columns", {}).values()]
    return [str(column).removeprefix("id:") for column in columns if str(column).startswith("id:")]


def _sent(space: Space, kind: str, value: str) -> str:
    usual = space.settings
    settings = MatchKeySettings(
        this_year=WallClock().now().year, country=usual.country or "", time_zone=usual.time_zone
    )
    read = cell(_KEYS[kind], value, settings.country, settings)
    if not read.sent:
        raise WrongUseError(
            "bad_person_value",
            f"The value after {kind}: cannot be read as one{f' ({read.reason.value})' if read.reason else ''}.",
            nothing_lost="Nothing was changed.",
            next_step="A phone number needs its country code, such as +49, unless the space has a country."
            if kind == "phone"
            else "Check it for a slip of the pen.",
        )
    return read.sent


_LATER = "They are sent no more. At Meta they leave with the next sync; a running Guestlist takes 5 minutes at most."


@commands.command()
def add(
    values: Values = None,
    *,
    file: File = None,
    reason: Annotated[str, typer.Option(metavar="WORDS", help="Why, for the record; no personal data.")] = "",
    space: SpaceDir = Path(),
    as_json: AsJson = False,
) -> int:
    """Put people on the list. They are sent no more, and leave every audience at Meta at once.

    What is stored is not the value but a token of it: SHA-256 with a secret of this space.

    guestlist do-not-send add email:jane@example.org phone:+491713920007

    guestlist do-not-send add --file objections.txt --reason "objection by post"
    """
    here = open_space(space)
    named, bad = _read(here, values, file)
    now = microseconds(clock_of(here).now())
    with open_records(here) as records:
        pepper = records.pepper
        entries = [Listed(token=one.token(pepper), kind=one.kind, listed_at=now, reason=reason) for one in named]
        new = records.journal.list_do_not_send(entries)
        counts = {"new": new, "given": len(entries)}
        records.journal.audit(actor="command line", action="do-not-send add", about="list", counts=counts, now=now)
        gone = hand_over(here, records)
    if as_json:
        told = {"listed": new, "already_listed": len(entries) - new, "left_meta": gone, "not_read": _bad_facts(bad)}
        answer(told)
    else:
        say(f"{new:,} put on the do-not-send list{_already(len(entries) - new)}.")
        say("They are sent no more, and their removals are with Meta." if gone else _LATER)
        _tell_bad(bad)
    return NEEDS_A_PERSON if bad else DONE


@commands.command()
def remove(values: Values = None, *, file: File = None, space: SpaceDir = Path(), as_json: AsJson = False) -> int:
    """Take people off the list: from now on they may be sent again.

    guestlist do-not-send remove email:jane@example.org
    """
    here = open_space(space)
    named, bad = _read(here, values, file)
    with open_records(here) as records:
        gone = records.journal.unlist_do_not_send(one.token(records.pepper) for one in named)
        now = microseconds(clock_of(here).now())
        counts = {"gone": gone, "given": len(named)}
        records.journal.audit(actor="command line", action="do-not-send remove", about="list", counts=counts, now=now)
    missing = len(named) - gone
    if as_json:
        answer({"removed": gone, "were_not_listed": missing, "not_read": _bad_facts(bad)})
    else:
        say(f"{gone:,} taken off the do-not-send list" + (f"; {missing:,} were not on it." if missing else "."))
        _tell_bad(bad)
    return NEEDS_A_PERSON if bad else DONE


@commands.command("list")
def list_entries(values: Values = None, *, space: SpaceDir = Path(), as_json: AsJson = False) -> int:
    """Show how many are on the list; with TYPE:VALUE whether these are. The list knows no values, so it shows none.

    guestlist do-not-send list

    guestlist do-not-send list email:jane@example.org
    """
    here = open_space(space)
    asked = [read_named(here, value) for value in values or ()]
    with open_records(here) as records:
        entries = {entry.token: entry for entry in records.journal.do_not_send()}
        found = [entries.get(one.token(records.pepper)) for one in asked]
    if asked:
        return _tell_found(asked, found, as_json=as_json)
    _tell_all(list(entries.values()), as_json=as_json)
    return DONE


def _tell_found(asked: Sequence[Named], found: Sequence[Listed | None], *, as_json: bool) -> int:
    if as_json:
        told = [
            {"type": one.kind, "listed": entry is not None, **_entry_facts(entry)}
            for one, entry in zip(asked, found, strict=True)
        ]
        answer({"asked": told})
        return DONE
    for number, (one, entry) in enumerate(zip(asked, found, strict=True), start=1):
        said = f"listed since {_day(entry.listed_at)}{_because(entry)}" if entry else "not listed"
        say(f"{number}. {one.kind}: {said}")
    return DONE


def _entry_facts(entry: Listed | None) -> dict[str, str]:
    return {"since": _day(entry.listed_at), "reason": entry.reason} if entry else {}


def _tell_all(entries: Sequence[Listed], *, as_json: bool) -> None:
    counts = Counter((entry.kind, _day(entry.listed_at), entry.reason) for entry in entries)
    lines = sorted(counts.items(), key=lambda line: (line[0][1], line[0]))
    if as_json:
        told = [{"type": kind, "day": day, "reason": why, "entries": number} for (kind, day, why), number in lines]
        answer({"entries": len(entries), "lines": told})
        return
    if lines:
        shown = table("type", "listed on", "reason", "entries", right=["entries"])
        for (kind, day, why), number in lines:
            add_row(shown, (kind, day, why, f"{number:,}"))
        show(shown)
    say(f"{len(entries):,} entries. A person may have several: e-mail, phone, ids.")


def _because(entry: Listed) -> str:
    return f" ({entry.reason})" if entry.reason else ""


def _already(number: int) -> str:
    return f"; {number:,} were on it already" if number else ""


def _day(instant: int) -> str:
    return datetime.fromtimestamp(instant / 1_000_000, UTC).date().isoformat()


# Several values


@dataclass(frozen=True, kw_only=True)
class _Bad:
    """A value that cannot be read: where it stood, not what it was."""

    where: str
    why: str


def _read(space: Space, values: Sequence[str] | None, file: Path | None) -> tuple[list[Named], list[_Bad]]:
    """What can be read is done even if something else cannot: nobody waits for another's slip of the pen."""
    given = [*_typed(values or ()), *(_lines(file) if file else ())]
    if not given:
        raise WrongUseError("no_person_named", "Name at least one person as TYPE:VALUE, or a --file.", next_step=_USE)
    named: list[Named] = []
    bad: list[_Bad] = []
    for where, value in given:
        try:
            named.append(read_named(space, value))
        except WrongUseError as error:
            if len(given) == 1:
                raise
            bad.append(_Bad(where=where, why=error.message))
    return named, bad


def _typed(values: Sequence[str]) -> Iterator[tuple[str, str]]:
    for number, value in enumerate(values, start=1):
        yield f"value {number}", value


def _lines(file: Path) -> Iterator[tuple[str, str]]:
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise WrongUseError(
            "file_unreadable", f"{file} cannot be read: {why}.", nothing_lost="Nothing was changed.", next_step=_USE
        ) from None
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            yield f"line {number}", line.strip()


def _bad_facts(bad: Sequence[_Bad]) -> list[dict[str, str]]:
    return [{"where": one.where, "why": one.why} for one in bad]


def _tell_bad(bad: Sequence[_Bad]) -> None:
    if bad:
        say(f"{len(bad):,} could not be read and are not done:", *(f"  {one.where}: {one.why}" for one in bad))
