"""`guestlist init`: make a space."""

from pathlib import Path
from typing import Annotated

import typer

from guestlist.audiences.schema import published
from guestlist.cli.frame import AsJson, answer, say
from guestlist.space import make_space, write_whole

EDITORS = "# yaml-language-server: $schema=../.guestlist/audience.schema.json"


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
    schema = space.private / "audience.schema.json"
    write_whole(schema, published())
    if as_json:
        answer({"space": str(space.folder), "settings": str(space.settings_file), "schema": str(schema)})
        return
    say(
        f"Made the space {space.folder}. Its settings: {space.settings_file}",
        f"Its audiences: files in {space.folder / 'audiences'}. An editor helps to write one whose first line is",
        f"  {EDITORS}",
        f"Next: guestlist import FILE --space {space.folder}",
    )
