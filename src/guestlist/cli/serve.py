"""`guestlist serve`: spaces kept right on time by a process that runs until it is stopped."""

import sys
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

import typer
from starlette.routing import Route

from guestlist.cli.frame import AsJson, amount_of_time, answer, say
from guestlist.clock import WallClock
from guestlist.connected.watching import token_ends
from guestlist.errors import WrongUseError
from guestlist.owning.holding import named
from guestlist.owning.reaching import new_key
from guestlist.records import open_records
from guestlist.service import health
from guestlist.service.alarms import Alarms
from guestlist.service.api.served import address_of, serve_space
from guestlist.service.app import make_app
from guestlist.service.front import Front
from guestlist.service.keeper import Keeper, Manner
from guestlist.service.logs import Log
from guestlist.service.metrics import Watched, measuring
from guestlist.service.serving import Place, Service
from guestlist.space import open_space
from guestlist.traces import tracing


def serve(
    *,
    space: Annotated[
        list[Path] | None,
        typer.Option("--space", metavar="DIR", help="A space; may be repeated. The folder you are in when left out."),
    ] = None,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")] = 8000,
    hung_after: Annotated[
        str, typer.Option(metavar="TIME", help="When to take over from a process without a sign of life: 60s, 5m.")
    ] = "60s",
    end_hung: Annotated[
        bool, typer.Option("--end-hung/--leave-hung", help="End that process, or wait until it ends by itself.")
    ] = True,
    metrics: Annotated[
        bool, typer.Option("--metrics/--no-metrics", help="Whether there is /metrics, for Prometheus.")
    ] = True,
    metrics_port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Serve /metrics on a port of its own, and not on the other.")
    ] = None,
    log_format: Annotated[Literal["json", "text"], typer.Option(help="How events are logged, on stderr.")] = "text",
    as_json: AsJson = False,
) -> None:
    """Take messages in and keep spaces right at Meta: every sync runs when its audience says, until you stop it.

    Messages come by the tracking API, POST /v1/track and the others, with the write key of a source (guestlist sources).

    One process holds a space. A second one on the same space waits, and takes over when the first ends or hangs. Stop it
    with Ctrl-C or SIGTERM: the request in flight is finished, and nothing is lost; a second one ends it at once.

    guestlist serve --space shop

    guestlist serve --space shop --space outlet --port 8080 --log-format json
    """
    folders = [folder.resolve() for folder in space or [Path()]]
    if len({folder.name for folder in folders}) < len(folders):
        raise WrongUseError(
            "space_named_twice",
            "Two of the spaces have the same name, which is that of their folder.",
            next_step="Name each once, or rename a folder: guestlist serve --space DIR",
        )
    log = Log(_to_stderr, WallClock(), as_json=log_format == "json")
    hung = amount_of_time("--hung-after", hung_after, plain="seconds", least=timedelta(seconds=1)).total_seconds()
    manner = Manner(hung_after=hung, beat_every=min(5.0, hung / 4), end_hung=end_hung)
    with ExitStack() as opened:
        opened.enter_context(tracing())
        key, served = new_key(), {}
        fronts: list[Front] = []
        for here in map(open_space, folders):
            records = opened.enter_context(open_records(here))
            front = Front(here, records)
            opened.callback(front.close)
            fronts.append(front)
            keeper = Keeper(here, take_in=front.take_in, log=log, manner=manner)
            served[here.folder.name] = serve_space(keeper, records, key)
            alarms = Alarms(keeper, records.journal, log, token_ends=token_ends)
            opened.callback(alarms.stop)
            alarms.start()
        keepers = [one.keeper for one in served.values()]
        watched = [
            Watched(keeper=keeper, door=front.door, journal=front.journal)
            for keeper, front in zip(keepers, fronts, strict=True)
        ]
        more = _shown(opened, watched, log, host, metrics_port) if metrics or metrics_port is not None else []
        app = make_app([front.door for front in fronts], served, more)

        def ready(url: str | None) -> None:
            if url:
                for one in served.values():
                    one.keeper.is_served_at(address_of(one, url, key))
            _tell(keepers, url, as_json=as_json)

        Service(keepers, app, Place(host=host, port=port), log).run(ready)


def _shown(opened: ExitStack, watched: list[Watched], log: Log, host: str, port: int | None) -> list[Route]:
    """Metrics on a port of their own, or as a route of the application."""
    shown = opened.enter_context(measuring(watched, log, token_ends))
    if port is None:
        return [shown.route()]
    opened.enter_context(shown.served(host, port))
    return []


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 the log


def _tell(keepers: list[Keeper], url: str | None, *, as_json: bool) -> None:
    if as_json:
        answer({"url": url, "spaces": [health.facts(keeper) for keeper in keepers]})
    else:
        where = f"listens on {url}" if url else "will listen once it takes over"
        kept = ", ".join(_kept(keeper) for keeper in keepers)
        say(f"Guestlist {where}: {kept}. Stop it with Ctrl-C.")
    sys.stdout.flush()


def _kept(keeper: Keeper) -> str:
    name = keeper.space.folder.name
    waits_for = keeper.waits_for
    return f"{name} waits for {named(waits_for)}" if waits_for else f"{name} {keeper.stand.value}"
