"""`guestlist erase`: take a person from this machine and from Meta, with a receipt."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import typer

from guestlist.cli.do_not_send import tell_stops
from guestlist.cli.frame import AsJson, add_row, answer, say, show, table
from guestlist.cli.place import HERE, SpaceAt
from guestlist.counts import counted
from guestlist.errors import WrongUseError
from guestlist.operations.operation import MOST
from guestlist.operations.privacy import ErasePerson, ListErasures, Receipt, ReceiptInFull, ShowErasure


def erase(
    person: Annotated[
        str | None, typer.Argument(metavar="TYPE:VALUE", help="email:…, phone:…, user_id:… or any other id.")
    ] = None,
    *,
    receipt: Annotated[str | None, typer.Option(metavar="ID", help="Show a receipt; all for every one.")] = None,
    space: SpaceAt = HERE,
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
    if person is not None:
        asked = space.ask(ErasePerson(person=person))
        _tell(asked, as_json=as_json)
        tell_stops(asked.stops)
    elif receipt == "all":
        all_of_them = space.whole(ListErasures(limit=MOST), "receipts")
        if as_json:
            answer(all_of_them)
        else:
            _tell_all(all_of_them.receipts)
    else:
        _tell(space.ask(ShowErasure(receipt=receipt or "")), as_json=as_json)


def _tell(found: ReceiptInFull, *, as_json: bool) -> None:
    if as_json:
        answer(found)
        return
    say(f"Receipt {found.receipt}: {_state(found)}")
    say(f"  asked            {_when(found.asked_at)}, by {found.named_by}")
    say(f"  do-not-send list {counted(found.do_not_send_entries, 'entry')}")
    if found.erased_here_at is None:
        say("  on this machine  waits for the process that owns this space, which does it before its next batch")
    elif found.people:
        said = f"{counted(found.people, 'person')}, {counted(found.identifiers, 'id')}, "
        say(f"  on this machine  {_when(found.erased_here_at)}: {said}{counted(found.messages, 'message')} deleted")
    else:
        say(f"  on this machine  {_when(found.erased_here_at)}: nobody was known by this; from now on it is never sent")
    say(f"  at Meta          {_at_meta(found)}")


def _state(found: Receipt) -> str:
    return "open" if found.closed_at is None else f"closed {_when(found.closed_at)}"


def _at_meta(found: Receipt) -> str:
    if found.closed_at is not None and not found.people:
        return "nobody known by this was there"
    if found.taken_by_meta_at is not None:
        taken = f"{_when(found.taken_by_meta_at)}: removals taken"
        return (
            f"{taken}; settled" if found.closed_at is not None else f"{taken}; kept as sent until settled, then deleted"
        )
    if found.closed_at is not None:
        return "nothing was ever sent"
    return "not yet: the next sync hands the removals over (guestlist sync, or a running Guestlist in 5 minutes)"


def _tell_all(receipts: Sequence[Receipt]) -> None:
    if not receipts:
        say("Nobody was erased yet.")
        return
    shown = table("receipt", "asked", "state", "people", "messages", right=["people", "messages"])
    for one in receipts:
        add_row(shown, (one.receipt, _when(one.asked_at), _state(one), f"{one.people:,}", f"{one.messages:,}"))
    show(shown)


def _when(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
