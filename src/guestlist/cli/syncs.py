"""`guestlist plan | sync`: what would be sent, and sending it."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

import typer

from guestlist.cli.frame import (
    DONE,
    GOES_ON_LATER,
    NEEDS_A_PERSON,
    SOMETHING_TO_SEND,
    AsJson,
    add_row,
    answer,
    say,
    show,
    table,
)
from guestlist.cli.ordering import Order, rests
from guestlist.cli.place import HERE, Place, SpaceAt
from guestlist.cli.remote import Remote
from guestlist.cli.rounds import Rounds, read_timeout, tell_report
from guestlist.counts import counted
from guestlist.destinations.meta.deliver import State
from guestlist.destinations.meta.pace import SLOW_FROM
from guestlist.errors import WrongUseError
from guestlist.operations.at_meta import EmptySync, report_of
from guestlist.operations.desk import OnDisk
from guestlist.operations.plans import Cells, ConfirmPlan, PlannedSync, Plans, PlanSyncs
from guestlist.runs.ending import Ending
from guestlist.values.reading import TEXT

_FEW = 100
_WORDS = {str(code): words for code, words in TEXT.items()}
CANNOT = {
    "has_none": "no e-mail, phone or ad id",
    "only_unusable": "all of them unusable",
    "do_not_send": "on the do-not-send list",
}


def left_by_lot(not_chosen: Mapping[str, int]) -> str:
    """Members whom a sync does not send, by the group that was drawn for them."""
    told = [
        "{:,} {}".format(number, _GROUPS.get(name, f"in the group {name}"))
        for name, number in sorted(not_chosen.items())
    ]
    every = sum(not_chosen.values())
    return f"{every:,} {'more is' if every == 1 else 'more are'} in the audience and not sent: {', '.join(told)}"


_GROUPS = {"holdout": "held out", "": "in none of the groups"}
Key = Annotated[
    str | None, typer.Argument(metavar="KEY", help="One sync: audience@destination, or audience while it has one.")
]


def plan(
    key: Key = None,
    *,
    why: Annotated[
        bool, typer.Option("--why", help="Say why people cannot be sent, and which cells stay blank.")
    ] = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="End with 3 when there is something to send.")] = False,
    space: SpaceAt = HERE,
    as_json: AsJson = False,
) -> int:
    """Show what a sync would send now. Nothing is sent.

    guestlist plan

    guestlist plan left_a_cart --why
    """
    told = space.ask(PlanSyncs(key=key))
    if as_json:
        answer(told)
    else:
        _tell_plans(told, why=why)
    if told.stopped:
        return NEEDS_A_PERSON
    to_send = any(one.add_rows or one.remove_rows for one in told.plans)
    return SOMETHING_TO_SEND if exit_code and to_send else DONE


def _tell_plans(told: Plans, *, why: bool) -> None:
    plans = told.plans
    numbers = ("people", "can be sent", "add", "remove", "unchanged", "calls", "about")
    made = table("audience", *numbers, right=numbers)
    for one in plans:
        cells = (one.members, one.can_be_sent, one.add_rows, one.remove_rows, one.unchanged_rows, one.calls)
        add_row(made, (_label(one, plans), *(f"{number:,}" for number in cells), _about(one)))
    show(made)
    say("People are counted once; add, remove and unchanged are rows: a person with two e-mails has two.")
    for one in plans:
        _tell_notes(one, why=why)
    say(*(f"Note: {note}" for note in told.notes))
    for stopped in told.stopped:
        say(f"{stopped.name}: is not planned, and nothing of it is sent. {stopped.error.message}")
        say(f"  {stopped.error.next} [{stopped.error.code}]")
    say("Nothing was sent. To send it: guestlist sync")


def _label(one: PlannedSync, others: Sequence[PlannedSync]) -> str:
    several = sum(1 for other in others if other.audience == one.audience) > 1
    return f"{one.name} @ {one.sync.rpartition('@')[2]}" if several else one.name


def _about(one: PlannedSync) -> str:
    if _waits(one):
        return "waits"
    seconds = math.ceil(one.seconds)
    return f"{seconds} s" if seconds < 120 else f"{math.ceil(seconds / 60)} min"


def _waits(one: PlannedSync) -> bool:
    return one.calls > 0 and (one.parked is not None or one.calls_again_at is not None)


def _tell_pace(one: PlannedSync) -> None:
    """Why it takes as long as the table says, where that is not for the number of calls alone."""
    if _waits(one) and one.parked is not None:
        say(f"{one.name}: nothing goes before a person did something. {one.parked.message}",
            f"  {one.parked.next}  [{one.parked.code}]")  # fmt: skip
    elif _waits(one):
        until = (one.calls_again_at or "")[:16].replace("T", " ")
        say(f"{one.name}: Meta takes no calls for this ad account until {until} UTC. What waits goes after that.")
    elif one.calls and one.quota is not None and one.quota >= SLOW_FROM:
        say(f"{one.name}: {one.quota:.0f} % of the calls that Meta allows are used up, so it goes slowly.")


def _tell_notes(one: PlannedSync, *, why: bool) -> None:
    cannot = sum(one.cannot_be_sent.values())
    if cannot:
        said = "; ".join(f"{n:,} {CANNOT.get(reason, reason)}" for reason, n in sorted(one.cannot_be_sent.items()))
        say(f"{one.name}: {cannot:,} cannot be sent ({said})")
    if one.not_chosen:
        say(f"{one.name}: {left_by_lot(one.not_chosen)}")
    if one.can_be_sent < _FEW:
        say(f"{one.name}: ads need {_FEW} matched people at Meta; this has {one.can_be_sent:,} that can be sent.")
    _tell_pace(one)
    if one.needs_a_yes:
        leaving, there = one.people_leaving, one.people_at_meta
        would = f"{one.name}: {leaving:,} of {counted(there, 'person')} would leave."
        if one.plan_waiting:
            say(f"{would} Plan {one.plan_waiting} waits for a yes.",
                f"  If that is right: guestlist sync --confirm {one.plan_waiting}")  # fmt: skip
        else:
            say(f"{would} guestlist sync will ask for a yes first.")
    if one.phones_without_country:
        of = counted(one.phones_without_country, "person")
        say(
            f"{one.name}: of {of} a phone cannot be read: it has no country code.",
            "  Where most are in one country, say so in guestlist.yaml, for example: country: DE",
        )
    if why:
        _tell_cells("cannot be sent", one.unusable_cells)
        _tell_cells("left blank in a row that goes", one.blank_cells)
        _tell_cells("sent all the same", one.flagged_cells)


def _tell_cells(what: str, cells: Sequence[Cells]) -> None:
    """Under a heading, since the reasons of one person may be several and do not add up."""
    if not cells:
        return
    say(f"  {what}:")
    for keys, reason, people in _together(cells):
        say(f"    {counted(people, 'person'):>16}  {' '.join(keys)}: {_WORDS.get(reason, reason)}")


def _together(cells: Sequence[Cells]) -> Iterator[tuple[list[str], str, int]]:
    """As they are told: what is wrong with a birthday once, though it costs year, month and day."""
    told: dict[tuple[str, str], list[Cells]] = {}
    for one in cells:
        told.setdefault(("birthday" if one.key in _BIRTHDAY else one.key, one.reason), []).append(one)
    for (_, reason), same in told.items():
        # Of one date: who lacks its year lacks its day, too, unless the year was given beside it.
        yield [one.key for one in same], reason, max(one.people for one in same)


_BIRTHDAY = ("DOBY", "DOBM", "DOBD")


def sync(
    key: Key = None,
    *,
    full: Annotated[bool, typer.Option("--full", help="Send every row again, also those that Meta has.")] = False,
    confirm: Annotated[
        str | None, typer.Option("--confirm", metavar="PLAN", help="Say yes to a plan that waits for one.")
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Go on until all is right at Meta or a person is needed; for schedulers.")
    ] = False,
    timeout: Annotated[
        str, typer.Option("--timeout", metavar="TIME", help="With --wait: how long at most, such as 60s, 30m or 2h.")
    ] = "1h",
    empty: Annotated[
        bool,
        typer.Option("--empty", help="Take everybody out of the audience, and leave it empty until it is resumed."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --empty: it is meant.")] = False,
    anyway: Annotated[bool, typer.Option("--anyway", help="Run it though it is paused.")] = False,
    space: SpaceAt = HERE,
    as_json: AsJson = False,
) -> int:
    """Bring the audiences at Meta to what they should be: who exited is removed, who entered is added.

    Can be stopped and started at any time; it goes on from what Meta has taken. Ends with 0 when all is right, 1 when a
    person is needed, 4 when it goes on later by itself. Where a service keeps the space, that is told to run them, and
    with --wait waited for. A paused sync only lets out who must never be sent; named by KEY it ends with 1, unless you
    say --anyway.

    guestlist sync

    guestlist sync left_a_cart --confirm 3f9a1c

    guestlist sync --wait --timeout 30m

    guestlist sync left_a_cart --empty
    """
    patience = read_timeout(timeout)
    if empty:
        return _empty(space, key, yes=yes, as_json=as_json)
    if confirm is not None:
        space.ask(ConfirmPlan(plan=confirm))

    def here(desk: OnDisk) -> int:
        rounds = Rounds(desk.space, key, full=full, anyway=anyway, quiet=as_json)
        return _run_here(rounds, patience if wait else None, as_json=as_json)

    def there(service: Remote) -> int:
        if anyway:
            raise rests(key)
        order = Order(key=key, full=full, patience=patience if wait else None)
        return _CODES[order.given_to(service, as_json=as_json)]

    return space.either(here, there)


def _run_here(rounds: Rounds, patience: float | None, *, as_json: bool) -> int:
    ended = rounds.once() if patience is None else rounds.until_settled(patience)
    if as_json:
        syncs = [report_of(bound.key, report).facts() for bound, report in ended]
        answer({"syncs": syncs, "traits_not_renewed": rounds.stale, "notes": rounds.notes})
    return _CODES[rounds.beside or rounds.ending_of(ended)]


_CODES = {Ending.RIGHT: DONE, Ending.LATER: GOES_ON_LATER, Ending.PERSON: NEEDS_A_PERSON}


def _empty(space: Place, key: str | None, *, yes: bool, as_json: bool) -> int:
    if key is None:
        raise WrongUseError(
            "sync_not_named",
            "Say which audience is to be emptied.",
            nothing_lost="Nothing was sent.",
            next_step="For example: guestlist sync left_a_cart --empty",
        )
    told = space.ask(EmptySync(key=key, yes=yes))
    (gone,) = told.syncs
    if as_json:
        answer(told)
    elif gone.state == "ordered":
        say(f"The running service takes everybody out of '{gone.name}'. See: guestlist status")
    else:
        tell_report(gone.name, gone)
    if not as_json:
        say(f"It stays empty until: guestlist resume {gone.sync}")
    return _EMPTIED.get(gone.state, NEEDS_A_PERSON)


_EMPTIED = {State.DONE.value: DONE, "ordered": GOES_ON_LATER}
