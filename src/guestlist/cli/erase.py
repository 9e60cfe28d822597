"""`guestlist erase`: take a person from this machine and from Meta, with a receipt."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from guestlist import erasing
from guestlist.cli.do_not_send import read_named
from guestlist.cli.frame import AsJson, SpaceDir, add_row, answer, say, show, table
from guestlist.cli.handing_over import OWNED, hand_over
from guestlist.clock import microseconds
from guestlist.connections import clock_of
from guestlist.errors import GuestlistError, WrongUseError
from guestlist.records import Records, open_records
from guestlist.space import Space, open_space
from guestlist.store.journal_erasures import Erasure


def erase(
    person: Annotated[
        str | None, typer.Argument(metavar="TYPE:VALUE", help="email:…, phone:…, user_id:… or any other id.")
    ] = None,
    *,
    receipt: Annotated[str | None, typer.Option(metavar="ID", help="Show a receipt; all for every one.")] = None,
    space: SpaceDir = Path(),
    as_json: AsJson = False,
) -> None:
    """Erase a person: put every id of theirs on the do-not-send list, delete what is stored, take them out at Meta.

    The receipt is open until Meta has taken all removals and they are settled; it tells times and counts, no values.
    Your own files are yours: what they hold is imported again, but never sent.

    guestlist erase email:jane@example.org

    guestlist erase --receipt er-0123456789
    """
    if (person is None) == (receipt is None):
        raise WrongUseError(
            "no_person_named",
            "Name a person as TYPE:VALUE, or a receipt with --receipt.",
            next_step="For example: guestlist erase email:jane@example.org",
        )
    here = open_space(space)
    with open_records(here) as records:
        if person is not None:
            _tell(_erase(here, records, person), as_json=as_json)
        elif receipt == "all":
            _tell_all(records.journal.erasures(), as_json=as_json)
        else:
            _tell(_known(records, receipt or ""), as_json=as_json)


def _erase(space: Space, records: Records, person: str) -> Erasure:
    named = read_named(space, person)
    now = clock_of(space).now()
    asked = erasing.ask(records, named.kind, named.token(records.pepper), now=now)
    records.journal.audit(actor="command line", action="erase", about=asked.id, counts={}, now=microseconds(now))
    try:
        erasing.carry_out(space, records, now=now)
    except GuestlistError as error:
        if error.code != OWNED:
            raise
        # Another process has the stores: it finds what was asked in the records, before its next batch.
    else:
        hand_over(space, records)
    return _known(records, asked.id)


def _known(records: Records, receipt: str) -> Erasure:
    found = records.journal.erasure(receipt)
    if found is None:
        raise WrongUseError(
            "no_such_receipt", "There is no such receipt.", next_step="See all of them: guestlist erase --receipt all"
        )
    return found


def _tell(found: Erasure, *, as_json: bool) -> None:
    if as_json:
        answer(_facts(found))
        return
    say(f"Receipt {found.id}: {_state(found)}")
    say(f"  asked            {_when(found.asked_at)}, by {found.kind}")
    say(f"  do-not-send list {found.listed:,} entries")
    if found.erased_at is None:
        say("  on this machine  waits for the process that owns this space, which does it before its next batch")
    elif found.people:
        said = f"{found.people:,} {'person' if found.people == 1 else 'people'}, {found.identifiers:,} ids, "
        say(f"  on this machine  {_when(found.erased_at)}: {said}{found.messages:,} messages deleted")
    else:
        say(f"  on this machine  {_when(found.erased_at)}: nobody was known by this; from now on it is never sent")
    say(f"  at Meta          {_at_meta(found)}")


def _state(found: Erasure) -> str:
    return "open" if found.open else f"closed {_when(found.closed_at or 0)}"


def _at_meta(found: Erasure) -> str:
    if found.handed_over_at is not None:
        taken = f"{_when(found.handed_over_at)}: removals taken"
        return f"{taken}; settled" if not found.open else f"{taken}; kept as sent until settled, then deleted"
    if not found.open:
        return "nothing was ever sent"
    return "not yet: the next sync hands the removals over (guestlist sync, or a running Guestlist in 5 minutes)"


def _tell_all(receipts: list[Erasure], *, as_json: bool) -> None:
    if as_json:
        answer({"receipts": [_facts(one) for one in receipts]})
        return
    if not receipts:
        say("Nobody was erased yet.")
        return
    shown = table("receipt", "asked", "state", "people", "messages", right=["people", "messages"])
    for one in receipts:
        add_row(shown, (one.id, _when(one.asked_at), _state(one), f"{one.people:,}", f"{one.messages:,}"))
    show(shown)


def _facts(found: Erasure) -> dict[str, Any]:
    return {
        "receipt": found.id,
        "state": "open" if found.open else "closed",
        "named_by": found.kind,
        "people": found.people,
        "identifiers": found.identifiers,
        "do_not_send_entries": found.listed,
        "messages": found.messages,
        **{
            name: None if at is None else _instant(at).isoformat()
            for name, at in (
                ("asked_at", found.asked_at),
                ("erased_here_at", found.erased_at),
                ("taken_by_meta_at", found.handed_over_at),
                ("closed_at", found.closed_at),
            )
        },
    }


def _when(at: int) -> str:
    return f"{_instant(at):%Y-%m-%d %H:%M:%S} UTC"


def _instant(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1_000_000, UTC)
