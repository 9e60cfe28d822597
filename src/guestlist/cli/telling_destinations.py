"""Destinations in words: whether we may send there, and for how long. What `status` and `destinations` share."""

from guestlist.cli.frame import say
from guestlist.operations.destinations import DestinationTold


def tell_destination(one: DestinationTold) -> None:
    """What a person has to do about it; nothing while all is well."""
    error = one.error
    if error is not None:
        say(error.message, f"  {error.nothing_lost}", f"  {error.next}  [{error.code}]")
