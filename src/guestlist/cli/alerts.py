"""`guestlist alerts`: who is told when something is the matter."""

from pathlib import Path

import typer

from guestlist.alerting.channels import channels
from guestlist.alerting.notices import try_out
from guestlist.alerting.settings import read_alerts
from guestlist.cli.frame import DONE, NEEDS_A_PERSON, AsJson, SpaceDir, answer, say
from guestlist.errors import GuestlistError
from guestlist.space import open_space

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
def send_test(*, space: SpaceDir = Path(), as_json: AsJson = False) -> int:
    """Send a test to everybody who would be told. Ends with 1 if somebody did not get it.

    guestlist alerts test
    """
    here = open_space(space)
    ways = channels(read_alerts(here), here.folder)
    if not ways:
        raise GuestlistError(
            "no_alerts_set",
            "Nobody is told when something is the matter: guestlist.yaml has no alerts.",
            next_step="Write alerts: with email: or webhook: into it (docs/service.md), then run: guestlist alerts test",
        )
    told = try_out(ways, here.folder.resolve().name)
    if as_json:
        answer({"channels": [_facts(name, error) for name, error in told]})
    else:
        for name, error in told:
            say(f"{name}: sent." if error is None else f"{name}: {error.message}")
            if error is not None:
                say(f"  {error.next_step}  [{error.code}]")
    return NEEDS_A_PERSON if any(error for _, error in told) else DONE


def _facts(name: str, error: GuestlistError | None) -> dict[str, object]:
    return {
        "channel": name,
        "sent": error is None,
        "error": None if error is None else {"code": error.code, "message": error.message, "next": error.next_step},
    }
