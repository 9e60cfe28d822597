"""`fakemeta serve`: the simulator as a process."""

from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console

from fakemeta import people as population
from fakemeta.serving import bind, server_for, url_of
from fakemeta.world import World

main = typer.Typer(
    name="fakemeta",
    help="The part of Meta's Graph API that customer-list audiences use, on this machine. Nothing leaves it.",
    no_args_is_help=True,
    add_completion=False,
)


@main.callback()
def _root() -> None:
    """Keep `serve` a sub-command although it is the only one."""


@main.command()
def serve(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.")] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="When ready, print one line of JSON and nothing else.")
    ] = False,
    people: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="People as JSON Lines (see docs/fakemeta.md).")
    ] = None,
    population_size: Annotated[
        int, typer.Option("--population", min=0, help="Without --people: how many to make.")
    ] = 1000,
    seed: Annotated[int, typer.Option(help="Same seed, same people, ids and token.")] = 7,
    speed: Annotated[
        float, typer.Option(min=0, help="Simulated seconds per second; 60 makes an hour pass in a minute.")
    ] = 1,
) -> None:
    """Run the simulator until interrupted.

    Point a client at graph_url + /v25.0, for example: curl "GRAPH_URL/v25.0/me/adaccounts?access_token=TOKEN".
    """
    source = population.load(people) if people else population.generate(population_size, seed=seed)
    try:
        world = World(people=source, seed=seed, speed=speed)
    except (ValueError, TypeError) as error:
        typer.echo(f"The people file cannot be used: {error}", err=True)
        raise typer.Exit(2) from error
    try:
        listener = bind(port)
    except OSError as error:
        typer.echo(
            f"Port {port} cannot be used: {error.strerror}. Choose another with --port, or 0 for a free one.", err=True
        )
        raise typer.Exit(1) from error
    facts = {
        "graph_url": url_of(listener),
        "console_url": f"{url_of(listener)}/console",
        "access_token": world.token.value,
        "app_id": world.app.id,
        "app_secret": world.app.secret,
        "ad_account": f"act_{world.account.id}",
    }
    with listener:
        server_for(world, lambda: _announce(facts, as_json=as_json)).run(sockets=[listener])


def _announce(facts: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(orjson.dumps(facts).decode())
        return
    console = Console(soft_wrap=True, highlight=False)
    console.print("fakemeta is ready; nothing leaves this machine. Ctrl+C stops it.", markup=False)
    for name, value in facts.items():
        console.print(f"  {name:<13} {value}", markup=False)
