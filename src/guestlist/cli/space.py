"""`guestlist init`: make a space."""

from pathlib import Path
from typing import Annotated

import orjson
import typer

from guestlist.space import make_space


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to make, or an existing one.")],
    *,
    country: Annotated[
        str | None, typer.Option(help="Where phones and postal codes without a country are from, such as DE.")
    ] = None,
    time_zone: Annotated[str, typer.Option(help="Days begin at midnight here, such as Europe/Berlin.")] = "UTC",
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON, for machines.")] = False,
) -> None:
    """Make a space: a folder with guestlist.yaml, audiences/ and the stores.

    Then: guestlist import FILE --space DIR
    """
    space = make_space(folder, country=country, time_zone=time_zone)
    if as_json:
        typer.echo(orjson.dumps({"space": str(space.folder), "settings": str(space.settings_file)}).decode())
        return
    typer.echo(f"Made the space {space.folder}. Its settings: {space.settings_file}")
    typer.echo(f"Next: guestlist import FILE --space {space.folder}")
