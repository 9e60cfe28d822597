"""The commands. `main` is what `guestlist` runs; each command stands in a module of this package."""

import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import typer

from guestlist.cli import frame
from guestlist.cli.audiences import commands as audience_commands
from guestlist.cli.demo import demo
from guestlist.cli.destinations import commands as destination_commands
from guestlist.cli.destinations import doctor
from guestlist.cli.do_not_send import commands as do_not_send_commands
from guestlist.cli.erase import erase
from guestlist.cli.imports import import_files
from guestlist.cli.match_keys import match_keys
from guestlist.cli.space import init
from guestlist.cli.syncs import plan, runs, status, sync
from guestlist.errors import GuestlistError

app = typer.Typer(
    name="guestlist",
    help=(
        "Keep Meta Custom Audiences exactly right, from your own machine.\n\n"
        "Begin with: guestlist init shop --country DE; then cd shop; guestlist import FILE.\n\n"
        "Every command answers in JSON with --json. Exit codes: 0 done, 1 something needs a person, 2 wrong use."
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("init")(init)
app.command("import")(import_files)
app.command("match-keys")(match_keys)
app.command("plan")(plan)
app.command("sync")(sync)
app.command("status")(status)
app.command("runs")(runs)
app.command("demo")(demo)
app.add_typer(audience_commands, name="audiences")
app.add_typer(destination_commands, name="destinations")
app.command("doctor")(doctor)
app.add_typer(do_not_send_commands, name="do-not-send")
app.command("erase")(erase)


def main() -> None:
    """Run the command line of this process."""
    sys.exit(run(sys.argv[1:]))


def run(words: Sequence[str]) -> int:
    """Run one command; give its exit code."""
    try:
        return _run(words, as_json="--json" in words)
    except (BrokenPipeError, SystemExit):  # the latter is how a broken pipe comes out of the parser
        # Whoever read our answer has seen enough; nothing more can be written, not even on the way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return frame.DONE


def _run(words: Sequence[str], *, as_json: bool) -> int:
    try:
        ended = app(args=list(words), prog_name="guestlist", standalone_mode=False)
        sys.stdout.flush()
    except GuestlistError as error:
        return frame.tell(error, as_json=as_json)
    except typer.TyperException as error:
        if not error.format_message():  # help was shown, for want of words
            return frame.WRONG_USE
        return frame.tell(_misused(error), as_json=as_json)
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 the last place that can keep personal values off the screen
        return frame.tell(_unexpected(error), as_json=as_json)
    return ended if isinstance(ended, int) else frame.DONE


def _misused(error: typer.TyperException) -> GuestlistError:
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "guestlist"
    return frame.WrongUseError("CLI-USE-01", error.format_message(), next_step=f"See: {command} --help")


def _unexpected(error: Exception) -> GuestlistError:
    # The text of a strange exception may quote data, so only its kind and its place are told.
    place = traceback.extract_tb(error.__traceback__)[-1]
    return GuestlistError(
        "CLI-UNEXPECTED-01",
        f"Something went wrong that should not: {type(error).__name__} in {Path(place.filename).name}:{place.lineno}.",
        nothing_lost="What was stored before is as it was.",
        next_step="Try again; if it comes back, report this line.",
    )
