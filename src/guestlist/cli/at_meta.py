"""The commands about audiences at Meta: what there is, which one to adopt, shared with whom, deleted."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from guestlist import emptying
from guestlist.cli.frame import AsJson, SpaceDir, add_row, answer, say, show, table
from guestlist.clock import microseconds
from guestlist.connected import at_meta
from guestlist.connected.adopting import write_adopt
from guestlist.connected.at_meta import Remote, Shares
from guestlist.connected.connections import Connections, clock_of, open_connections
from guestlist.destinations.meta.account import in_words
from guestlist.destinations.settings import read_destination
from guestlist.errors import GuestlistError, WrongUseError
from guestlist.records import Records, open_records
from guestlist.space import Space, open_space
from guestlist.syncing import open_to_sync

Name = Annotated[str, typer.Argument(metavar="NAME", help="The destination.")]
Key = Annotated[
    str, typer.Argument(metavar="KEY", help="The sync: audience@destination, or audience while it has one.")
]
With = Annotated[
    list[str], typer.Option("--with", metavar="act_…", help="The other ad account. May be given several times.")
]
_ACTOR = "command line"


def audiences(name: Name, *, space: SpaceDir = Path(), as_json: AsJson = False) -> None:
    """List all audiences of the ad account at Meta: size, state, whose, which sync of yours keeps it.

    To go on with one that somebody else made, adopt it. Nothing is changed.

    guestlist destinations audiences main
    """
    with _opened(space) as (here, records, connections):
        account = read_destination(here.settings, name).account
        found = at_meta.listed(records, connections, name, account)
    if as_json:
        answer({"destination": name, "account": account, "audiences": [_facts(one, account) for one in found]})
        return
    if not found:
        say(f"There is no audience in {account} yet; the first guestlist sync makes them.")
        return
    shown = table("id", "name", "size", "state", "kept by")
    for one in found:
        facts = _facts(one, account)
        add_row(shown, (facts["id"], facts["name"], facts["size"], facts["state"], one.sync or _whose(one)))
    show(shown)
    if any(one.can_be_adopted for one in found):
        say("To go on with one of yours that no sync keeps: guestlist audiences adopt KEY ID, which writes adopt: ID")


def _whose(one: Remote) -> str:
    return "nobody here" if one.can_be_adopted else f"nobody here; {one.why_not}"


def _facts(one: Remote, account: str) -> dict[str, Any]:
    told, standing = one.audience, in_words(one.audience, account)
    return {
        "id": told.id,
        "name": told.name,
        "kind": told.subtype,
        "size": standing.size,
        "lower": told.lower,
        "upper": told.upper,
        "state": standing.state,
        "account": told.account or account,
        "can_edit": told.can_edit,
        "sync": one.sync,
        "can_be_adopted": one.can_be_adopted,
        "why_not": one.why_not,
        "link": standing.link,
    }


def adopt(
    key: Annotated[str, typer.Argument(metavar="KEY", help="The audience, by the key in its file.")],
    audience: Annotated[str, typer.Argument(metavar="ID", help="The audience at Meta, by its id.")],
    *,
    to: Annotated[
        str | None, typer.Option("--to", metavar="NAME", help="The destination, where it has several.")
    ] = None,
    space: SpaceDir = Path(),
    as_json: AsJson = False,
) -> None:
    """Write into an audience's file that its sync goes on with an audience that is at Meta already.

    People whom only others put there are never removed. Every comment in the file stays.

    guestlist audiences adopt left_a_cart 23849182047670582
    """
    with _opened(space) as (here, records, connections):
        name = to or _only(here)
        kept = records.journal.sync(f"{key}@{name}")
        if kept is not None and kept.remote_id is not None:
            raise GuestlistError(
                "sync_has_audience",
                f"{kept.key} keeps the audience {kept.remote_id} at Meta already.",
                nothing_lost="Nothing was changed.",
                next_step=f"Delete that one first (guestlist destinations delete-audience {kept.key}), or adopt under "
                "another key.",
            )
        account = read_destination(here.settings, name).account
        found = at_meta.to_adopt(records, connections, name, account, audience)
        place = write_adopt(here, key, name, audience)
    if as_json:
        answer({"audience": key, "destination": name, "adopt": audience, "file": str(place)})
        return
    say(f"{place} now says adopt: {audience} ('{found.audience.name}').", f"Next: guestlist plan {key}")


def _only(space: Space) -> str:
    names = list(space.settings.destinations)
    if len(names) != 1:
        raise WrongUseError(
            "destination_not_named",
            f"There are {len(names)} destinations.",
            nothing_lost="Nothing was changed.",
            next_step=f"Name one with --to: {', '.join(names)}"
            if names
            else "Connect one: guestlist destinations connect",
        )
    return names[0]


def share(key: Key, *, with_: With, space: SpaceDir = Path(), as_json: AsJson = False) -> None:
    """Let another ad account use an audience in its ads. It cannot change it. Both accounts must belong to a business.

    guestlist destinations share left_a_cart --with act_1234567890
    """
    with _opened(space) as (here, records, connections):
        now = microseconds(clock_of(here).now())
        _tell_shares(at_meta.share(records, connections, key, with_, actor=_ACTOR, now=now), "shared", as_json=as_json)


def unshare(key: Key, *, with_: With, space: SpaceDir = Path(), as_json: AsJson = False) -> None:
    """Take that back.

    guestlist destinations unshare left_a_cart --with act_1234567890
    """
    with _opened(space) as (here, records, connections):
        now = microseconds(clock_of(here).now())
        told = at_meta.unshare(records, connections, key, with_, actor=_ACTOR, now=now)
        _tell_shares(told, "no longer shared", as_json=as_json)


def shares(key: Key, *, space: SpaceDir = Path(), as_json: AsJson = False) -> None:
    """List the ad accounts that may use an audience beside its own.

    guestlist destinations shares left_a_cart
    """
    with _opened(space) as (_, records, connections):
        _tell_shares(at_meta.shares(records, connections, key), "", as_json=as_json)


def _tell_shares(told: Shares, what: str, *, as_json: bool) -> None:
    if as_json:
        answer({"sync": told.sync, "audience": told.audience, "shared_with": told.accounts, "changed": told.changed})
        return
    if what:
        say(f"{told.sync}: {what} with {_names(told.changed)}." if told.changed else f"{told.sync}: nothing to change.")
    say(f"{told.sync} ({told.audience}) may be used by {_names(told.accounts) or 'its own ad account only'}.")


def _names(accounts: Sequence[str]) -> str:
    return ", ".join(accounts)


def delete_audience(
    key: Key,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="It is meant.")] = False,
    space: SpaceDir = Path(),
    as_json: AsJson = False,
) -> None:
    """Delete an audience at Meta. Its sync is paused; resumed, it makes a new one.

    Without --yes it says what would go, and does nothing.

    guestlist destinations delete-audience left_a_cart --yes
    """
    with open_to_sync(open_space(space)) as syncing:
        going = emptying.stake(syncing, key)
        if not yes:
            raise _yes_needed(going)
        emptying.delete(syncing, key, actor=_ACTOR)
    if as_json:
        answer({"sync": going.sync, "audience": going.audience, "people": going.people, "deleted": True})
        return
    say(
        f"Deleted '{going.name}' ({going.audience}) at Meta, with {going.people:,} people from here.",
        f"Its sync is paused. To make it anew: guestlist resume {going.sync}",
    )


def _yes_needed(going: emptying.Stake) -> GuestlistError:
    others = " It was adopted: people whom others put there would go too." if going.adopted else ""
    return GuestlistError(
        "yes_needed",
        f"'{going.name}' ({going.audience}) would be deleted at Meta, with {going.people:,} people from here.{others} Ads "
        "that use it would stop.",
        nothing_lost="Nothing was changed.",
        next_step=f"If that is meant: guestlist destinations delete-audience {going.sync} --yes",
    )


@contextmanager
def _opened(space: Path) -> Iterator[tuple[Space, Records, Connections]]:
    """What works beside a process that holds the space."""
    here = open_space(space)
    with open_records(here) as records, open_connections(here, records) as connections:
        yield here, records, connections


def teach(commands: typer.Typer) -> None:
    """Add these to the commands about destinations."""
    commands.command("audiences")(audiences)
    commands.command("share")(share)
    commands.command("unshare")(unshare)
    commands.command("shares")(shares)
    commands.command("delete-audience")(delete_audience)
