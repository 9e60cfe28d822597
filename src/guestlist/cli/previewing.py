"""`guestlist audiences preview | diff | history | changes`: an audience before it is sent, beside another, over time."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from guestlist.audiences import evaluate as evaluating
from guestlist.audiences.definition import Definition
from guestlist.audiences.insight import Part, difference, overlaps, parts_alone, reach
from guestlist.audiences.question import Question
from guestlist.audiences.scanning import scanned
from guestlist.cli.asking import AsOf, File, Key, asked, instant_of, list_people, read_one, write_people
from guestlist.cli.frame import AsJson, Reveal, SpaceDir, add_row, answer, say, show, table
from guestlist.cli.standing import expected_size
from guestlist.cli.syncs import CANNOT
from guestlist.clock import stopwatch
from guestlist.space import Space, open_space
from guestlist.store import Warehouse
from guestlist.syncing import LEDGER_FILE, open_to_sync
from guestlist.telling import people, wording
from guestlist.telling.explaining import clock
from guestlist.values.mail_domains import CONSUMER_DOMAINS

SAMPLE = 5


@dataclass(frozen=True, kw_only=True)
class Sending:
    """Of one sync: how many can be sent, who cannot and why, and what size that should come to at Meta."""

    sync: str
    people: int
    cannot: Mapping[str, int]
    expected_at_meta: int | None


@dataclass(frozen=True, kw_only=True)
class Previewed:
    """What there is to tell of an audience before anything is sent."""

    definition: Definition
    members: int
    everybody: int
    reach: Mapping[str, int]
    parts: tuple[Part, ...]
    overlaps: Sequence[Mapping[str, Any]]
    sample: Sequence[people.Person]
    seconds: float


def preview(
    key: Key,
    *,
    as_of: AsOf = None,
    reveal: Reveal = False,
    space: SpaceDir = Path(),
    as_json: AsJson = False,
) -> None:
    """Look at an audience before it is sent: its size, what each condition does, who can be matched, what it overlaps.

    Nothing is sent and nobody enters or leaves.

    guestlist audiences preview win_back
    """
    here = open_space(space)
    with asked(here, key, as_of) as (warehouse, one, question, definitions):
        told = _look(warehouse, one, question, definitions, reveal=reveal)
    sending = [] if as_of else _sending(here, one)
    if as_json:
        answer(_facts(told, sending))
    else:
        _tell(told, sending, here)


def _look(
    warehouse: Warehouse, one: Definition, question: Question, definitions: Sequence[Definition], *, reveal: bool
) -> Previewed:
    gone = stopwatch()
    question = scanned(question, definitions, warehouse.materialise)
    found = warehouse.materialise("previewed", evaluating.members(one, question, definitions))
    seconds = gone()
    inline = evaluating.with_others(question, definitions)
    identifier = warehouse.table("identifier")
    listed = people.read_people(warehouse, found, one.key, question, reveal=reveal, limit=SAMPLE)
    return Previewed(
        definition=one,
        members=people.count(warehouse, found),
        everybody=people.count(warehouse, identifier.select("profile_id").distinct()),
        reach=warehouse.read(reach(found, identifier, CONSUMER_DOMAINS)).to_pylist()[0],
        parts=parts_alone(one.who, inline, warehouse.read),
        overlaps=sorted(
            warehouse.read(overlaps(one.key, found, warehouse.table("membership"))).to_pylist(),
            key=lambda line: (-line["both"], line["audience"]),
        ),
        sample=tuple(listed),
        seconds=seconds,
    )


def _sending(space: Space, one: Definition) -> list[Sending]:
    """What would become of the people at each destination that is connected."""
    connected = [sync.to for sync in one.syncs if sync.to in space.settings.destinations]
    if not connected or not (space.private / LEDGER_FILE).exists():
        return []
    with open_to_sync(space) as syncing:
        bounds = [bound for bound in syncing.bound() if bound.definition.key == one.key]
        reached = [(bound, syncing.reach(bound)) for bound in bounds]
        known = syncing.records.journal.syncs()
        return [
            Sending(
                sync=bound.key,
                people=wanted.people,
                cannot=dict(wanted.cannot),
                expected_at_meta=expected_size(known, bound.wish.to, wanted.people),
            )
            for bound, wanted in reached
        ]


def _tell(told: Previewed, sending: Sequence[Sending], space: Space) -> None:
    one = told.definition
    say(f"{one.name}: {told.members:,} of {told.everybody:,} people ({_share(told.members, told.everybody)}).", "")
    _tell_parts(told)
    _tell_reach(told, sending)
    _tell_overlaps(told)
    if told.sample:
        say("", "Some of them:")
        list_people(iter(told.sample), space)
    say(f"Found in {told.seconds:.1f} s. Nothing was sent, and nobody entered or left.")


def _tell_parts(told: Previewed) -> None:
    shown = table(
        "condition", "people it is true of", "it alone keeps out", right=["people it is true of", "it alone keeps out"]
    )
    for part in told.parts:
        lines = list(wording.lines(part.condition))
        removes = f"{part.removes:,}" if len(told.parts) > 1 else ""
        add_row(shown, ("\n".join(lines), f"{part.people:,}", removes))
    show(shown)
    say("")


def _tell_reach(told: Previewed, sending: Sequence[Sending]) -> None:
    has = told.reach
    said = ", ".join(
        f"{words} {has[name]:,} ({_share(has[name], told.members)})"
        for name, words in (("email", "an e-mail"), ("phone", "a phone"), ("madid", "a mobile ad id"))
    )
    say(f"Known by: {said}; by none of these {told.members - has['any']:,}.")
    if has["company"]:
        share = f"{_share(has['company'], has['email'])} of those with an e-mail"
        say(f"{has['company']:,} have company addresses only ({share}), which Facebook seldom knows.")
    if not sending and told.definition.syncs:
        say("Who of them can be sent, and who cannot and why, is known after the first: guestlist plan")
    for one in sending:
        cannot = "; ".join(f"{n:,} {CANNOT.get(reason, reason)}" for reason, n in sorted(one.cannot.items()))
        say(f"{one.sync}: {one.people:,} can be sent" + (f" ({cannot})." if cannot else "."))
        if one.expected_at_meta is not None:
            say(
                f"{one.sync}: expect about {one.expected_at_meta:,} at Meta, going by the sizes it shows of past syncs."
            )


def _tell_overlaps(told: Previewed) -> None:
    some = [line for line in told.overlaps if line["both"]]
    if not some:
        return
    shown = table(
        "also in",
        "people",
        "share of this one",
        "share of that one",
        right=["people", "share of this one", "share of that one"],
    )
    for line in some:
        shares = (_share(line["both"], told.members), _share(line["both"], line["people"]))
        add_row(shown, (line["audience"], f"{line['both']:,}", *shares))
    say("")
    show(shown)


def _share(some: int, every: int) -> str:
    return "0 %" if not every else f"{100 * some / every:.3g} %"


def _facts(told: Previewed, sending: Sequence[Sending]) -> dict[str, Any]:
    return {
        "audience": told.definition.key,
        "members": told.members,
        "everybody": told.everybody,
        "conditions": [
            {"in_words": list(wording.lines(part.condition)), "people": part.people, "keeps_out": part.removes}
            for part in told.parts
        ],
        "known_by": dict(told.reach),
        "syncs": [asdict(one) for one in sending],
        "overlaps": list(told.overlaps),
        "sample": [person.facts() for person in told.sample],
        "seconds": round(told.seconds, 3),
    }


def diff(
    key: Key,
    other: Annotated[str, typer.Argument(metavar="OTHER", help="The audience to compare with.")],
    *,
    as_of: AsOf = None,
    reveal: Reveal = False,
    space: SpaceDir = Path(),
    as_json: AsJson = False,
) -> None:
    """Compare two audiences: who is in one of them, in the other, in both. With --json one person a line.

    guestlist audiences diff win_back loyal
    """
    here = open_space(space)
    with asked(here, key, as_of, beside=other) as (warehouse, one, question, definitions):
        second = read_one(here, other)[1]
        sharing = scanned(question, [one, second], warehouse.materialise)
        sides = difference(
            *(
                warehouse.materialise(name, evaluating.members(each, sharing, definitions))
                for name, each in (("first_side", one), ("second_side", second))
            )
        )
        sides = warehouse.materialise("sides", sides)
        for side, words in _SIDES.items():
            found = sides.filter(sides.side == side).select("profile_id")
            listed = people.read_people(
                warehouse, found, one.key, question, reveal=reveal, limit=None if as_json else SAMPLE
            )
            if as_json:
                for person in listed:
                    answer({"in": side, **person.facts()})
                continue
            number = people.count(warehouse, found)
            say(f"{words.format(one.name, second.name)}: {number:,}")
            list_people(listed, here)


_SIDES = {"first": "Only in {0}", "second": "Only in {1}", "both": "In both"}


def history(key: Key, *, space: SpaceDir = Path(), as_json: AsJson = False) -> None:
    """Show how an audience grew and shrank: its size, who entered and left, at each evaluation that changed it.

    guestlist audiences history win_back
    """
    here = open_space(space)
    with asked(here, key, None) as (warehouse, one, _, _):
        lines = _evaluations(warehouse, one.key)
    if as_json:
        answer({"audience": one.key, "evaluations": lines})
        return
    if not lines:
        say(f"{one.name} was never evaluated, or nobody ever was in it. It is with each: guestlist sync")
        return
    shown = table("evaluated", "people", "entered", "left", right=["people", "entered", "left"])
    for line in lines:
        add_row(
            shown, (clock(line["at"], here.settings.zone), *(f"{line[n]:,}" for n in ("members", "entered", "exited")))
        )
    show(shown)


def _evaluations(warehouse: Warehouse, audience: str) -> list[dict[str, Any]]:
    if not warehouse.has("evaluation"):
        return []
    every = warehouse.table("evaluation")
    lines = every.filter(every.audience == audience).order_by(every["at"])
    return [{k: v for k, v in line.items() if k != "audience"} for line in warehouse.read(lines).to_pylist()]


def changes(
    key: Key,
    *,
    since: Annotated[
        str | None, typer.Option("--since", metavar="DATE", help="Only from that day on, such as 2026-01-31.")
    ] = None,
    file: File = None,
    reveal: Reveal = False,
    space: SpaceDir = Path(),
    as_json: AsJson = False,
) -> None:
    """Write who entered and who left, and when, as CSV (with --json one object a line), masked.

    guestlist audiences changes win_back --since 2026-01-01 --file changes.csv
    """
    here = open_space(space)
    with asked(here, key, None) as (warehouse, one, question, _):
        from_then = instant_of(since, here, begins=True) if since else None
        moves = evaluating.moves(warehouse.table("membership"), one.key, from_then)
        moves = warehouse.materialise("moves", moves)
        listed = people.read_moved(warehouse, moves, one.key, question, reveal=reveal)
        write_people(listed, file, as_json=as_json, columns=_MOVED)


_MOVED = ("at", "change", *(name for name in people.COLUMNS if name != "since"))
