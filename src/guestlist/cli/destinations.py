"""`guestlist destinations`: connect a Meta ad account, and list what is connected."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from guestlist.cli.frame import DONE, NEEDS_A_PERSON, AsJson, SpaceDir, add_row, answer, say, show, table
from guestlist.clock import WallClock, microseconds
from guestlist.destinations.meta.client import GRAPH_URL, Connection, MetaClient
from guestlist.destinations.meta.connect import (
    Connected,
    Credentials,
    connection,
    keep,
    secret_names,
    try_out,
)
from guestlist.destinations.settings import DestinationSettings, parse_destination, read_destination
from guestlist.errors import GuestlistError, WrongUseError
from guestlist.records import Records, open_records
from guestlist.space import Space, open_space
from guestlist.store.vault import Secret

commands = typer.Typer(
    help="Destinations: the Meta ad accounts that audiences go to.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LARGEST_SECRET = 10_000
Name = Annotated[
    str, typer.Argument(metavar="NAME", help="What audiences call it: sync: NAME. The first is often main.")
]


@commands.command()
def connect(
    name: Name,
    *,
    ad_account: Annotated[str, typer.Option(metavar="act_…", help="The ad account.")],
    token_file: Annotated[Path, typer.Option(metavar="FILE", help="A file that holds the access token.")],
    app_secret_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A file that holds the app's secret: better, some apps demand it."),
    ] = None,
    graph_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Of a simulated Meta on this machine; Meta's own when left out.")
    ] = None,
    space: SpaceDir = Path(),
    as_json: AsJson = False,
) -> int:
    """Connect a Meta ad account, or renew its token. The token is tried at Meta before anything is kept.

    Token and app secret are kept encrypted in this space; the files are not needed afterwards. docs/connect-meta.md
    shows each screen at Meta on the way to them.

    guestlist destinations connect main --ad-account act_1234567890 --token-file token.txt
    """
    here = open_space(space)
    settings = _settings(here, name, ad_account, graph_url)
    with open_records(here) as records:
        _refuse_other_account(here, records, name, settings)
        credentials = _credentials(records, name, token_file, app_secret_file)
        with MetaClient(_way(settings, credentials)) as client:
            found = try_out(client, settings.account)
        now = microseconds(WallClock().now())
        keep(records.vault, name, credentials, now=now)
        here.write_entry("destinations", name, _entry(here, name, settings))
        records.journal.audit(actor="command line", action="destination connected", about=name, counts={}, now=now)
    if as_json:
        answer(_facts(name, found))
    else:
        _tell(name, found)
    return DONE if found.account.list_terms_accepted else NEEDS_A_PERSON


def _settings(space: Space, name: str, ad_account: str, graph_url: str | None) -> DestinationSettings:
    if not _NAME.fullmatch(name):
        raise WrongUseError(
            "bad_destination_name",
            "A destination's name is lower-case letters, digits, - and _, a letter first.",
            next_step="For example: guestlist destinations connect main …",
        )
    if not re.fullmatch(r"act_[0-9]+", ad_account):
        raise WrongUseError(
            "meta_bad_account_id",
            "An ad account id is act_ and digits.",
            next_step="Ads Manager shows the digits in its address, after act=.",
        )
    before = {key: value for key, value in space.settings.destinations.get(name, {}).items() if key != "graph_url"}
    given = {"graph_url": graph_url.rstrip("/")} if graph_url else {}
    return parse_destination(name, {**before, "account": ad_account, **given})


def _way(settings: DestinationSettings, credentials: Credentials) -> Connection:
    """How to reach the account; what cannot be one was typed wrongly."""
    try:
        return connection(settings, credentials)
    except GuestlistError as error:
        raise WrongUseError(
            error.code, error.message, next_step=error.next_step, nothing_lost=error.nothing_lost
        ) from None


def _entry(space: Space, name: str, settings: DestinationSettings) -> dict[str, Any]:
    """What a person wrote stays; account and address are as connected."""
    before = {key: value for key, value in space.settings.destinations.get(name, {}).items() if key != "graph_url"}
    simulated = {} if settings.graph_url == GRAPH_URL else {"graph_url": settings.graph_url}
    return {**before, "account": settings.account, "version": settings.version, **simulated}


def _refuse_other_account(space: Space, records: Records, name: str, settings: DestinationSettings) -> None:
    # The audiences live in the account that they were made in; elsewhere nobody would remove anybody from them.
    before = space.settings.destinations.get(name, {}).get("account", settings.account)
    syncs = [sync for sync in records.journal.syncs() if sync.destination == name and sync.remote_id]
    if before == settings.account or not syncs:
        return
    raise GuestlistError(
        "destination_in_use",
        f"Destination '{name}' is the ad account {before}, and {len(syncs)} of its audiences are there.",
        nothing_lost="Nothing was changed.",
        next_step=f"Connect {settings.account} under another name.",
    )


def _credentials(records: Records, name: str, token_file: Path, app_secret_file: Path | None) -> Credentials:
    token = _secret(token_file, "access token", "--token-file")
    if app_secret_file is not None:
        return Credentials(token=token, app_secret=_secret(app_secret_file, "app secret", "--app-secret-file"))
    _, sealed_as = secret_names(name)
    return Credentials(token=token, app_secret=records.vault.load(sealed_as))


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


def _tell(name: str, found: Connected) -> None:
    account = found.account
    say(
        f"Connected '{name}': {account.id} '{account.name}' ({account.currency}, {account.time_zone}).",
        f"  The token is {_kind(found)} '{found.who}'; {_expiry(found.token.expires_at)}.",
    )
    if account.list_terms_accepted:
        say("  Meta's custom audience terms are accepted.", "Next: guestlist plan, then guestlist sync")
        return
    say(
        "  Meta's custom audience terms are not accepted for this account; until then Meta takes nothing.",
        f"  Someone with a role in the business opens {found.terms_link}",
        "  and accepts. Then: guestlist doctor",
    )


def _kind(found: Connected) -> str:
    return {"SYSTEM_USER": "of the system user", "USER": "the personal one of"}.get(found.token.kind, "of")


def _expiry(seconds: int | None) -> str:
    if seconds is None:
        return "it does not expire"
    days = (seconds - int(WallClock().now().timestamp())) // 86_400
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


@commands.command("list")
def list_destinations(*, space: SpaceDir = Path(), as_json: AsJson = False) -> None:
    """List the destinations of this space. Asks Meta nothing; `guestlist doctor` does.

    guestlist destinations list
    """
    here = open_space(space)
    with open_records(here) as records:
        sealed = {secret.name for secret in records.journal.secrets()}
        syncs = records.journal.syncs()
    listed = []
    for name in here.settings.destinations:
        settings = read_destination(here.settings, name)
        token, app_secret = secret_names(name)
        listed.append(
            {
                "destination": name,
                "account": settings.account,
                "at": "Meta" if settings.graph_url == GRAPH_URL else settings.graph_url,
                "version": settings.version,
                "token": token in sealed,
                "app_secret": app_secret in sealed,
                "audiences": sum(1 for sync in syncs if sync.destination == name),
            }
        )
    if as_json:
        answer({"destinations": listed})
        return
    if not listed:
        say("No destination is connected yet: guestlist destinations connect --help")
        return
    shown = table("destination", "account", "at", "token", "app secret", "audiences", right=["audiences"])
    for one in listed:
        add_row(shown, [_word(value) for name, value in one.items() if name != "version"])
    show(shown)


def _word(value: object) -> object:
    if isinstance(value, bool):
        return "kept" if value else "none"
    return value.removeprefix("http://") if isinstance(value, str) else value
