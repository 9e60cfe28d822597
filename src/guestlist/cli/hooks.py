"""`guestlist hooks`: where it is told who enters and who exits audiences."""

from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit, urlunsplit

import typer

from guestlist.cli.frame import DONE, NEEDS_A_PERSON, AsJson, SpaceDir, add_row, answer, say, show, table
from guestlist.connected.connections import clock_of
from guestlist.errors import WrongUseError
from guestlist.hooks import registry
from guestlist.hooks.posting import Verdict
from guestlist.hooks.sending import Sent, send_waiting
from guestlist.records import open_records
from guestlist.space import Space, open_space
from guestlist.store.journal_hooks import Hook, Letter
from guestlist.store.vault import Secret
from guestlist.syncing import open_to_sync
from guestlist.telling import masking
from guestlist.telling.explaining import clock as clock_text

commands = typer.Typer(
    help="Hooks: other systems that are told who enters and exits audiences.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
Name = Annotated[str, typer.Argument(metavar="NAME", help="Small letters, digits, _ and -.")]
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
    space: SpaceDir = Path(),
    as_json: AsJson = False,
) -> None:
    """Add a hook: who enters and who exits is sent there, in order, from the next evaluation on.

    A webhook is signed (standardwebhooks.com); its secret is shown this once.

    guestlist hooks add crm --url https://crm.example.org/hooks --audiences vip,lapsed --also email

    guestlist hooks add seg --as segment --url https://api.segment.io/v1/batch --write-key-file key
    """
    here = open_space(space)
    wish = registry.Wish(
        name=name,
        url=url,
        kind=as_.value,
        calls=calls.value,
        audiences=_listed(audiences),
        also=_listed(also),
        from_start=from_start,
        write_key=None if write_key_file is None else _secret(write_key_file),
    )
    with open_records(here) as records:
        added = registry.add(here, records, wish, clock_of(here))
    if as_json:
        answer({"name": name, "secret": added.secret.reveal() if added.secret else None})
        return
    say(f"Hook {name} is there; it begins with the next evaluation. Try it: guestlist hooks test {name}")
    if added.secret:
        say("Its requests are signed with this secret, shown this once:", "", f"    {added.secret.reveal()}")


def _listed(typed: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for part in typed.split(",") if (one := str(part).strip())))


def _secret(place: Path) -> Secret:
    text = str(place.read_text("utf-8")).strip()
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise WrongUseError(
            "hook_needs_key",
            f"{place} holds no write key.",
            nothing_lost="Nothing was changed.",
            next_step="Put the write key into it, alone on one line.",
        )
    return Secret(text)


@commands.command("list")
def list_hooks(*, space: SpaceDir = Path(), as_json: AsJson = False) -> None:
    """List the hooks, with what they sent and how they stand.

    guestlist hooks list
    """
    here = open_space(space)
    with open_records(here) as records:
        found, letters = records.journal.hooks(), records.journal.letters()
    if as_json:
        answer({"hooks": [_facts(one, letters) for one in found]})
        return
    if not found:
        say("There is no hook yet. Add one with: guestlist hooks add NAME --url https://…")
        return
    shown = table("hook", "as", "audiences", "sent", "left out", "last sent", "stands", right=("sent", "left out"))
    for one in found:
        last = clock_text(_instant(one.sent_at), here.settings.zone) if one.sent_at else "never"
        of = ", ".join(one.audiences) or "all"
        add_row(shown, (one.name, one.kind, of, f"{one.sent:,}", f"{one.left_out:,}", last, _stands(one, here)))
    show(shown)
    _tell_letters(letters)


def _tell_letters(letters: list[Letter]) -> None:
    if letters:
        people = sum(one.people for one in letters)
        say(f"Dead letters: {len(letters):,}, of {people:,} people. See: guestlist hooks failed")


def _stands(one: Hook, space: Space) -> str:
    if one.stopped:
        return f"stopped: {one.stopped}; to go on: guestlist hooks retry {one.name}"
    if one.again_at is not None and one.code:
        return f"{one.code}, again at {clock_text(_instant(one.again_at), space.settings.zone)}"
    return "begins with the next evaluation" if one.upto is None else "fine"


def _state(one: Hook) -> str:
    if one.stopped:
        return "stopped"
    return "new" if one.upto is None else "waits" if one.failures else "fine"


def _facts(one: Hook, letters: list[Letter]) -> dict[str, object]:
    own = [each for each in letters if each.hook == one.name]
    return {
        "name": one.name,
        "url": _without_keys(one.url),
        "as": one.kind,
        "calls": one.calls if one.kind == "segment" else None,
        "audiences": list(one.audiences),
        "also": list(one.also),
        "state": _state(one),
        "code": one.stopped or one.code,
        "sent": one.sent,
        "left_out": one.left_out,
        "sent_at": _instant(one.sent_at) if one.sent_at else None,
        "again_at": _instant(one.again_at) if one.again_at else None,
        "letters": len(own),
    }


def _without_keys(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit((*parts[:3], masking.STARS if parts.query else "", ""))


def _instant(microseconds: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=microseconds)


@commands.command()
def remove(name: Name, *, space: SpaceDir = Path(), as_json: AsJson = False) -> None:
    """Take a hook away, with all that waits for it.

    guestlist hooks remove crm
    """
    here = open_space(space)
    with open_records(here) as records:
        registry.remove(records, name, clock_of(here))
    if as_json:
        answer({"name": name, "removed": True})
    else:
        say(f"Hook {name} is gone. Who was told of stays known there.")


@commands.command()
def rotate(
    name: Name,
    *,
    overlap: Annotated[
        int, typer.Option(min=0, metavar="HOURS", help="How long it is signed with the old secret, too.")
    ] = 24,
    space: SpaceDir = Path(),
    as_json: AsJson = False,
) -> None:
    """Make a new secret for a webhook and show it, this once. For a while it is signed with both.

    guestlist hooks rotate crm --overlap 48
    """
    here = open_space(space)
    with open_records(here) as records:
        secret = registry.rotate(records, name, clock_of(here), overlap=timedelta(hours=overlap))
    if as_json:
        answer({"name": name, "secret": secret.reveal(), "overlap_hours": overlap})
        return
    say(f"The new secret of {name}, shown this once; the old one holds for {overlap} hours more:", "")
    say(f"    {secret.reveal()}")


@commands.command("test")
def try_out(name: Name, *, space: SpaceDir = Path(), as_json: AsJson = False) -> int:
    """Send one request that tells of nobody, and say what came of it. Ends with 1 where it was not taken.

    guestlist hooks test crm
    """
    here = open_space(space)
    with open_records(here) as records:
        came = registry.try_out(here, records, name, clock_of(here))
    if as_json:
        answer({"name": name, "taken": came.verdict is Verdict.TAKEN, "code": came.code})
    else:
        say(f"The request {registry.meaning(came)} ({came.code}).")
    return DONE if came.verdict is Verdict.TAKEN else NEEDS_A_PERSON


@commands.command("failed")
def list_failed(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Of one hook; of all when left out.")] = None,
    *,
    space: SpaceDir = Path(),
    as_json: AsJson = False,
) -> None:
    """List dead letters: moves that were refused for good, and those of the same people that wait behind them.

    guestlist hooks failed crm
    """
    here = open_space(space)
    with open_records(here) as records:
        letters = registry.failed(records, name)
    if as_json:
        answer({"letters": [_letter_facts(one) for one in letters]})
        return
    if not letters:
        say("There is no dead letter.")
        return
    shown = table("letter", "hook", "refused", "why", "moves", "people", "", right=("letter", "moves", "people"))
    for one in letters:
        at = clock_text(_instant(one.at), here.settings.zone)
        asked = "to be sent again" if one.asked_at else ""
        add_row(shown, (one.id, one.hook, at, one.code, f"{one.moves:,}", f"{one.people:,}", asked))
    show(shown)
    say("Send them again: guestlist hooks retry NAME. Give one up: guestlist hooks drop NAME --letter NUMBER")


def _letter_facts(one: Letter) -> dict[str, object]:
    return {
        "letter": one.id,
        "hook": one.hook,
        "at": _instant(one.at),
        "code": one.code,
        "moves": one.moves,
        "people": one.people,
        "asked": one.asked_at is not None,
    }


@commands.command()
def retry(name: Name, *, letter: LetterNumber = None, space: SpaceDir = Path(), as_json: AsJson = False) -> None:
    """Have dead letters sent again, and a hook that stopped go on.

    The running service does it, or `guestlist hooks send`.

    guestlist hooks retry crm

    guestlist hooks retry crm --letter 3
    """
    here = open_space(space)
    with open_records(here) as records:
        asked = registry.retry(records, name, clock_of(here), letter=letter)
    if as_json:
        answer({"name": name, "letters": asked})
        return
    say(f"Hook {name} goes on. Dead letters to be sent again: {asked:,}.")


@commands.command()
def drop(
    name: Name,
    *,
    letter: Annotated[int, typer.Option("--letter", metavar="NUMBER", help="The dead letter.")],
    space: SpaceDir = Path(),
    as_json: AsJson = False,
) -> None:
    """Give up a dead letter: its moves are never sent, the next ones of its people are.

    guestlist hooks drop crm --letter 3
    """
    here = open_space(space)
    with open_records(here) as records:
        gone = registry.drop(records, name, letter, clock_of(here))
    if as_json:
        answer({"name": name, "letter": letter, "moves": gone.moves, "people": gone.people})
        return
    say(f"Letter {letter} is given up: {gone.moves:,} moves of {gone.people:,} people.")


@commands.command()
def send(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One hook; all when left out.")] = None,
    *,
    space: SpaceDir = Path(),
    as_json: AsJson = False,
) -> int:
    """Evaluate, and send all that waits, once; where `guestlist serve` runs, it does so by itself.

    Ends with 1 where something was not taken.

    guestlist hooks send
    """
    here = open_space(space)
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
    return f"{one.name}: {one.sent:,} {'move' if one.sent == 1 else 'moves'} sent{rest}"
