"""A login at Meta from the command line: dialog in a browser, answer by a listener or pasted, one account chosen."""

import sys
import webbrowser
from collections.abc import Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qsl, urlsplit

import typer
from pydantic import SecretStr

from guestlist.cli.frame import add_row, console, table
from guestlist.cli.place import Place
from guestlist.clock import stopwatch
from guestlist.connected.login import LIFE
from guestlist.errors import GuestlistError, WrongUseError
from guestlist.operations.destinations import ConnectedTold
from guestlist.operations.hidden import hide
from guestlist.operations.logins import AccountOffered, BeginLogin, ChooseAccount, FinishLogin, LoginBegun
from guestlist.store.vault import Secret

_ROLES = {"manage": "may manage", "advertise": "may advertise", "look": "may only look", "not told": "role not told"}
PORT, PATH = 8740, "/connect/meta"
_NOTHING = "Nothing was changed."
_PAGE = (
    "<!doctype html><meta charset=utf-8><title>Guestlist</title><p>{said} You can close this page and go back to the "
    "terminal."
)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What was typed about a login."""

    name: str
    app_id: str
    app_secret: Secret
    ad_account: str | None
    graph_url: str | None
    browser: bool
    port: int
    as_json: bool


@dataclass(frozen=True, kw_only=True)
class _Back:
    """What Meta sent back."""

    state: Secret
    code: Secret | None
    refused: bool


def log_in(space: Place, wanted: Wanted) -> ConnectedTold:
    """All of it; raises what stands in the way, nothing changed by then."""
    listener = _Listener(wanted.port) if wanted.browser else None
    try:
        begun = space.ask(_begin(wanted, listener.port if listener else wanted.port))
        back = listener.wait(begun) if listener else _pasted(begun)
    finally:
        if listener:
            listener.close()
    code = hide(back.code) if back.code else None
    found = space.ask(FinishLogin(state=hide(back.state), code=code, refused=back.refused))
    if found.declined:
        _aside(f"Not granted in the login, and not needed: {', '.join(found.declined)}.")
    account = wanted.ad_account or found.settled or _chosen(found.accounts, as_json=wanted.as_json)
    return space.ask(ChooseAccount(choice=SecretStr(found.choice), account=account))


def _begin(wanted: Wanted, port: int) -> BeginLogin:
    return BeginLogin(
        name=wanted.name,
        app_id=wanted.app_id,
        app_secret=hide(wanted.app_secret),
        redirect_uri=f"http://localhost:{port}{PATH}",
        graph_url=wanted.graph_url,
    )


def _aside(*lines: str) -> None:
    """Beside the answer, which may be JSON."""
    out = console(sys.stderr)
    for line in lines:
        out.print(line, soft_wrap=True)


# --- the way back ---


class _Listener:
    """Waits on this machine for the one request that the browser comes back with. It logs nothing: the URL has a code."""

    def __init__(self, port: int) -> None:
        try:
            self._server = HTTPServer(("127.0.0.1", port), _handler(self))
        except OSError as error:
            raise WrongUseError(
                "login_port_taken",
                f"Port {port} of this machine cannot be listened on: {error.strerror}.",
                nothing_lost=_NOTHING,
                next_step="Name another with --port, and add its address to the app's redirect addresses; or use "
                "--no-browser.",
            ) from None
        self._server.timeout = 1.0
        self._state: Secret | None = None
        self.back: _Back | None = None

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def wait(self, begun: LoginBegun) -> _Back:
        self._state = Secret(begun.state)
        _aside("Log in at Meta with a person who may manage the ad account:", f"  {begun.url}")
        if not webbrowser.open(begun.url):
            _aside("No browser could be opened here: open that address in one of this machine, or use --no-browser.")
        waited = stopwatch()
        while self.back is None and waited() < LIFE:
            self._server.handle_request()
        if self.back is None:
            raise GuestlistError(
                "login_not_known",
                "Nobody came back from the login within ten minutes.",
                nothing_lost=_NOTHING,
                next_step="Start it again; where the browser is on another machine, with --no-browser.",
            )
        return self.back

    def took(self, address: str) -> bool:
        """Whether this request is the one; others, such as for an icon, or with another state, are none of ours."""
        path, query = _split(address)
        if path != PATH or self._state is None:
            return False
        back = _read(query)
        if back is None or back.state != self._state:
            return False
        self.back = back
        return True

    def close(self) -> None:
        self._server.server_close()


def _handler(listener: _Listener) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            taken = listener.took(self.path)
            page = _PAGE.format(said="Guestlist has what it needs." if taken else "Guestlist does not wait for this.")
            self.send_response(200 if taken else 404)
            for name, value in _HEADERS.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_: object) -> None:
            """Nothing: the address holds the code."""

    return Handler


_HEADERS = {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'",
}


def _split(address: str) -> tuple[str, str]:
    """Path and query of what was typed or asked for, which may be anything."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "", ""
    return parts.path, parts.query


def _pasted(begun: LoginBegun) -> _Back:
    _aside(
        "Open this address in any browser and log in with a person who may manage the ad account:",
        f"  {begun.url}",
        "It ends on a page that cannot be shown. Paste the address of that page here:",
    )
    hidden = sys.stdin.isatty()  # it holds a code
    typed = typer.prompt("Address", hide_input=True, err=True) if hidden else sys.stdin.readline()
    back = _read(_split(typed.strip())[1])
    if back is None:
        raise WrongUseError(
            "login_no_answer",
            "That is not the address that Meta sends people back to: it has no state, or neither code nor error.",
            nothing_lost=_NOTHING,
            next_step="Start again, and copy the whole address of the page on which the login ends.",
        )
    return back


def _read(query: str) -> _Back | None:
    params = dict(parse_qsl(query))
    state, code, error = params.get("state"), params.get("code"), params.get("error")
    if not state or not (code or error):
        return None
    return _Back(state=Secret(state), code=Secret(code) if code else None, refused=error is not None)


# --- the account ---


def _chosen(accounts: Sequence[AccountOffered], *, as_json: bool) -> str:
    if as_json or not sys.stdin.isatty():
        told = ", ".join(f"{one.account} '{one.name}' ({_ROLES[one.may]})" for one in accounts)
        raise WrongUseError(
            "login_which_account",
            f"This login reaches {len(accounts)} ad accounts: {told}.",
            nothing_lost=_NOTHING,
            next_step="Run the command again and name one with --ad-account.",
        )
    made = table("", "ad account", "name", "role", right=[""])
    for number, one in enumerate(accounts, start=1):
        add_row(made, (number, one.account, one.name, _ROLES[one.may]))
    console(sys.stderr).print(made)
    while True:
        number = int(typer.prompt("Which one? Its number", type=int, err=True))
        if 1 <= number <= len(accounts):
            return accounts[number - 1].account
