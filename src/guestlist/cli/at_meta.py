"""The commands about audiences at Meta: what there is, which one to adopt, shared with whom, deleted."""

from collections.abc import Sequence
from typing import Annotated

import typer

from guestlist.cli.frame import AsJson, add_row, answer, say, show, table
from guestlist.cli.place import HERE, SpaceAt
from guestlist.counts import counted
from guestlist.operations.at_meta import (
    AdoptAudience,
    AudienceAtMeta,
    DeleteAudienceAtMeta,
    ListAudiencesAtMeta,
    ListShares,
    ShareAudience,
    Shared,
    UnshareAudience,
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The destination.")]
Key = Annotated[
    str, typer.Argument(metavar="KEY", help="The sync: audience@destination, or audience while it has one.")
]
With = Annotated[
    list[str], typer.Option("--with", metavar="act_…", help="The other ad account. May be given several times.")
]


def audiences(name: Name, *, space: SpaceAt = HERE, as_json: AsJson = False) -> None:
    """List all audiences of the ad account at Meta: size, state, whose, which sync of yours keeps it.

    To go on with one that somebody else made, adopt it. Nothing is changed.

    guestlist destinations audiences main
    """
    told = space.ask(ListAudiencesAtMeta(name=name))
    if as_json:
        answer(told)
        return
    if not told.audiences:
        say(f"There is no audience in {told.account} yet; the first guestlist sync makes them.")
        return
    shown = table("id", "name", "size", "state", "kept by")
    for one in told.audiences:
        add_row(shown, (one.id, one.name, one.size, one.state, one.sync or _whose(one)))
    show(shown)
    if any(one.can_be_adopted for one in told.audiences):
        say("To go on with one of yours that no sync keeps: guestlist audiences adopt KEY ID, which writes adopt: ID")


def _whose(one: AudienceAtMeta) -> str:
    return "nobody here" if one.can_be_adopted else f"nobody here; {one.why_not}"


def adopt(
    key: Annotated[str, typer.Argument(metavar="KEY", help="The audience, by the key in its file.")],
    audience: Annotated[str, typer.Argument(metavar="ID", help="The audience at Meta, by its id.")],
    *,
    to: Annotated[
        str | None, typer.Option("--to", metavar="NAME", help="The destination, where it has several.")
    ] = None,
    space: SpaceAt = HERE,
    as_json: AsJson = False,
) -> None:
    """Write into an audience's file that its sync goes on with an audience that is at Meta already.

    People whom only others put there are never removed. Every comment in the file stays.

    guestlist audiences adopt left_a_cart 23849182047670582
    """
    told = space.ask(AdoptAudience(key=key, audience=audience, to=to))
    if as_json:
        answer(told)
        return
    say(f"{told.file} now says adopt: {audience} ('{told.name}').", f"Next: guestlist plan {key}")


def share(key: Key, *, with_: With, space: SpaceAt = HERE, as_json: AsJson = False) -> None:
    """Let another ad account use an audience in its ads. It cannot change it. Both accounts must belong to a business.

    guestlist destinations share left_a_cart --with act_1234567890
    """
    told = space.ask(ShareAudience(key=key, accounts=tuple(with_)))
    _tell_shares(told, "shared", as_json=as_json)


def unshare(key: Key, *, with_: With, space: SpaceAt = HERE, as_json: AsJson = False) -> None:
    """Take that back.

    guestlist destinations unshare left_a_cart --with act_1234567890
    """
    told = space.ask(UnshareAudience(key=key, accounts=tuple(with_)))
    _tell_shares(told, "no longer shared", as_json=as_json)


def shares(key: Key, *, space: SpaceAt = HERE, as_json: AsJson = False) -> None:
    """List the ad accounts that may use an audience beside its own.

    guestlist destinations shares left_a_cart
    """
    _tell_shares(space.ask(ListShares(key=key)), "", as_json=as_json)


def _tell_shares(told: Shared, what: str, *, as_json: bool) -> None:
    if as_json:
        answer(told)
        return
    if what:
        say(f"{told.sync}: {what} with {_names(told.changed)}." if told.changed else f"{told.sync}: nothing to change.")
    say(f"{told.sync} ({told.audience}) may be used by {_names(told.shared_with) or 'its own ad account only'}.")


def _names(accounts: Sequence[str]) -> str:
    return ", ".join(accounts)


def delete_audience(
    key: Key,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="It is meant.")] = False,
    space: SpaceAt = HERE,
    as_json: AsJson = False,
) -> None:
    """Delete an audience at Meta. Its sync is paused; resumed, it makes a new one.

    Without --yes it says what would go, and does nothing.

    guestlist destinations delete-audience left_a_cart --yes
    """
    gone = space.ask(DeleteAudienceAtMeta(key=key, yes=yes))
    if as_json:
        answer(gone)
        return
    say(
        f"Deleted '{gone.name}' ({gone.audience}) at Meta, with {counted(gone.people, 'person')} from here.",
        f"Its sync is paused. To make it anew: guestlist resume {gone.sync}",
    )


def teach(commands: typer.Typer) -> None:
    """Add these to the commands about destinations."""
    commands.command("audiences")(audiences)
    commands.command("share")(share)
    commands.command("unshare")(unshare)
    commands.command("shares")(shares)
    commands.command("delete-audience")(delete_audience)
