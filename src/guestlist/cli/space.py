"""`guestlist init`: make a space."""

from pathlib import Path
from typing import Annotated

import typer

from guestlist.cli.frame import AsJson, answer, say
from guestlist.space import make_space


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to make, or an existing one.")],
    *,
    country: Annotated[
        str | None, typer.Option(help="Where phones and postal codes without a country are from, such as DE.")
    ] = None,
    time_zone: Annotated[str, typer.Option(help="Days begin at midnight here, such as Europe/Berlin.")] = "UTC",
    as_json: AsJson = False,
) -> None:
    """Make a space: a folder with guestlist.yaml, audiences/ and the stores.

    The audiences are files in audiences/; keep them and guestlist.yaml in git if you like. What is known of people is in
    .guestlist/, which only you can read.

    guestlist init shop --country DE --time-zone Europe/Berlin
    """
    space = make_space(folder, country=country, time_zone=time_zone)
    if as_json:
        answer({"space": str(space.folder), "settings": str(space.settings_file)})
        return
    say(
        f"Made the space {space.folder}. Its settings: {space.settings_file}",
        f"Next: guestlist import FILE --space {space.folder}",
    )
