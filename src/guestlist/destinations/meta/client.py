"""A thin client for the part of the Graph API that customer lists need.

A request comes to exactly one `Outcome`. The token travels in a header and rows in a body, never in a URL; nothing that
this module raises, shows or logs holds a value, a hash or a token.
"""

import hashlib
import hmac
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any, Literal, Self

import httpx
import orjson

from guestlist.destinations.meta.answers import (
    Account,
    Audience,
    Outcome,
    Reply,
    TokenFacts,
    UsersAnswer,
    read_account,
    read_audience,
    read_body,
    read_token,
    read_users,
)
from guestlist.destinations.meta.manifest import API_VERSION
from guestlist.destinations.meta.pace import Direction, Usage, read_usage
from guestlist.destinations.meta.verdicts import Rule, as_error, kept
from guestlist.errors import GuestlistError
from guestlist.instruments import step
from guestlist.outward import keep_out_of_logs
from guestlist.store.vault import Secret

GRAPH_URL = "https://graph.facebook.com"
REQUEST_SECONDS = 65.0  # a successor waits this long before it sends the opposite of a request in doubt
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_LARGEST_ANSWER = 8 * 1024 * 1024
_PAGE = 100
_MOST_PAGES = 200
_AUDIENCE_FIELDS = (
    "id,name,subtype,time_created,approximate_count_lower_bound,approximate_count_upper_bound,"
    "operation_status,delivery_status"
)
_LISTED_FIELDS = f"{_AUDIENCE_FIELDS},account_id,permission_for_actions"
_HEAVY_PAGE = 20  # what Meta recommends where sizes and states are asked for
_ACCOUNT_FIELDS = "id,name,account_status,currency,timezone_name,tos_accepted,business,user_tasks"
# The connection was never made, so nothing can have been sent. Every other failure leaves that open.
_NOT_SENT = frozenset({httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol})

Method = Literal["GET", "POST", "DELETE"]

keep_out_of_logs()


class MetaError(GuestlistError):
    """A request that Meta refused, or whose answer never came."""

    def __init__(self, reply: Reply, error: GuestlistError) -> None:
        super().__init__(error.code, error.message, next_step=error.next_step, nothing_lost=error.nothing_lost)
        self.reply = reply

    @property
    def rule(self) -> Rule | None:
        return self.reply.rule


@dataclass(frozen=True, kw_only=True)
class Connection:
    """How to reach one ad account."""

    ad_account: str
    token: Secret
    app_secret: Secret | None = None
    graph_url: str = GRAPH_URL
    version: str = API_VERSION
    proxy: str | None = None
    destination: str | None = None  # under which name it is connected, for what errors tell people to type

    def __post_init__(self) -> None:
        if not on_this_machine(self.graph_url) and self.graph_url.rstrip("/") != GRAPH_URL:
            raise _misconfigured(
                "meta_host_not_allowed",
                "The Graph URL is neither Meta's nor on this machine.",
                "Leave graph_url out, or give the URL that fakemeta serve prints.",
            )
        if not is_account_id(self.ad_account):
            raise _misconfigured("meta_bad_account_id", "An ad account id is act_ and digits.", "Correct --ad-account.")
        if not re.fullmatch(r"v[0-9]+\.[0-9]+", self.version):
            raise _misconfigured("meta_bad_version", "An API version looks like v25.0.", "Correct api_version.")
        if not re.fullmatch(r"[!-~]+", self.token.reveal()):  # or the header's own error would show it
            raise _misconfigured("meta_bad_token_text", "The token is empty or no token.", "Check the token file.")


@dataclass(frozen=True, kw_only=True)
class Mark:
    """Where a request stands in its upload session."""

    session_id: int
    batch_seq: int
    last: bool


@dataclass(frozen=True, kw_only=True)
class UsersReply:
    """What came of an upload; `answer` is there when `reply.outcome` is APPLIED, and only then."""

    reply: Reply
    answer: UsersAnswer | None


class MetaClient:
    """One ad account at Meta."""

    def __init__(
        self,
        connection: Connection,
        *,
        transport: httpx.BaseTransport | None = None,
        on_refusal: Callable[[Rule], None] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._at = connection
        self._monotonic = monotonic
        self._on_refusal = on_refusal
        self._deletes_by_post = False  # Meta was seen not to read what a DELETE carries
        self.usage = Usage()  # of the latest answer that said something
        self.answered_at: datetime | None = None  # by Meta's clock
        self._http = httpx.Client(
            base_url=f"{connection.graph_url.rstrip('/')}/{connection.version}/",
            headers={"authorization": f"Bearer {connection.token.reveal()}", "accept": "application/json"},
            timeout=httpx.Timeout(60.0, connect=10.0, pool=10.0),
            follow_redirects=False,
            trust_env=False,  # a .netrc must not replace our token, nor a variable reroute it
            proxy=connection.proxy,
            transport=transport,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    # --- rows ---------------------------------------------------------------------------------------------------------

    def send(
        self, direction: Direction, audience: str, schema: Sequence[str], rows: Sequence[str], mark: Mark
    ) -> UsersReply:
        """Add or remove rows, each the text of a JSON array. Never raises for what Meta or the network does."""
        method: Method = "POST" if direction == "add" else "DELETE"
        body = {
            "payload": {"schema": list(schema), "data": orjson.Fragment(f"[{','.join(rows)}]"), "is_raw": True},
            "session": {"session_id": mark.session_id, "batch_seq": mark.batch_seq, "last_batch_flag": mark.last},
        }
        reply = self.call(method, f"{_digits(audience)}/users", body)
        if reply.outcome is not Outcome.APPLIED:
            return UsersReply(reply=reply, answer=None)
        answer = read_users(reply, rows)
        if answer is None:
            reply = Reply(outcome=Outcome.UNKNOWN, usage=reply.usage, cause="answer without counts")
            return UsersReply(reply=reply, answer=None)
        # The body holds Meta's samples, which are rows of people: only their numbers go on from here.
        return UsersReply(reply=Reply(outcome=reply.outcome, usage=reply.usage), answer=answer)

    # --- audiences ----------------------------------------------------------------------------------------------------

    def create_audience(self, name: str, description: str, customer_file_source: str) -> str:
        """Makes a new audience every time; to make it once, record the intent and look it up by name first."""
        body = {
            "name": name,
            "description": description,
            "subtype": "CUSTOM",
            "customer_file_source": customer_file_source,
        }
        made = self._ask("POST", f"{self._at.ad_account}/customaudiences", body, f"audience '{name}'")
        return str(made.get("id", ""))

    def audience(self, audience: str) -> Audience:
        path = _digits(audience)
        return read_audience(self._ask("GET", path, {"fields": _AUDIENCE_FIELDS}, f"audience {path}"))

    def audiences(self) -> Iterator[Audience]:
        """All of the account's audiences, newest first, with name and time of creation only."""
        path = f"{self._at.ad_account}/customaudiences"
        params = {"fields": "id,name,subtype,time_created", "limit": _PAGE}
        return map(read_audience, self._pages(path, params, self._at.ad_account))

    def audiences_in_full(self) -> Iterator[Audience]:
        """The same with sizes, states and whose they are: many more calls."""
        path = f"{self._at.ad_account}/customaudiences"
        params = {"fields": _LISTED_FIELDS, "limit": _HEAVY_PAGE}
        return map(read_audience, self._pages(path, params, self._at.ad_account))

    def _pages(self, path: str, params: dict[str, Any], thing: str) -> Iterator[Mapping[str, Any]]:
        for _ in range(_MOST_PAGES):
            page = self._ask("GET", path, params, thing)
            data = page.get("data")
            yield from (entry for entry in data or () if isinstance(entry, dict))
            # The cursor, not `paging.next`: that is a whole URL, with the token in it.
            paging = page.get("paging") or {}
            after = (paging.get("cursors") or {}).get("after")
            if not data or not after or not paging.get("next"):
                return
            params = params | {"after": after}

    def rename_audience(self, audience: str, *, name: str, description: str) -> None:
        path = _digits(audience)
        self._ask("POST", path, {"name": name, "description": description}, f"audience {path}")

    def delete_audience(self, audience: str) -> None:
        path = _digits(audience)
        self._ask("DELETE", path, {}, f"audience {path}")

    def shared_with(self, audience: str) -> list[str]:
        """The ad accounts that may use it beside its own."""
        path = f"{_digits(audience)}/adaccounts"
        return [str(entry.get("id", "")) for entry in self._pages(path, {"limit": _PAGE}, f"audience {audience}")]

    def share_audience(self, audience: str, accounts: Sequence[str]) -> None:
        """With all of these or, where Meta refuses one, with none."""
        self._ask("POST", f"{_digits(audience)}/adaccounts", _accounts(accounts), f"audience {audience}")

    def unshare_audience(self, audience: str, accounts: Sequence[str]) -> None:
        self._ask("DELETE", f"{_digits(audience)}/adaccounts", _accounts(accounts), f"audience {audience}")

    # --- account and token --------------------------------------------------------------------------------------------

    def account(self) -> Account:
        params = {"fields": _ACCOUNT_FIELDS}
        return read_account(self._ask("GET", self._at.ad_account, params, f"ad account {self._at.ad_account}"))

    def token(self) -> TokenFacts:
        """Meta takes the token to look at in the URL only; that URL is logged nowhere."""
        params = {"input_token": self._at.token.reveal()}
        return read_token(self._ask("GET", "debug_token", params, "Token"))

    def permissions(self) -> frozenset[str]:
        entries = self._ask("GET", "me/permissions", {}, "Token").get("data") or ()
        return frozenset(str(entry["permission"]) for entry in entries if entry.get("status") == "granted")

    # --- one call -----------------------------------------------------------------------------------------------------

    def call(self, method: Method, path: str, params: Mapping[str, Any]) -> Reply:
        """One request, once: whoever calls decides whether it may be repeated.

        But a DELETE whose body Meta does not read does nothing: it goes again as a POST that says what it is.
        """
        if method != "DELETE":
            return self._told(method, path, params)
        if not self._deletes_by_post:
            reply = self._told(method, path, params)
            if not _went_unread(reply):
                return reply
        reply = self._told("POST", f"{path}?method=delete", params)
        self._deletes_by_post = reply.outcome is Outcome.APPLIED
        return reply

    def _told(self, method: Method, path: str, params: Mapping[str, Any]) -> Reply:
        with step("meta.request", method=method, edge=edge_of(path), account=self._at.ad_account) as told:
            reply = self._called(method, path, params)
            rule = reply.rule
            told.note(
                outcome=reply.outcome.value,
                status=reply.status,
                code=rule.code if rule else reply.cause,
                subcode=rule.subcode if rule else None,
                fbtrace_id=reply.trace,
                quota=reply.usage.percent if reply.usage != Usage() else None,
            )
        return reply

    def _called(self, method: Method, path: str, params: Mapping[str, Any]) -> Reply:
        try:
            reply = self._exchange(self._request(method, path, params))
        except httpx.HTTPError as error:
            # Not chained: httpx keeps the request, and with it token and rows, on its exceptions.
            if type(error) not in _NOT_SENT:
                return Reply(outcome=Outcome.UNKNOWN, cause=type(error).__name__)
            gone = self._at.graph_url if on_this_machine(self._at.graph_url) else None
            return Reply(outcome=Outcome.NOT_SENT, cause=type(error).__name__, simulator_gone=gone)
        if reply.usage != Usage():
            self.usage = reply.usage
        if reply.rule is not None and self._on_refusal is not None:
            self._on_refusal(reply.rule)
        return reply

    def _request(self, method: Method, path: str, params: Mapping[str, Any]) -> httpx.Request:
        proof = {"appsecret_proof": self._proof()} if self._at.app_secret else {}
        if method == "GET":
            return self._http.build_request(method, path, params={**params, **proof})
        content = orjson.dumps({**params, **proof})
        return self._http.build_request(method, path, content=content, headers={"content-type": "application/json"})

    def _exchange(self, request: httpx.Request) -> Reply:
        deadline = self._monotonic() + REQUEST_SECONDS
        response = self._http.send(request, stream=True)
        try:
            usage = read_usage(response.headers)
            self.answered_at = _date(response.headers) or self.answered_at
            content = bytearray()
            for chunk in response.iter_bytes():
                content += chunk
                if len(content) > _LARGEST_ANSWER or self._monotonic() > deadline:
                    return Reply(outcome=Outcome.UNKNOWN, usage=usage, cause="answer too long")
        finally:
            response.close()
        return replace(read_body(bytes(content), response.status_code, usage), status=response.status_code)

    def _ask(self, method: Method, path: str, params: Mapping[str, Any], thing: str) -> Mapping[str, Any]:
        reply = self.call(method, path, params)
        if reply.outcome is not Outcome.APPLIED:
            raise failure(reply, thing=thing, destination=self._at.destination, account=self._at.ad_account)
        return reply.body

    def _proof(self) -> str:
        secret = self._at.app_secret.reveal() if self._at.app_secret else ""
        return hmac.new(secret.encode(), self._at.token.reveal().encode(), hashlib.sha256).hexdigest()


def failure(
    reply: Reply,
    *,
    thing: str,
    waiting: int | None = None,
    destination: str | None = None,
    account: str | None = None,
) -> MetaError:
    """A reply that is not APPLIED, as an error for a person."""
    if reply.rule is not None:
        told = as_error(
            reply.rule, thing=thing, waiting=waiting, trace=reply.trace, destination=destination, account=account
        )
        return MetaError(reply, told)
    if reply.simulator_gone is not None:
        happened = f"{thing}: the simulated Meta at {reply.simulator_gone} does not run any more."
        return MetaError(
            reply, GuestlistError("meta_simulator_gone", happened, next_step=_SIMULATOR, nothing_lost=kept(waiting))
        )
    code, happened = _NO_RULE[reply.outcome is Outcome.NOT_SENT]
    happened = f"{thing}: {happened} ({reply.cause})."
    return MetaError(reply, GuestlistError(code, happened, next_step=_AGAIN, nothing_lost=kept(waiting)))


_NO_RULE = {
    True: ("meta_unreachable", "Meta cannot be reached"),
    False: ("meta_answer_lost", "Meta's answer was lost or unreadable"),
}
_SIMULATOR = (
    "Play the demo again: guestlist demo. Or connect a real ad account: guestlist destinations connect "
    "(docs/connect-meta.md). Or start the simulator again where it was: fakemeta serve --port PORT"
)
_AGAIN = "Guestlist tries again by itself. If it goes on, check the network, then run: guestlist doctor"


def _went_unread(reply: Reply) -> bool:
    """Whether Meta found nothing in the request, which is what a body that it does not read looks like."""
    rule = reply.rule
    return rule is not None and (rule.code, rule.subcode) == (100, None)


def is_account_id(text: str) -> bool:
    """Whether this can be the id of an ad account."""
    return re.fullmatch(r"act_[0-9]+", text) is not None


def on_this_machine(graph_url: str) -> bool:
    """Whether this is a simulated Meta on loopback."""
    try:
        url = httpx.URL(graph_url)
    except httpx.InvalidURL:
        return False
    return url.scheme == "http" and url.host in _LOOPBACK


@cache
def _plain_http() -> httpx.Client:
    return httpx.Client(trust_env=False, timeout=5)


def date_at(graph_url: str) -> datetime | None:
    """The instant that a simulated Meta has now, to the second; None if it does not say."""
    try:
        return _date(_plain_http().get(graph_url).headers)
    except httpx.HTTPError:
        return None


def edge_of(path: str) -> str:
    """What of a path may be told: its last word, or what its id is of."""
    last = path.partition("?")[0].rstrip("/").rpartition("/")[2]
    return "account" if last.startswith("act_") else last if last.replace("_", "").isalpha() else "audience"


def _date(headers: httpx.Headers) -> datetime | None:
    try:
        return parsedate_to_datetime(headers.get("date", ""))
    except ValueError:
        return None


def _accounts(accounts: Sequence[str]) -> dict[str, Any]:
    return {"adaccounts": [account.removeprefix("act_") for account in accounts]}


def _digits(audience: str) -> str:
    if not re.fullmatch(r"[0-9]+", audience):
        raise _misconfigured("meta_bad_audience_id", "An audience id at Meta is digits only.", "Correct adopt.")
    return audience


def _misconfigured(code: str, message: str, next_step: str) -> GuestlistError:
    return GuestlistError(code, message, next_step=next_step, nothing_lost="Nothing was sent.")
