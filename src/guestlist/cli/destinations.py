"""`guestlist destinations`: connect a Meta ad account, give it another token, let go of it, see what is connected."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from guestlist.cli import at_meta, login
from guestlist.cli.frame import DONE, NEEDS_A_PERSON, AsJson, SpaceDir, add_row, answer, say, show, table
from guestlist.cli.telling_destinations import tell_destination, token_in_words
from guestlist.clock import Clock, microseconds
from guestlist.connected import connecting
from guestlist.connected import login as logging_in
from guestlist.connected.connections import clock_at, clock_of
from guestlist.connected.watching import standing_of
from guestlist.destinations.meta.client import GRAPH_URL
from guestlist.destinations.meta.connect import Connected, Credentials, secret_names
from guestlist.destinations.settings import read_destination
from guestlist.errors import WrongUseError
from guestlist.operations.destinations import DestinationTold, told_of
from guestlist.owning.holding import lives
from guestlist.records import Records, open_records
from guestlist.space import Space, open_space
from guestlist.store.journal_tables import Sync
from guestlist.store.vault import Secret

commands = typer.Typer(
    help="Destinations: the Meta ad accounts that audiences go to.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

at_meta.teach(commands)

_LARGEST_SECRET = 10_000
_ACTOR = "command line"
Name = Annotated[
    str, typer.Argument(metavar="NAME", help="What audiences call it: sync: NAME. The first is often main.")
]
TokenFile = Annotated[Path | None, typer.Option(metavar="FILE", help="A file that holds the access token.")]
AppSecretFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="A file that holds the app's secret: better, some apps demand it.")
]
GraphUrl = Annotated[
    str | None, typer.Option(metavar="URL", help="Of a simulated Meta on this machine; Meta's own when left out.")
]
Login = Annotated[bool, typer.Option("--login", help="Log in at Meta with an app of your own, instead of a token.")]
AppId = Annotated[str | None, typer.Option(metavar="ID", help="The app to log in to.")]
Browser = Annotated[
    bool, typer.Option("--browser/--no-browser", help="Open a browser here, or show an address and take another back.")
]
Port = Annotated[
    int, typer.Option(min=0, max=65535, help="Where this machine waits for the login; 0 takes a free port.")
]


@commands.command()
def connect(
    name: Name,
    *,
    ad_account: Annotated[
        str | None, typer.Option(metavar="act_…", help="The ad account. With --login it may be chosen.")
    ] = None,
    token_file: TokenFile = None,
    app_secret_file: AppSecretFile = None,
    log_in: Login = False,
    app_id: AppId = None,
    browser: Browser = True,
    port: Port = login.PORT,
    graph_url: GraphUrl = None,
    space: SpaceDir = Path(),
    as_json: AsJson = False,
) -> int:
    """Connect a Meta ad account. The token is tried at Meta before anything is kept.

    Best with the token of a system user, which does not end. With --login a person logs in at Meta by an app of your own;
    such a token lasts 60 days. docs/connect-meta.md shows each screen at Meta on the way.

    Token and app secret are kept encrypted in this space; the files are not needed afterwards.

    guestlist destinations connect main --ad-account act_1234567890 --token-file token.txt

    guestlist destinations connect main --login --app-id 1234 --app-secret-file secret.txt
    """
    here = open_space(space)
    with open_records(here) as records:
        clock = clock_at(graph_url) if graph_url else clock_of(here)
        if log_in:
            found = login.log_in(here, records, clock, _wanted(name, app_id, app_secret_file, ad_account, graph_url,
                                                               browser=browser, port=port, as_json=as_json))  # fmt: skip
        else:
            _refuse_left_out("--ad-account", ad_account)
            settings = connecting.planned_settings(here, name, str(ad_account), graph_url)
            connecting.refuse_other_account(here, records, name, settings.account)
            credentials = _credentials(records, name, token_file, app_secret_file)
            found = connecting.connect(
                here, records, name, settings, credentials, actor=_ACTOR, now=microseconds(clock.now())
            )
    return _tell(name, found, "Next: guestlist plan, then guestlist sync", clock=clock, as_json=as_json)


@commands.command()
def reconnect(
    name: Name,
    *,
    token_file: TokenFile = None,
    app_secret_file: AppSecretFile = None,
    log_in: Login = False,
    app_id: AppId = None,
    browser: Browser = True,
    port: Port = login.PORT,
    space: SpaceDir = Path(),
    as_json: AsJson = False,
) -> int:
    """Give a destination another token, for the same ad account. What waited goes on where it stood.

    Works beside a running service, which goes on by itself within seconds. Nothing that Meta has taken is sent again.

    guestlist destinations reconnect main --token-file token.txt

    guestlist destinations reconnect main --login --app-id 1234 --app-secret-file secret.txt
    """
    here = open_space(space)
    settings, clock = read_destination(here.settings, name), clock_of(here)
    with open_records(here) as records:
        if log_in:
            found = login.log_in(
                here, records, clock, _wanted(name, app_id, app_secret_file, settings.account, settings.graph_url,
                                              browser=browser, port=port, as_json=as_json))  # fmt: skip
        else:
            credentials = _credentials(records, name, token_file, app_secret_file)
            found = connecting.reconnect(here, records, name, credentials, actor=_ACTOR, now=microseconds(clock.now()))
        owner, now = records.journal.owner(), microseconds(clock.now())
    kept = lives(owner, now=now)
    goes_on = "The running service goes on by itself." if kept else "What waited goes on with: guestlist sync"
    return _tell(name, found, goes_on, clock=clock, as_json=as_json)


@commands.command()
def disconnect(name: Name, *, space: SpaceDir = Path(), as_json: AsJson = False) -> None:
    """Forget a destination's token. Its settings and records stay, and so do its audiences at Meta, as they are.

    guestlist destinations disconnect main
    """
    here = open_space(space)
    with open_records(here) as records:
        gone = connecting.disconnect(here, records, name, actor=_ACTOR, now=microseconds(clock_of(here).now()))
    if as_json:
        answer(
            {"destination": name, "account": gone.account, "audiences_at_meta": [_audience(s) for s in gone.audiences]}
        )
        return
    say(
        f"Disconnected '{name}': its token is forgotten. The token itself still works; revoke it at Meta if it should not."
    )
    if gone.audiences:
        say(f"At Meta, in {gone.account}, these stay as they are, and nobody is added or removed any more:")
        _tell_audiences(gone.audiences)
        say(f"To go on: guestlist destinations reconnect {name}")


@commands.command("list")
def list_destinations(*, space: SpaceDir = Path(), as_json: AsJson = False) -> None:
    """List the destinations of this space. Asks Meta nothing; `guestlist doctor` does.

    guestlist destinations list
    """
    here = open_space(space)
    with open_records(here) as records:
        now = microseconds(clock_of(here).now())
        logging_in.sweep(records, now=now)
        listed = [
            _listed(here, records, told_of(standing_of(here, records.journal, name, now=now)))
            for name in here.settings.destinations
        ]
    if as_json:
        answer({"destinations": listed})
        return
    if not listed:
        say("No destination is connected yet: guestlist destinations connect --help")
        return
    shown = table("destination", "account", "at", "token", "app secret", "audiences", right=["audiences"])
    for one in listed:
        cells = [one[name] for name in ("destination", "account", "at", "token_told", "app_secret", "audiences")]
        add_row(shown, [_word(value) for value in cells])
    show(shown)


@commands.command("show")
def show_destination(name: Name, *, space: SpaceDir = Path(), as_json: AsJson = False) -> int:
    """Show one destination: whether we may send there, for how long, and its audiences. Asks Meta nothing.

    guestlist destinations show main
    """
    here = open_space(space)
    settings = read_destination(here.settings, name)
    with open_records(here) as records:
        standing = told_of(standing_of(here, records.journal, name, now=microseconds(clock_of(here).now())))
        audiences = [one for one in records.journal.syncs() if one.destination == name and one.remote_id]
    if as_json:
        answer({**standing.facts(), "audiences": [_audience(one) for one in audiences]})
    else:
        where = "" if settings.graph_url == GRAPH_URL else f", a simulated Meta at {_word(settings.graph_url)}"
        say(f"{name}: {settings.account}{where}", f"  Token: {token_in_words(standing)}")
        if standing.token_checked:
            say(f"  Meta was last asked about it on {standing.token_checked[:16]} UTC")
        tell_destination(standing)
        _tell_audiences(audiences)
    return NEEDS_A_PERSON if standing.needs_a_person else DONE


def _tell_audiences(audiences: "list[Sync] | tuple[Sync, ...]") -> None:
    if not audiences:
        return
    shown = table("sync", "audience at Meta", "name", "people sent", right=["people sent"])
    for one in audiences:
        add_row(shown, (one.key, one.remote_id, one.remote_name, f"{one.people_sent:,}"))
    show(shown)


def _audience(sync: Sync) -> dict[str, Any]:
    return {"sync": sync.key, "id": sync.remote_id, "name": sync.remote_name, "people_sent": sync.people_sent}


def _listed(space: Space, records: Records, standing: DestinationTold) -> dict[str, Any]:
    settings = read_destination(space.settings, standing.destination)
    _, app_secret = secret_names(standing.destination)
    return {
        **standing.facts(),
        "at": "Meta" if settings.graph_url == GRAPH_URL else settings.graph_url,
        "version": settings.version,
        "token": standing.token_kept,
        "token_told": "parked" if standing.parked else token_in_words(standing),
        "app_secret": records.journal.secret(app_secret) is not None,
        "audiences": sum(1 for sync in records.journal.syncs() if sync.destination == standing.destination),
    }


def _word(value: object) -> object:
    if isinstance(value, bool):
        return "kept" if value else "none"
    return value.removeprefix("http://") if isinstance(value, str) else value


# --- what was typed ---


def _wanted(
    name: str,
    app_id: str | None,
    app_secret_file: Path | None,
    ad_account: str | None,
    graph_url: str | None,
    *,
    browser: bool,
    port: int,
    as_json: bool,
) -> login.Wanted:
    _refuse_left_out("--app-id", app_id)
    _refuse_left_out("--app-secret-file", app_secret_file)
    return login.Wanted(
        name=name,
        app_id=str(app_id),
        app_secret=_secret(Path(str(app_secret_file)), "app secret", "--app-secret-file"),
        ad_account=ad_account,
        graph_url=graph_url,
        browser=browser,
        port=port,
        as_json=as_json,
    )


def _refuse_left_out(option: str, value: object) -> None:
    if value is None:
        raise WrongUseError(
            "option_missing",
            f"{option} is missing.",
            nothing_lost="Nothing was changed or sent.",
            next_step="Give --ad-account and --token-file, or --login with --app-id and --app-secret-file.",
        )


def _credentials(records: Records, name: str, token_file: Path | None, app_secret_file: Path | None) -> Credentials:
    _refuse_left_out("--token-file", token_file)
    token = _secret(Path(str(token_file)), "access token", "--token-file")
    if app_secret_file is not None:
        return Credentials(token=token, app_secret=_secret(app_secret_file, "app secret", "--app-secret-file"))
    return connecting.with_kept_secret(records, name, token)


def _secret(place: Path, what: str, option: str) -> Secret:
    """The one word in a file. What the file holds is never repeated, whatever it is."""
    try:
        with place.open("rb") as file:
            content = file.read(_LARGEST_SECRET + 1).decode("utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise _no_secret(f"The {what} cannot be read from {place}: {why}.", option) from None
    if not content:
        raise _no_secret(f"{place} is empty.", option)
    if not re.fullmatch(r"[!-~]{1,10000}", content):
        raise _no_secret(
            f"{place} holds something else than one {what}: blanks, several lines, or odd letters.", option
        )
    return Secret(content)


def _no_secret(happened: str, option: str) -> WrongUseError:
    return WrongUseError(
        "secret_file_unusable",
        happened,
        nothing_lost="Nothing was changed or sent.",
        next_step=f"Put it alone into a file and name that with {option}.",
    )


# --- what came of it ---


def _tell(name: str, found: Connected, next_step: str, *, clock: Clock, as_json: bool) -> int:
    account = found.account
    if as_json:
        answer(_facts(name, found))
    else:
        say(
            f"Connected '{name}': {account.id} '{account.name}' ({account.currency}, {account.time_zone}).",
            f"  The token is {_kind(found)} '{found.who}'; {_expiry(found.token.expires_at, clock)}.",
        )
        if account.list_terms_accepted:
            say("  Meta's custom audience terms are accepted.", next_step)
        else:
            say(
                "  Meta's custom audience terms are not accepted for this account; until then Meta takes nothing.",
                f"  Someone with a role in the business opens {found.terms_link}",
                "  and accepts. Then: guestlist doctor",
            )
    return DONE if account.list_terms_accepted else NEEDS_A_PERSON


def _kind(found: Connected) -> str:
    return {"SYSTEM_USER": "of the system user", "USER": "the personal one of"}.get(found.token.kind, "of")


def _expiry(seconds: int | None, clock: Clock) -> str:
    if seconds is None:
        return "it does not expire"
    days = (seconds - int(clock.now().timestamp())) // 86_400
    return f"it is valid until {_day(seconds)}, {days} days from now"


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def _facts(name: str, found: Connected) -> dict[str, Any]:
    expires = found.token.expires_at
    return {
        "destination": name,
        "account": found.account.id,
        "account_name": found.account.name,
        "currency": found.account.currency,
        "time_zone": found.account.time_zone,
        "token_of": found.who,
        "token_kind": found.token.kind,
        "token_expires": None if expires is None else _day(expires),
        "terms_accepted": found.account.list_terms_accepted,
        "terms_link": found.terms_link,
    }
