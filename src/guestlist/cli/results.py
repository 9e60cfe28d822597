"""`guestlist results`: what came of it all, as tables for other tools."""

from pathlib import Path
from typing import Annotated

import typer

from guestlist.cli.frame import DONE, AsJson, add_row, answer, say, show, table
from guestlist.cli.place import HERE, SpaceAt
from guestlist.errors import WrongUseError
from guestlist.records import open_records
from guestlist.results import write_results
from guestlist.space import open_space


def results(
    *,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="DIR", help="The folder; the one in guestlist.yaml when left out.")
    ] = None,
    identifiers: Annotated[
        bool, typer.Option("--identifiers", help="Also write what people are known by, in clear.")
    ] = False,
    space: SpaceAt = HERE,
    as_json: AsJson = False,
) -> int:
    """Write members, moves, runs and lines left out as Parquet, for dbt, DuckDB and the like.

    People stand in them by their profile id. With `results: { to: DIR }` in guestlist.yaml they are written after each
    sync and by the service. docs/results.md tells the columns.

    guestlist results --to out
    """
    here = open_space(space.on_disk())
    chosen = here.settings.results
    folder = to or (here.folder / chosen.to if chosen else None)
    if folder is None:
        raise WrongUseError(
            "no_folder",
            "No folder is named to write the results into.",
            nothing_lost="Nothing was changed.",
            next_step="Name one: guestlist results --to DIR",
        )
    clear = identifiers or bool(chosen and chosen.identifiers)
    with open_records(here) as records, here.open_warehouse() as warehouse:
        written = write_results(here, warehouse, records.journal, folder, identifiers=clear)
    if as_json:
        answer({"results": [{"name": one.name, "path": str(one.path), "lines": one.lines} for one in written]})
        return DONE
    made = table("file", "lines", right=("lines",))
    for one in written:
        add_row(made, (one.path, f"{one.lines:,}"))
    show(made)
    say("docs/results.md tells what the columns are.")
    return DONE
