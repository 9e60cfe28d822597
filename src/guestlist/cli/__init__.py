"""The commands. `main` is what `guestlist` runs; each command stands in a module of this package."""

import os
import re
import sys
import traceback
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn

import typer
from pydantic import ValidationError

from guestlist.cli import frame, teaching
from guestlist.errors import GuestlistError, WrongUseError
from guestlist.misread import in_words
from guestlist.telling import masking

_PHONE = re.compile(r"(?<![/\w.-])\+?\d[\d ()-]{5,}\d(?![\w/])")


def make_app(name: str) -> typer.Typer:
    """The command line with this command alone: loading the others too would cost seconds at every start."""
    app = typer.Typer(name="guestlist", add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.callback()(lambda: None)  # a single command stays a command, and is not taken for the whole
    module, function = teaching.place(name) or _no_command(name)
    command = getattr(import_module(f"guestlist.cli.{module}"), function)
    if isinstance(command, typer.Typer):
        app.add_typer(teaching.taught(command), name=name)
    else:
        app.command(name, help=teaching.help_text(command))(command)
    return app


def _no_command(name: str) -> NoReturn:
    if name.startswith("-"):
        happened, hint = f"{name} stands before the command, or is no option.", "Options follow the command."
    else:
        near = get_close_matches(name, list(teaching.names()), n=1)
        happened, hint = f"There is no command '{name}'.", f"Did you mean '{near[0]}'?" if near else ""
    raise WrongUseError("wrong_use", happened, next_step=f"{hint} See: guestlist --help".strip())


def main() -> None:
    """Run the command line of this process."""
    sys.exit(run(sys.argv[1:]))


def run(words: Sequence[str]) -> int:
    """Run one command; give its exit code."""
    try:
        told = _about_all(words)
        return _run(words, as_json="--json" in words) if told is None else told
    except (BrokenPipeError, SystemExit):  # the latter is how a broken pipe comes out of the parser
        # Whoever read our answer has seen enough; nothing more can be written, not even on the way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return frame.DONE


def _about_all(words: Sequence[str]) -> int | None:
    """Answer what is asked of the whole rather than of one command, without loading any; None if it is of one."""
    if not words or words[0] in {"--help", "-h", "help"}:
        print(teaching.overview())  # noqa: T201 as typer prints help
        return frame.DONE if words else frame.WRONG_USE
    if words[0] == "--version":
        print(f"guestlist {version('guestlist')}")  # noqa: T201 as above
        return frame.DONE
    return None


def _run(words: Sequence[str], *, as_json: bool) -> int:
    try:
        ended = make_app(words[0])(args=list(words), prog_name="guestlist", standalone_mode=False)
        sys.stdout.flush()
    except GuestlistError as error:
        return frame.tell(error, as_json=as_json)
    except typer.TyperException as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # a group without a command: its help is the answer
            print(error.format_message())  # noqa: T201 as typer would
            return frame.WRONG_USE
        return frame.tell(_misused(error), as_json=as_json)
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except BrokenPipeError:
        raise
    except OSError as error:
        return frame.tell(_no_access(error), as_json=as_json)
    except Exception as error:  # noqa: BLE001 the last place that can keep personal values off the screen
        return frame.tell(_unexpected(error), as_json=as_json)
    return ended if isinstance(ended, int) else frame.DONE


def _misused(error: typer.TyperException) -> GuestlistError:
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "guestlist"
    # A value that stands where none belongs is quoted; frame masks an e-mail in it.
    cause = error.__cause__
    if isinstance(cause, ValidationError):
        error.message = f"{in_words(cause.errors(include_url=False)[0]).rstrip('.')}."
    message = _PHONE.sub(masking.STARS, error.format_message())
    return WrongUseError("wrong_use", message, next_step=f"See: {command} --help")


def _no_access(error: OSError) -> GuestlistError:
    what = f"{error.filename} cannot be used" if error.filename else "A file cannot be used"
    return GuestlistError(
        "no_access",
        f"{what}: {error.strerror or type(error).__name__}.",
        nothing_lost="What was stored before is as it was.",
        next_step="Check the path, the rights of its folder, and the room on the disk.",
    )


def _unexpected(error: Exception) -> GuestlistError:
    # The text of a strange exception may quote data, so only its kind and its place are told.
    place = traceback.extract_tb(error.__traceback__)[-1]
    return GuestlistError(
        "unexpected",
        f"Something went wrong that should not: {type(error).__name__} in {Path(place.filename).name}:{place.lineno}.",
        nothing_lost="What was stored before is as it was.",
        next_step="Try again; if it comes back, report this line.",
    )
