"""`guestlist alerts`: who is told when something is the matter."""

import typer

from guestlist.cli.frame import DONE, NEEDS_A_PERSON, AsJson, answer, say
from guestlist.cli.place import HERE, SpaceAt
from guestlist.operations.alerts import TryAlerts

commands = typer.Typer(
    help="Alerts by e-mail and webhook, as alerts: in guestlist.yaml says.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@commands.callback()
def _group() -> None:
    """A single command stays a command."""


@commands.command("test")
def send_test(*, space: SpaceAt = HERE, as_json: AsJson = False) -> int:
    """Send a test to everybody who would be told. Ends with 1 if somebody did not get it.

    guestlist alerts test
    """
    told = space.ask(TryAlerts())
    if as_json:
        answer(told)
    else:
        for one in told.channels:
            say(f"{one.channel}: sent." if one.error is None else f"{one.channel}: {one.error.message}")
            if one.error is not None:
                say(f"  {one.error.next}  [{one.error.code}]")
    return DONE if all(one.sent for one in told.channels) else NEEDS_A_PERSON
