"""`guestlist audiences preview | diff | history | changes`: an audience before it is sent, beside another, over time."""

from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from guestlist.cli.asking import AsOf, File, Key, list_people, write_people
from guestlist.cli.frame import AsJson, Reveal, add_row, answer, say, show, table
from guestlist.cli.place import HERE, SpaceAt
from guestlist.cli.syncs import CANNOT, left_by_lot
from guestlist.operations.insights import (
    CompareAudiences,
    ExportChanges,
    ExportDifference,
    Preview,
    PreviewAudience,
    ShowHistory,
)
from guestlist.operations.operation import MOST
from guestlist.operations.sending import Sendable, Sending
from guestlist.telling import people
from guestlist.telling.explaining import clock


def preview(
    key: Key,
    *,
    as_of: AsOf = None,
    reveal: Reveal = False,
    space: SpaceAt = HERE,
    as_json: AsJson = False,
) -> None:
    """Look at an audience before it is sent: its size, what each condition does, who can be matched, what it overlaps.

    Nothing is sent and nobody enters or leaves.

    guestlist audiences preview win_back
    """
    told = space.ask(PreviewAudience(key=key, as_of=as_of, reveal=reveal))
    if as_json:
        answer(told)
    else:
        _tell(told)


def _tell(told: Preview) -> None:
    say(f"{told.name}: {told.members:,} of {told.everybody:,} people ({_share(told.members, told.everybody)}).")
    say(*(f"{_capital(line)}." for line in told.beside), *(f"Note: {note}" for note in told.notes), "")
    _tell_parts(told)
    _tell_reach(told)
    _tell_overlaps(told)
    if told.sample:
        say("", "Some of them:")
        list_people(told.sample, ZoneInfo(told.time_zone))
    say(f"Found in {told.seconds:.1f} s. Nothing was sent, and nobody entered or left.")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _tell_parts(told: Preview) -> None:
    numbers = ("people it is true of", "it alone keeps out")
    shown = table("condition", *numbers, right=numbers)
    for part in told.conditions:
        keeps_out = f"{part.keeps_out:,}" if len(told.conditions) > 1 else ""
        add_row(shown, ("\n".join(part.in_words), f"{part.people:,}", keeps_out))
    show(shown)
    say("")


def _tell_reach(told: Preview) -> None:
    has = told.known_by
    said = ", ".join(
        f"{words} {number:,} ({_share(number, told.members)})"
        for number, words in ((has.email, "an e-mail"), (has.phone, "a phone"), (has.madid, "a mobile ad id"))
    )
    say(f"Known by: {said}; by none of these {told.members - has.any:,}.")
    if has.company:
        share = f"{_share(has.company, has.email)} of those with an e-mail"
        say(f"{has.company:,} have company addresses only ({share}), which Facebook seldom knows.")
    if told.sendable is not None:
        _tell_sendable("With the usual settings", told.sendable, told)
        if told.syncs_wished:
            say("No destination of its syncs is connected yet: guestlist destinations connect")
    for one in told.syncs:
        _tell_sendable(one.sync, one, told)
        if one.expected_at_meta is not None:
            say(
                f"{one.sync}: expect about {one.expected_at_meta:,} at Meta, going by the sizes it shows of past syncs."
            )


def _tell_sendable(where: str, one: Sending | Sendable, told: Preview) -> None:
    cannot = "; ".join(f"{n:,} {CANNOT.get(reason, reason)}" for reason, n in sorted(one.cannot.items()))
    say(f"{where}: {one.people:,} can be sent" + (f" ({cannot})." if cannot else "."))
    if one.not_chosen:
        say(f"{where}: {left_by_lot(one.not_chosen)}. Who: guestlist audiences members {told.audience}")


def _tell_overlaps(told: Preview) -> None:
    some = [line for line in told.overlaps if line.both]
    if not some:
        return
    numbers = ("people", "share of this one", "share of that one")
    shown = table("also in", *numbers, right=numbers)
    for line in some:
        shares = (_share(line.both, told.members), _share(line.both, line.people))
        add_row(shown, (line.audience, f"{line.both:,}", *shares))
    say("")
    show(shown)


def _share(some: int, every: int) -> str:
    return "0 %" if not every else f"{100 * some / every:.3g} %"


def diff(
    key: Key,
    other: Annotated[str, typer.Argument(metavar="OTHER", help="The audience to compare with.")],
    *,
    as_of: AsOf = None,
    reveal: Reveal = False,
    space: SpaceAt = HERE,
    as_json: AsJson = False,
) -> None:
    """Compare two audiences: who is in one of them, in the other, in both. With --json one person a line.

    guestlist audiences diff win_back loyal
    """
    if as_json:
        for person in space.lines(ExportDifference(key=key, other=other, as_of=as_of, reveal=reveal)):
            answer(person)
        return
    told = space.ask(CompareAudiences(key=key, other=other, as_of=as_of, reveal=reveal))
    for one in told.sides:
        say(f"{_SIDES[one.side].format(told.first, told.second)}: {one.people:,}")
        list_people(one.sample, ZoneInfo(told.time_zone))


_SIDES = {"first": "Only in {0}", "second": "Only in {1}", "both": "In both"}


def history(key: Key, *, space: SpaceAt = HERE, as_json: AsJson = False) -> None:
    """Show how an audience grew and shrank: its size, who entered and exited, at each evaluation that changed it.

    The first evaluation and the last are there too, though nobody came or went.

    guestlist audiences history win_back
    """
    told = space.whole(ShowHistory(key=key, limit=MOST), "evaluations")
    if as_json:
        answer(told)
        return
    if not told.evaluations:
        say(f"{told.name} was never evaluated yet. It is with each: guestlist sync")
        return
    numbers = ("people", "entered", "exited")
    zone = ZoneInfo(told.time_zone)
    shown = table(f"evaluated, {zone.key}", *numbers, right=numbers)
    for one in reversed(told.evaluations):  # read downwards, as time goes
        cells = (f"{number:,}" for number in (one.members, one.entered, one.exited))
        add_row(shown, (clock(one.at, zone), *cells))
    show(shown)


def changes(
    key: Key,
    *,
    since: Annotated[
        str | None, typer.Option("--since", metavar="DATE", help="Only from that day on, such as 2026-01-31.")
    ] = None,
    file: File = None,
    reveal: Reveal = False,
    space: SpaceAt = HERE,
    as_json: AsJson = False,
) -> None:
    """Write who entered and who exited, and when, as CSV (with --json one object a line), masked.

    guestlist audiences changes win_back --since 2026-01-01 --file changes.csv
    """
    listed = space.lines(ExportChanges(key=key, since=since, reveal=reveal))
    write_people(listed, file, as_json=as_json, columns=_MOVED)


_MOVED = ("at", "change", *(name for name in people.COLUMNS if name not in {"since", "group"}))
