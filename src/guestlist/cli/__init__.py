"""The commands. `main` is what `guestlist` runs; each command stands in a module of this package."""

import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import typer

from guestlist.cli import frame
from guestlist.errors import GuestlistError, WrongUseError

_COMMANDS = {
    "init": "space:init",
    "import": "imports:import_files",
    "match-keys": "match_keys:match_keys",
    "audiences": "audiences:commands",
    "destinations": "destinations:commands",
    "doctor": "destinations:doctor",
    "plan": "syncs:plan",
    "sync": "syncs:sync",
    "status": "syncs:status",
    "runs": "syncs:runs",
    "do-not-send": "do_not_send:commands",
    "erase": "erase:erase",
    "demo": "demo:demo",
}
"""Where each command stands. Only the one that was typed is loaded: the rest would cost seconds at every start."""
_HELP = (
    "Keep Meta Custom Audiences exactly right, from your own machine.\n\n"
    "Begin with: guestlist init shop --country DE; then cd shop; guestlist import FILE.\n\n"
    "Every command answers in JSON with --json. Exit codes: 0 done, 1 something needs a person, 2 wrong use."
)


def make_app(words: Sequence[str] = ()) -> typer.Typer:
    """The command line, with all commands, or with only the one that the words begin with."""
    app = typer.Typer(
        name="guestlist",
        help=_HELP,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(lambda: None)  # a single command stays a command, and is not taken for the whole
    for name in words[:1] if words and words[0] in _COMMANDS else _COMMANDS:
        module, _, attribute = _COMMANDS[name].partition(":")
        command = getattr(import_module(f"guestlist.cli.{module}"), attribute)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)
    return app


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
        ended = make_app(words)(args=list(words), prog_name="guestlist", standalone_mode=False)
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
    return WrongUseError("wrong_use", error.format_message(), next_step=f"See: {command} --help")


def _unexpected(error: Exception) -> GuestlistError:
    # The text of a strange exception may quote data, so only its kind and its place are told.
    place = traceback.extract_tb(error.__traceback__)[-1]
    return GuestlistError(
        "unexpected",
        f"Something went wrong that should not: {type(error).__name__} in {Path(place.filename).name}:{place.lineno}.",
        nothing_lost="What was stored before is as it was.",
        next_step="Try again; if it comes back, report this line.",
    )
