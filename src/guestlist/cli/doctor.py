"""`guestlist doctor`: is everything in order, at Meta and here?"""

from guestlist.cli.frame import DONE, NEEDS_A_PERSON, AsJson, answer, say
from guestlist.cli.place import HERE, SpaceAt
from guestlist.operations.doctor import Examine, Finding


def doctor(*, space: SpaceAt = HERE, as_json: AsJson = False) -> int:
    """Check token, rights, account, terms, quota, names and clock of every destination, and the disk.

    Nobody is sent, and nothing is changed, but that a parked destination goes on where the reason is gone.

    Ends with 1 where a person has something to do.

    guestlist doctor
    """
    told = space.ask(Examine())
    if as_json:
        answer(told)
    elif not told.lines:
        say("No destination is connected yet: guestlist destinations connect --help")
    else:
        for one in told.lines:
            _tell_line(one)
    return DONE if told.lines and told.fine else NEEDS_A_PERSON


def _tell_line(one: Finding) -> None:
    mark = "fine" if one.health == "ok" else "to do" if one.needs_a_person else "note"
    say(f"{one.destination}  {mark:5}  {one.check}: {one.found}")
    if one.next_step:
        say(f"    {one.next_step}  [{one.code}]")
