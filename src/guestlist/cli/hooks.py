"""`guestlist hooks`: where it is told who enters and who exits audiences."""

import math
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from guestlist.cli.frame import DONE, NEEDS_A_PERSON, AsJson, add_row, amount_of_time, answer, say, show, table, utc
from guestlist.cli.place import HERE, SpaceAt
from guestlist.counts import counted
from guestlist.hooks import registry
from guestlist.hooks.sending import Sent, send_waiting
from guestlist.operations.hooks import (
    AddHook,
    DropLetter,
    HookKnown,
    Hooks,
    Letters,
    ListHooks,
    ListLetters,
    RemoveHook,
    RetryHook,
    RotateHook,
    TryHook,
)
from guestlist.operations.operation import MOST
from guestlist.space import open_space
from guestlist.syncing import open_to_sync

commands = typer.Typer(
    help="Hooks: other systems that are told who enters and exits audiences.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
Name = Annotated[str, typer.Argument(metavar="NAME", help="Small letters, digits, _ and -.")]
_LONGEST_OVERLAP = timedelta(hours=8760)
LetterNumber = Annotated[int | None, typer.Option("--letter", metavar="NUMBER", help="One dead letter; all without.")]


class As(Enum):
    """In which shape moves are sent."""

    WEBHOOK = "webhook"
    SEGMENT = "segment"


class Which(Enum):
    """Which of Segment's calls."""

    BOTH = "both"
    TRACK = "track"
    IDENTIFY = "identify"


@commands.command()
def add(
    name: Name,
    *,
    url: Annotated[str, typer.Option(help="Where to send: https, or a host under allowed_hosts in guestlist.yaml.")],
    as_: Annotated[As, typer.Option("--as", help="Signed webhooks, or the calls of Segment Engage.")] = As.WEBHOOK,
    audiences: Annotated[
        str, typer.Option(metavar="KEYS", help="Of which audiences, with commas between; all when left out.")
    ] = "",
    also: Annotated[
        str, typer.Option(metavar="NAMES", help="What to send beside ids: email, phone, traits, with commas between.")
    ] = "",
    calls: Annotated[Which, typer.Option(help="Segment: which calls to send.")] = Which.BOTH,
    write_key_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Segment: a file that holds the source's write key.")
    ] = None,
    from_start: Annotated[
        bool, typer.Option("--from-start", help="Tell of those who are in now as entering, too.")
    ] = False,
    space: SpaceAt = HERE,
    as_json: AsJson = False,
) -> None:
    """Add a hook: who enters and who exits is sent there, in order, from the next evaluation on.

    A webhook is signed (standardwebhooks.com); its secret is shown this once.

    guestlist hooks add crm --url https://crm.example.org/hooks --audiences vip,lapsed --also email

    guestlist hooks add seg --as segment --url https://api.segment.io/v1/batch --write-key-file key
    """
    adding = AddHook(
        name=name,
        url=url,
        kind=as_.value,
        calls=calls.value,
        audiences=_listed(audiences),
        also=_listed(also),
        from_start=from_start,
        write_key=None if write_key_file is None else str(write_key_file.read_text("utf-8")).strip(),
    )
    added = space.ask(adding)
    if as_json:
        answer(added)
        return
    say(f"Hook {name} is there; it begins with the next evaluation. Try it: guestlist hooks test {name}")
    if added.secret:
        say("Its requests are signed with this secret, shown this once:", "", f"    {added.secret}")


def _listed(typed: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for part in typed.split(",") if (one := str(part).strip())))


@commands.command("list")
def list_hooks(*, space: SpaceAt = HERE, as_json: AsJson = False) -> None:
    """List the hooks, with what they sent and how they stand.

    guestlist hooks list
    """
    told = space.ask(ListHooks())
    if as_json:
        answer(told)
    else:
        _tell(told)


def _tell(told: Hooks) -> None:
    if not told.hooks:
        say("There is no hook yet. Add one with: guestlist hooks add NAME --url https://…")
        return
    shown = table("hook", "as", "audiences", "sent", "left out", "last sent, UTC", "stands", right=("sent", "left out"))
    for one in told.hooks:
        last = utc(one.sent_at) if one.sent_at else "never"
        of = ", ".join(one.audiences) or "all"
        add_row(shown, (one.name, one.kind, of, f"{one.sent:,}", f"{one.left_out:,}", last, _stands(one)))
    show(shown)
    letters = sum(one.letters for one in told.hooks)
    if letters:
        people = sum(one.people_in_letters for one in told.hooks)
        say(f"Dead letters: {letters:,}, of {counted(people, 'person')}. See: guestlist hooks failed")


def _stands(one: HookKnown) -> str:
    if one.state == "stopped":
        return f"stopped: {one.code}; to go on: guestlist hooks retry {one.name}"
    if one.again_at is not None and one.code:
        return f"{one.code}, again at {utc(one.again_at)} UTC"
    return "begins with the next evaluation" if one.state == "new" else "fine"


@commands.command()
def remove(name: Name, *, space: SpaceAt = HERE, as_json: AsJson = False) -> None:
    """Take a hook away, with all that waits for it.

    guestlist hooks remove crm
    """
    gone = space.ask(RemoveHook(name=name))
    if as_json:
        answer(gone)
    else:
        say(f"Hook {name} is gone. Who was told of stays known there.")


@commands.command()
def rotate(
    name: Name,
    *,
    overlap: Annotated[
        str,
        typer.Option(metavar="TIME", help="How long it is signed with the old secret, too: 48h, 2d; in whole hours."),
    ] = "24h",
    space: SpaceAt = HERE,
    as_json: AsJson = False,
) -> None:
    """Make a new secret for a webhook and show it, this once. For a while it is signed with both.

    guestlist hooks rotate crm --overlap 48h
    """
    held = amount_of_time("--overlap", overlap, plain="hours", least=timedelta(), most=_LONGEST_OVERLAP)
    made = space.ask(RotateHook(name=name, overlap=math.ceil(held / timedelta(hours=1))))
    if as_json:
        answer(made)
        return
    say(
        f"The new secret of {name}, shown this once; the old one holds for {counted(made.overlap_hours, 'hour')} more:",
        "",
    )
    say(f"    {made.secret}")


@commands.command("test")
def try_out(name: Name, *, space: SpaceAt = HERE, as_json: AsJson = False) -> int:
    """Send one request that tells of nobody, and say what came of it. Ends with 1 where it was not taken.

    guestlist hooks test crm
    """
    came = space.ask(TryHook(name=name))
    if as_json:
        answer(came)
    else:
        say(f"The request {came.in_words} ({came.code}).")
    return DONE if came.taken else NEEDS_A_PERSON


@commands.command("failed")
def list_failed(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Of one hook; of all when left out.")] = None,
    *,
    space: SpaceAt = HERE,
    as_json: AsJson = False,
) -> None:
    """List dead letters: moves that were refused for good, and those of the same people that wait behind them.

    guestlist hooks failed crm
    """
    told = space.whole(ListLetters(name=name, limit=MOST), "letters")
    if as_json:
        answer(told)
    else:
        _tell_letters(told)


def _tell_letters(told: Letters) -> None:
    if not told.letters:
        say("There is no dead letter.")
        return
    shown = table("letter", "hook", "refused, UTC", "why", "moves", "people", "", right=("letter", "moves", "people"))
    for one in told.letters:
        asked = "to be sent again" if one.asked else ""
        add_row(shown, (one.letter, one.hook, utc(one.at), one.code, f"{one.moves:,}", f"{one.people:,}", asked))
    show(shown)
    say("Send them again: guestlist hooks retry NAME. Give one up: guestlist hooks drop NAME --letter NUMBER")


@commands.command()
def retry(name: Name, *, letter: LetterNumber = None, space: SpaceAt = HERE, as_json: AsJson = False) -> None:
    """Have dead letters sent again, and a hook that stopped go on.

    The running service does it, or `guestlist hooks send`.

    guestlist hooks retry crm

    guestlist hooks retry crm --letter 3
    """
    told = space.ask(RetryHook(name=name, letter=letter))
    if as_json:
        answer(told)
        return
    say(f"Hook {name} goes on. Dead letters to be sent again: {told.letters:,}.")


@commands.command()
def drop(
    name: Name,
    *,
    letter: Annotated[int, typer.Option("--letter", metavar="NUMBER", help="The dead letter.")],
    space: SpaceAt = HERE,
    as_json: AsJson = False,
) -> None:
    """Give up a dead letter: its moves are never sent, the next ones of its people are.

    guestlist hooks drop crm --letter 3
    """
    gone = space.ask(DropLetter(name=name, letter=letter))
    if as_json:
        answer(gone)
        return
    say(f"Letter {letter} is given up: {counted(gone.moves, 'move')} of {counted(gone.people, 'person')}.")


@commands.command()
def send(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="One hook; all when left out.")] = None,
    *,
    space: SpaceAt = HERE,
    as_json: AsJson = False,
) -> int:
    """Evaluate, and send all that waits, once; where `guestlist serve` runs, it does so by itself.

    Ends with 1 where something was not taken.

    guestlist hooks send
    """
    here = open_space(space.on_disk())
    with open_to_sync(here) as syncing:
        if name is not None:
            registry.named(syncing.records, name)
        syncing.refresh()
        done = send_waiting(here, syncing.records, syncing.warehouse, syncing.clock, name)
    if as_json:
        answer({"hooks": [{"name": one.name, "sent": one.sent, "code": one.code} for one in done]})
    else:
        say(*(_told(one) for one in done) if done else ["There is no hook yet."])
    return NEEDS_A_PERSON if any(one.code for one in done) else DONE


def _told(one: Sent) -> str:
    rest = f"; the rest waits: {one.code}" if one.code else ""
    return f"{one.name}: {counted(one.sent, 'move')} sent{rest}"
