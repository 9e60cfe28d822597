"""`guestlist keys` and `guestlist audit`: who may use the API of a space, and who changed what."""

from typing import Annotated

import typer

from guestlist.cli.frame import AsJson, add_row, answer, say, show, table
from guestlist.cli.place import HERE, SpaceAt
from guestlist.operations.keys import AddKey, ListAudit, ListKeys, RemoveKey
from guestlist.operations.operation import Role, Scope

commands = typer.Typer(
    help="Keys of the API: who may ask and tell a served space.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="What the key is called, such as airflow.")]


@commands.command()
def add(
    name: Name,
    *,
    role: Annotated[Role, typer.Option(help="What it may do: look; work; or all.")] = Role.VIEWER,
    scope: Annotated[
        list[Scope] | None, typer.Option(metavar="SCOPE", help="Only this of what its role may; may be repeated.")
    ] = None,
    space: SpaceAt = HERE,
    as_json: AsJson = False,
) -> None:
    """Make a key. It is shown this once: only its digest is kept.

    guestlist keys add airflow --role editor --scope read --scope syncs:run
    """
    made = space.ask(AddKey(name=name, role=role, scopes=tuple(scope or ())))
    if as_json:
        answer(made)
        return
    say(made.key, "", f"That is the key '{made.name}' ({made.role}). It is not shown again.")
    say("Use it: export GUESTLIST_API_KEY=KEY, then guestlist status --space https://HOST/NAME")


@commands.command("list")
def list_keys(*, space: SpaceAt = HERE, as_json: AsJson = False) -> None:
    """List the keys: what each may do, and when it was last used.

    guestlist keys list
    """
    told = space.ask(ListKeys())
    if as_json:
        answer(told)
        return
    if not told.keys:
        say("There is no key yet: guestlist keys add NAME --role viewer")
        return
    shown = table("name", "role", "may", "made, UTC", "last used, UTC")
    for one in told.keys:
        scopes = "all of its role" if set(one.scopes) == one.role.scopes else ", ".join(one.scopes)
        used = f"{one.used_at:%Y-%m-%d %H:%M}" if one.used_at else "never"
        add_row(shown, (one.name, one.role.value, scopes, f"{one.made_at:%Y-%m-%d}", used))
    show(shown)


@commands.command()
def remove(name: Name, *, space: SpaceAt = HERE, as_json: AsJson = False) -> None:
    """Take a key away: requests with it are refused within two seconds.

    guestlist keys remove airflow
    """
    gone = space.ask(RemoveKey(name=name))
    if as_json:
        answer(gone)
    else:
        say(f"The key '{gone.name}' is good no longer.")


def audit(
    *,
    last: Annotated[int, typer.Option("--last", min=1, max=1000, help="How many.")] = 50,
    actor: Annotated[str | None, typer.Option(help="Only what one did, such as 'key airflow'.")] = None,
    space: SpaceAt = HERE,
    as_json: AsJson = False,
) -> None:
    """List who changed what, newest first. An entry that was changed or taken out since is noticed.

    guestlist audit --last 20
    """
    told = space.ask(ListAudit(limit=last, actor=actor))
    if as_json:
        answer(told)
        return
    shown = table("number", "at, UTC", "who", "did", "what", "how many", right=["number"])
    for one in told.entries:
        counts = ", ".join(f"{name} {number:,}" for name, number in one.counts.items())
        add_row(shown, (one.number, f"{one.at:%Y-%m-%d %H:%M:%S}", one.actor, one.action, one.about, counts))
    show(shown)
    if told.whole is False:
        say("Entries were changed or taken out since they were written: the record is not whole.")
