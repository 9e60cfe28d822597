"""Destinations in words: whether we may send there, and for how long. What `status` and `destinations` share."""

from guestlist.cli.frame import say
from guestlist.operations.destinations import DestinationTold

KINDS = {"SYSTEM_USER": "of a system user", "USER": "a person's", "PAGE": "a page's", "APP": "an app's"}


def tell_destination(one: DestinationTold) -> None:
    """What a person has to do about it; nothing while all is well."""
    error = one.error
    if error is not None:
        say(error.message, f"  {error.nothing_lost}", f"  {error.next}  [{error.code}]")


def token_in_words(one: DestinationTold) -> str:
    """Whose token it is, and until when it is good."""
    if not one.token_kept:
        return "none kept"
    if one.token_kind is None:
        return "kept"
    kind = KINDS.get(one.token_kind, "kept")
    return f"{kind}, does not expire" if one.token_expires is None else f"{kind}, until {one.token_expires[:10]}"
