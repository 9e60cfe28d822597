"""`guestlist destinations`: connect a Meta ad account, give it another token, let go of it, see what is connected."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr

from guestlist.cli import at_meta, login
from guestlist.cli.frame import DONE, NEEDS_A_PERSON, AsJson, add_row, answer, say, show, table
from guestlist.cli.place import HERE, SpaceAt
from guestlist.cli.telling_destinations import tell_destination
from guestlist.connected.connecting import check_typed
from guestlist.errors import WrongUseError
from guestlist.operations.destinations import (
    META,
    AudienceKept,
    ConnectDestination,
    ConnectedTold,
    DisconnectDestination,
    ListDestinations,
    ReconnectDestination,
    ShowDestination,
)
from guestlist.operations.hidden import hide
from guestlist.store.vault import Secret

commands = typer.Typer(
    help="Destinations: the Meta ad accounts that audiences go to.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

at_meta.teach(commands)

_LARGEST_SECRET = 10_000
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
    space: SpaceAt = HERE,
    as_json: AsJson = False,
) -> int:
    """Connect a Meta ad account. The token is tried at Meta before anything is kept.

    Best with the token of a system user, which does not end. With --login a person logs in at Meta by an app of your own;
    such a token lasts 60 days. docs/connect-meta.md shows each screen at Meta on the way.

    Token and app secret are kept encrypted in this space; the files are not needed afterwards.

    guestlist destinations connect main --ad-account act_1234567890 --token-file token.txt

    guestlist destinations connect main --login --app-id 1234 --app-secret-file secret.txt
    """
    if log_in:
        found = login.log_in(space, _wanted(name, app_id, app_secret_file, ad_account, graph_url,
                                            browser=browser, port=port, as_json=as_json))  # fmt: skip
    else:
        _refuse_left_out("--ad-account", ad_account)
        check_typed(name, str(ad_account))
        found = space.ask(
            ConnectDestination(
                name=name,
                account=str(ad_account),
                token=_token(token_file),
                app_secret=_app_secret(app_secret_file),
                graph_url=graph_url,
            )
        )
    return _tell(found, "Next: guestlist plan, then guestlist sync", as_json=as_json)


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
    space: SpaceAt = HERE,
    as_json: AsJson = False,
) -> int:
    """Give a destination another token, for the same ad account. What waited goes on where it stood.

    Works beside a running service, which goes on by itself within seconds. Nothing that Meta has taken is sent again.

    guestlist destinations reconnect main --token-file token.txt

    guestlist destinations reconnect main --login --app-id 1234 --app-secret-file secret.txt
    """
    if log_in:
        there = space.ask(ShowDestination(name=name))
        simulated = None if there.at == META else there.at
        found = login.log_in(space, _wanted(name, app_id, app_secret_file, there.account, simulated,
                                            browser=browser, port=port, as_json=as_json))  # fmt: skip
    else:
        token, app_secret = _token(token_file), _app_secret(app_secret_file)
        found = space.ask(ReconnectDestination(name=name, token=token, app_secret=app_secret))
    goes_on = "What waited goes on with: guestlist sync"
    if found.kept_by_service:
        goes_on = "The running service goes on by itself."
    return _tell(found, goes_on, as_json=as_json)


@commands.command()
def disconnect(name: Name, *, space: SpaceAt = HERE, as_json: AsJson = False) -> None:
    """Forget a destination's token. Its settings and records stay, and so do its audiences at Meta, as they are.

    guestlist destinations disconnect main
    """
    gone = space.ask(DisconnectDestination(name=name))
    if as_json:
        answer(gone)
        return
    say(
        f"Disconnected '{name}': its token is forgotten. The token itself still works; revoke it at Meta if it should not."
    )
    if gone.audiences_at_meta:
        say(f"At Meta, in {gone.account}, these stay as they are, and nobody is added or removed any more:")
        _tell_audiences(gone.audiences_at_meta)
        say(f"To go on: guestlist destinations reconnect {name}")


@commands.command("list")
def list_destinations(*, space: SpaceAt = HERE, as_json: AsJson = False) -> None:
    """List the destinations of this space. Asks Meta nothing; `guestlist doctor` does.

    guestlist destinations list
    """
    told = space.ask(ListDestinations())
    if as_json:
        answer(told)
        return
    if not told.destinations:
        say("No destination is connected yet: guestlist destinations connect --help")
        return
    shown = table("destination", "account", "at", "token", "app secret", "audiences", right=["audiences"])
    for one in told.destinations:
        app_secret = "kept" if one.app_secret else "none"
        add_row(shown, (one.destination, one.account, _word(one.at), one.token_told, app_secret, one.audiences))
    show(shown)


@commands.command("show")
def show_destination(name: Name, *, space: SpaceAt = HERE, as_json: AsJson = False) -> int:
    """Show one destination: whether we may send there, for how long, and its audiences. Asks Meta nothing.

    guestlist destinations show main
    """
    told = space.ask(ShowDestination(name=name))
    if as_json:
        answer(told)
    else:
        where = "" if told.at == META else f", a simulated Meta at {_word(told.at)}"
        say(f"{name}: {told.account}{where}", f"  Token: {told.token_in_words}")
        if told.token_checked:
            say(f"  Meta was last asked about it on {told.token_checked[:16]} UTC")
        tell_destination(told)
        _tell_audiences(told.audiences)
    return NEEDS_A_PERSON if told.needs_a_person else DONE


def _tell_audiences(audiences: Sequence[AudienceKept]) -> None:
    if not audiences:
        return
    shown = table("sync", "audience at Meta", "name", "people sent", right=["people sent"])
    for one in audiences:
        add_row(shown, (one.sync, one.id, one.name, f"{one.people_sent:,}"))
    show(shown)


def _word(url: str) -> str:
    return url.removeprefix("http://")


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


def _token(file: Path | None) -> SecretStr:
    _refuse_left_out("--token-file", file)
    return hide(_secret(Path(str(file)), "access token", "--token-file"))


def _app_secret(file: Path | None) -> SecretStr | None:
    return None if file is None else hide(_secret(file, "app secret", "--app-secret-file"))


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


def _tell(found: ConnectedTold, next_step: str, *, as_json: bool) -> int:
    if as_json:
        answer(found)
    else:
        account = f"{found.account} '{found.account_name}' ({found.currency}, {found.time_zone})"
        say(
            f"Connected '{found.destination}': {account}.",
            f"  The token is {_kind(found)} '{found.token_of}'; {_expiry(found)}.",
        )
        if found.terms_accepted:
            say("  Meta's custom audience terms are accepted.", next_step)
        else:
            say(
                "  Meta's custom audience terms are not accepted for this account; until then Meta takes nothing.",
                f"  Someone with a role in the business opens {found.terms_link}",
                "  and accepts. Then: guestlist doctor",
            )
    return DONE if found.terms_accepted else NEEDS_A_PERSON


def _kind(found: ConnectedTold) -> str:
    return {"SYSTEM_USER": "of the system user", "USER": "the personal one of"}.get(found.token_kind, "of")


def _expiry(found: ConnectedTold) -> str:
    if found.token_expires is None:
        return "it does not expire"
    return f"it is valid until {found.token_expires}, {found.token_days_left} days from now"
