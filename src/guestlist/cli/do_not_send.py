"""`guestlist do-not-send`: people who must never be sent, whatever is imported later."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from guestlist.cli.frame import DONE, NEEDS_A_PERSON, AsJson, add_row, answer, say, show, table, tell
from guestlist.cli.place import HERE, SpaceAt
from guestlist.counts import counted
from guestlist.errors import WrongUseError
from guestlist.operations.operation import MOST
from guestlist.operations.privacy import (
    AddDoNotSend,
    CheckDoNotSend,
    DoNotSendChecked,
    DoNotSendList,
    ListDoNotSend,
    ListedOrNot,
    RemoveDoNotSend,
    Stop,
)
from guestlist.telling.naming import USE, NotRead
from guestlist.telling.problems import error_of

commands = typer.Typer(
    help="People who must never be sent to Meta (privacy); it survives every import.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Values = Annotated[
    list[str] | None, typer.Argument(metavar="TYPE:VALUE", help="email, phone, user_id, ios.idfa, android.idfa, …")
]
File = Annotated[
    Path | None, typer.Option("--file", metavar="FILE", help="A file with one TYPE:VALUE a line; - for stdin.")
]


_LATER = "They are sent no more. At Meta they leave with the next sync; a running Guestlist takes 5 minutes at most."


@commands.command()
def add(
    values: Values = None,
    *,
    file: File = None,
    reason: Annotated[str, typer.Option(metavar="WORDS", help="Why, for the record; no personal data.")] = "",
    space: SpaceAt = HERE,
    as_json: AsJson = False,
) -> int:
    """Put people on the list. They are sent no more, and leave every audience at Meta at once.

    What is stored is not the value but a token of it: SHA-256 with a secret of this space.

    guestlist do-not-send add email:jane@example.org phone:+491713920007

    guestlist do-not-send add --file objections.txt --reason "objection by post"
    """
    given = _given(values, file)
    done = space.ask(AddDoNotSend(people=tuple(value for _, value in given), reason=reason))
    bad = _placed(done.not_read, given)
    if as_json:
        answer(done.model_copy(update={"not_read": bad}))
    else:
        say(f"{done.listed:,} put on the do-not-send list{_already(done.already_listed)}.")
        say("They are sent no more, and their removals are with Meta." if done.left_meta else _LATER)
        _tell_bad(bad)
    tell_stops(done.stops)
    return NEEDS_A_PERSON if bad else DONE


@commands.command()
def remove(values: Values = None, *, file: File = None, space: SpaceAt = HERE, as_json: AsJson = False) -> int:
    """Take people off the list: from now on they may be sent again.

    guestlist do-not-send remove email:jane@example.org
    """
    given = _given(values, file)
    done = space.ask(RemoveDoNotSend(people=tuple(value for _, value in given)))
    bad, missing = _placed(done.not_read, given), done.were_not_listed
    if as_json:
        answer(done.model_copy(update={"not_read": bad}))
    else:
        say(f"{done.removed:,} taken off the do-not-send list" + (f"; {missing:,} were not on it." if missing else "."))
        _tell_bad(bad)
    return NEEDS_A_PERSON if bad else DONE


@commands.command("list")
def list_entries(values: Values = None, *, space: SpaceAt = HERE, as_json: AsJson = False) -> None:
    """Show how many are on the list; with TYPE:VALUE whether these are. The list knows no values, so it shows none.

    guestlist do-not-send list

    guestlist do-not-send list email:jane@example.org
    """
    told: DoNotSendChecked | DoNotSendList
    if values:
        told = space.ask(CheckDoNotSend(people=tuple(values)))
    else:
        told = space.whole(ListDoNotSend(limit=MOST), "lines", by="offset")
    if as_json:
        answer(told)
    elif isinstance(told, DoNotSendChecked):
        _tell_found(told.asked)
    else:
        _tell_all(told)


def _tell_found(asked: Sequence[ListedOrNot]) -> None:
    for number, one in enumerate(asked, start=1):
        said = f"listed since {one.since}{_because(one)}" if one.listed else "not listed"
        say(f"{number}. {one.type}: {said}")


def _tell_all(told: DoNotSendList) -> None:
    if told.lines:
        shown = table("type", "listed on", "reason", "entries", right=["entries"])
        for line in told.lines:
            add_row(shown, (line.type, line.day, line.reason, f"{line.entries:,}"))
        show(shown)
    say(f"{counted(told.entries, 'entry')}. A person may have several: e-mail, phone, ids.")


def _because(entry: ListedOrNot) -> str:
    return f" ({entry.reason})" if entry.reason else ""


def _already(number: int) -> str:
    return f"; {number:,} were on it already" if number else ""


# Several values


def _given(values: Sequence[str] | None, file: Path | None) -> list[tuple[str, str]]:
    """Where each stands, and the value."""
    given = [*_typed(values or ()), *(_lines(file) if file else ())]
    if not given:
        raise WrongUseError("no_person_named", "Name at least one person as TYPE:VALUE, or a --file.", next_step=USE)
    return given


def _placed(bad: Sequence[NotRead], given: Sequence[tuple[str, str]]) -> tuple[NotRead, ...]:
    return tuple(one.model_copy(update={"where": given[one.number - 1][0]}) for one in bad)


def _typed(values: Sequence[str]) -> Iterator[tuple[str, str]]:
    for number, value in enumerate(values, start=1):
        yield f"value {number}", value


def _lines(file: Path) -> Iterator[tuple[str, str]]:
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise WrongUseError(
            "file_unreadable", f"{file} cannot be read: {why}.", nothing_lost="Nothing was changed.", next_step=USE
        ) from None
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            yield f"line {number}", line.strip()


def _tell_bad(bad: Sequence[NotRead]) -> None:
    if bad:
        say(f"{len(bad):,} could not be read and are not done:", *(f"  {one.where}: {one.why}" for one in bad))


def tell_stops(stops: Sequence[Stop]) -> None:
    """What stands in the way of removals, on stderr; they stay owed."""
    for stop in stops:
        tell(error_of(stop.facts()), as_json=False)
