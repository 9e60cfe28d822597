"""The client against scripted answers: what each comes to, what goes over the wire, and what never shows."""

import hashlib
import hmac
import logging
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import orjson
import pytest

from guestlist.destinations.meta.answers import Outcome
from guestlist.destinations.meta.client import Connection, Mark, MetaClient, MetaError, failure
from guestlist.destinations.meta.verdicts import Verdict
from guestlist.errors import GuestlistError
from guestlist.store.vault import Secret

TOKEN, APP_SECRET = "EAAcanarytoken", "canary-app-secret"
EMAIL = "f1904cf1a9d73a55fa5de0ac823c4403ded71afd4c3248d00bdcd0866552bb79"
CELLS = [[EMAIL, "crm-1"], ["", "crm-2"], [EMAIL, "crm-3"]]
ROWS = [orjson.dumps(cells).decode() for cells in CELLS]
SCHEMA = ["EMAIL", "EXTERN_ID"]
MARK = Mark(session_id=77, batch_seq=1, last=False)
TAKEN = {"audience_id": "238", "session_id": "77", "num_received": 3, "num_invalid_entries": 0}
Handler = Callable[[httpx.Request], httpx.Response]


def client(handler: Handler, **changes: Any) -> MetaClient:
    facts: dict[str, Any] = {"ad_account": "act_1", "token": Secret(TOKEN), "app_secret": Secret(APP_SECRET)}
    return MetaClient(Connection(**facts | changes), transport=httpx.MockTransport(handler))


def answering(status: int, content: Any, **headers: str) -> MetaClient:
    body = content if isinstance(content, bytes) else orjson.dumps(content)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return client(lambda _request: httpx.Response(status, content=body, headers=names))


def failing(error: httpx.HTTPError) -> MetaClient:
    def fail(request: httpx.Request) -> httpx.Response:
        error.request = request
        raise error

    return client(fail)


def error_body(code: int, subcode: int | None = None, **more: Any) -> dict[str, Any]:
    error = {"message": f"about {EMAIL} and {TOKEN}", "type": "OAuthException", "code": code, "fbtrace_id": "AbC"}
    return {"error": error | ({"error_subcode": subcode} if subcode else {}) | more}


# --- what an answer comes to ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "content", "outcome", "name"),
    [
        (200, TAKEN, Outcome.APPLIED, None),
        (200, error_body(190, 460), Outcome.REFUSED, "meta_password_changed"),
        (200, TAKEN | error_body(2), Outcome.UNKNOWN, "meta_outage"),
        (400, error_body(190, 463), Outcome.REFUSED, "meta_token_expired"),
        (403, error_body(200, 1870090), Outcome.REFUSED, "meta_terms"),
        (400, error_body(200, 1870047), Outcome.REFUSED, "meta_would_be_too_small"),
        (400, error_body(80003, 2446079), Outcome.REFUSED, "meta_audience_limit"),
        (429, error_body(80003, 2446079), Outcome.REFUSED, "meta_audience_limit"),
        (500, error_body(1), Outcome.UNKNOWN, "meta_glitch"),
        (400, error_body(1), Outcome.UNKNOWN, "meta_glitch"),
        (503, error_body(100), Outcome.UNKNOWN, "meta_bad_request"),  # 5xx proves nothing, whatever it says
        (400, error_body(31337), Outcome.UNKNOWN, "meta_unknown_error"),
        (400, error_body(100, error_data={"error_subcode": 1713230}), Outcome.REFUSED, "meta_flagged"),
        (400, error_body(100, error_data='{"error_subcode": "1713230"}'), Outcome.REFUSED, "meta_flagged"),
        (400, error_body(100, error_data="not json"), Outcome.REFUSED, "meta_bad_request"),
        (400, error_body(100, error_data=["x"]), Outcome.REFUSED, "meta_bad_request"),
        (400, {"error": {"message": "no code"}}, Outcome.UNKNOWN, None),
        (400, {"error": "text"}, Outcome.UNKNOWN, None),
        (400, {}, Outcome.UNKNOWN, None),
        (302, {}, Outcome.UNKNOWN, None),
        (200, b"<!DOCTYPE html><title>Facebook | Error</title>", Outcome.UNKNOWN, None),
        (400, b"<html>", Outcome.UNKNOWN, None),
        (200, b"", Outcome.UNKNOWN, None),
        (200, orjson.dumps(TAKEN)[:-9], Outcome.UNKNOWN, None),
        (200, b"[]", Outcome.UNKNOWN, None),
        (200, b"\xff\xfe", Outcome.UNKNOWN, None),
        (200, {"success": True}, Outcome.UNKNOWN, None),  # no counts: not an answer to an upload
        (200, {"num_received": "x", "num_invalid_entries": 0}, Outcome.UNKNOWN, None),
        (200, b" " * (8 * 1024 * 1024 + 1), Outcome.UNKNOWN, None),
    ],
)
def test_answers(status: int, content: Any, outcome: Outcome, name: str | None) -> None:
    sent = answering(status, content).send("add", "238", SCHEMA, ROWS, MARK)
    assert sent.reply.outcome is outcome
    assert (sent.reply.rule.name if sent.reply.rule else None) == name
    assert (sent.answer is not None) == (outcome is Outcome.APPLIED)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (httpx.ConnectError("x"), Outcome.NOT_SENT),
        (httpx.ConnectTimeout("x"), Outcome.NOT_SENT),
        (httpx.PoolTimeout("x"), Outcome.NOT_SENT),
        (httpx.UnsupportedProtocol("x"), Outcome.NOT_SENT),
        (httpx.ReadTimeout("x"), Outcome.UNKNOWN),
        (httpx.WriteTimeout("x"), Outcome.UNKNOWN),
        (httpx.ReadError("x"), Outcome.UNKNOWN),
        (httpx.WriteError("x"), Outcome.UNKNOWN),
        (httpx.CloseError("x"), Outcome.UNKNOWN),
        (httpx.RemoteProtocolError("x"), Outcome.UNKNOWN),
        (httpx.LocalProtocolError("x"), Outcome.UNKNOWN),
        (httpx.ProxyError("x"), Outcome.UNKNOWN),
        (httpx.DecodingError("x"), Outcome.UNKNOWN),
    ],
    ids=lambda value: type(value).__name__,
)
def test_broken_connections(error: httpx.HTTPError, outcome: Outcome) -> None:
    sent = failing(error).send("remove", "238", SCHEMA, ROWS, MARK)
    assert (sent.reply.outcome, sent.reply.cause) == (outcome, type(error).__name__)


class _Slow(httpx.SyncByteStream):
    def __init__(self, clock: list[float]) -> None:
        self._clock = clock

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(1000):
            self._clock[0] += 1
            yield b" "


def test_an_answer_that_drips_is_given_up() -> None:
    clock = [0.0]
    slow = MetaClient(
        Connection(ad_account="act_1", token=Secret(TOKEN)),
        transport=httpx.MockTransport(lambda _request: httpx.Response(200, stream=_Slow(clock))),
        monotonic=lambda: clock[0],
    )
    assert slow.send("add", "238", SCHEMA, ROWS, MARK).reply.outcome is Outcome.UNKNOWN
    assert clock[0] < 70


def test_counts_and_the_rows_that_meta_names() -> None:
    samples = {
        f'["{EMAIL}", "crm-1"]': "empty external ID",  # spaced otherwise than we would
        '["","crm-2"]': f"bad {EMAIL}",
        '["nobody","x"]': "unknown",
        "plain": "unknown",
    }
    content = TAKEN | {"num_received": "9", "num_invalid_entries": "2", "invalid_entry_samples": samples}
    answer = answering(200, content).send("add", "238", SCHEMA, ROWS, MARK).answer
    assert answer is not None
    assert (answer.received, answer.invalid) == (9, 2)
    assert answer.named == {0: "empty external ID", 1: "declined"}


@pytest.mark.parametrize("samples", [[], {}, None, "x", {"[1": 3}])
def test_no_samples_are_no_trouble(samples: Any) -> None:
    content = TAKEN | {"invalid_entry_samples": samples}
    answer = answering(200, content).send("add", "238", SCHEMA, ROWS, MARK).answer
    assert answer is not None
    assert answer.named == {}


def test_a_reason_that_repeats_a_cell_is_not_kept() -> None:
    content = TAKEN | {"invalid_entry_samples": {'["","Anna"]': "no person anna here"}}
    answer = answering(200, content).send("add", "238", SCHEMA, ['["", "Anna"]'], MARK).answer
    assert answer is not None
    assert answer.named == {0: "declined"}


# --- what goes over the wire ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("direction", "method"), [("add", "POST"), ("remove", "DELETE")])
def test_an_upload_on_the_wire(direction: Any, method: str) -> None:
    seen: list[httpx.Request] = []

    def keep(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=TAKEN)

    client(keep).send(direction, "238", SCHEMA, ROWS, MARK)
    (request,) = seen
    assert (request.method, str(request.url)) == (method, "https://graph.facebook.com/v25.0/238/users")
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert request.headers["content-type"] == "application/json"
    proof = hmac.new(APP_SECRET.encode(), TOKEN.encode(), hashlib.sha256).hexdigest()
    assert orjson.loads(request.content) == {
        "payload": {"schema": SCHEMA, "data": CELLS, "is_raw": True},
        "session": {"session_id": 77, "batch_seq": 1, "last_batch_flag": False},
        "appsecret_proof": proof,
    }


def test_where_meta_does_not_read_the_body_of_a_delete_it_goes_as_a_post_that_says_so() -> None:
    seen: list[tuple[str, str, bytes]] = []

    def deaf(request: httpx.Request) -> httpx.Response:
        seen.append((request.method, str(request.url), request.content))
        nothing = {"error": {"code": 100, "message": "Data is missing or does not match schema"}}
        return httpx.Response(400, json=nothing) if request.method == "DELETE" else httpx.Response(200, json=TAKEN)

    meta = client(deaf)
    for _ in range(2):
        assert meta.send("remove", "238", SCHEMA, ROWS, MARK).reply.outcome is Outcome.APPLIED
    users = "https://graph.facebook.com/v25.0/238/users"
    assert [(method, url) for method, url, _ in seen] == [
        ("DELETE", users),
        ("POST", f"{users}?method=delete"),
        ("POST", f"{users}?method=delete"),
    ]
    assert len({body for _, _, body in seen}) == 1


def test_a_removal_that_meta_refuses_either_way_is_tried_each_way_once() -> None:
    seen: list[str] = []

    def refusing(request: httpx.Request) -> httpx.Response:
        seen.append(request.method)
        return httpx.Response(400, json={"error": {"code": 100, "message": "Invalid parameter"}})

    reply = client(refusing).send("remove", "238", SCHEMA, ROWS, MARK).reply
    assert reply.outcome is Outcome.REFUSED
    assert seen == ["DELETE", "POST"]


def test_the_proof_is_the_one_meta_computes() -> None:
    seen: list[httpx.Request] = []

    def keep(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"data": []})

    client(keep, token=Secret("test_access_token"), app_secret=Secret("test_app_secret")).permissions()
    proof = "f86b8540509cdb3ad6b1ed956b4c197aff473ad0b9cf075e0b0dca4a8302f6fc"
    assert dict(seen[0].url.params) == {"appsecret_proof": proof}


def test_without_an_app_secret_there_is_no_proof_and_the_version_is_a_setting() -> None:
    def check(request: httpx.Request) -> httpx.Response:
        assert str(request.url) == "http://127.0.0.1:8080/v26.0/me/permissions"
        return httpx.Response(200, json={"data": [{"permission": "ads_management", "status": "granted"}, {}]})

    found = client(check, app_secret=None, graph_url="http://127.0.0.1:8080/", version="v26.0").permissions()
    assert found == {"ads_management"}


def test_redirects_are_not_followed() -> None:
    seen: list[str] = []

    def redirect(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.host)
        return httpx.Response(307, headers={"location": "https://elsewhere.example/"}, json={})

    assert client(redirect).send("add", "238", SCHEMA, ROWS, MARK).reply.outcome is Outcome.UNKNOWN
    assert seen == ["graph.facebook.com"]


def test_lists_are_read_page_by_page_by_cursor() -> None:
    pages: dict[str | None, dict[str, Any]] = {
        None: {"data": [{"id": "1"}], "paging": {"cursors": {"after": "a"}, "next": "https://x/?access_token=t"}},
        "a": {"data": [{"id": "2", "time_created": "17"}], "paging": {"cursors": {"after": "b"}}},
    }
    found = client(lambda request: httpx.Response(200, json=pages[request.url.params.get("after")])).audiences()
    assert [(audience.id, audience.created) for audience in found] == [("1", 0), ("2", 17)]


@pytest.mark.parametrize("empty", [{"data": []}, {}])
def test_an_empty_list_has_no_paging(empty: dict[str, Any]) -> None:
    assert list(answering(200, empty).audiences()) == []


def test_an_audience_as_meta_shows_it() -> None:
    content = {
        "id": "238",
        "name": "Buyers",
        "approximate_count_lower_bound": "-1",
        "approximate_count_upper_bound": 5100,
        "operation_status": {"code": 441, "description": "populating"},
        "delivery_status": {"code": 300},
    }
    found = answering(200, content).audience("238")
    assert (found.lower, found.upper, found.operation_code, found.delivery_code) == (None, 5100, 441, 300)


def test_usage_is_remembered_from_the_latest_answer_that_said_something() -> None:
    headers = iter([{"x-app-usage": '{"call_count":70}'}, {}])
    talker = client(lambda _request: httpx.Response(200, json=TAKEN, headers=next(headers)))
    for _ in range(2):
        talker.send("add", "238", SCHEMA, ROWS, MARK)
    assert talker.usage.percent == 70


# --- what it refuses, and what never shows ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"graph_url": "https://graph.facebook.com.evil.example"}, "meta_host_not_allowed"),
        ({"graph_url": "http://graph.facebook.com"}, "meta_host_not_allowed"),
        ({"graph_url": "http://10.0.0.1:80"}, "meta_host_not_allowed"),
        ({"graph_url": "http://127.0.0.1@evil.example"}, "meta_host_not_allowed"),
        ({"graph_url": "http://["}, "meta_host_not_allowed"),
        ({"ad_account": "123"}, "meta_bad_account_id"),
        ({"ad_account": "act_1/../2"}, "meta_bad_account_id"),
        ({"version": "25"}, "meta_bad_version"),
        ({"token": Secret("")}, "meta_bad_token_text"),
        ({"token": Secret("EAAcanarytoken\n")}, "meta_bad_token_text"),
        ({"token": Secret("EAAcanarytoken ü")}, "meta_bad_token_text"),
    ],
)
def test_settings_that_could_leak_are_refused(change: dict[str, Any], code: str) -> None:
    with pytest.raises(GuestlistError) as raised:
        client(lambda _request: httpx.Response(200), **change)
    assert raised.value.code == code
    assert "canary" not in str(raised.value)


def test_an_audience_id_cannot_name_another_path() -> None:
    with pytest.raises(GuestlistError) as raised:
        answering(200, TAKEN).send("add", "238/../me", SCHEMA, ROWS, MARK)
    assert raised.value.code == "meta_bad_audience_id"


def test_a_simulated_meta_that_ended_is_said_to_have_ended() -> None:
    gone = MetaClient(
        Connection(ad_account="act_1", token=Secret("EAAtoken"), graph_url="http://127.0.0.1:9"),
        transport=httpx.MockTransport(_refused),
    )
    with pytest.raises(MetaError) as told:
        gone.audience("238")
    assert told.value.code == "meta_simulator_gone"
    assert "the simulated Meta at http://127.0.0.1:9 does not run any more" in told.value.message
    assert "guestlist demo" in (told.value.next_step or "")
    assert "guestlist destinations connect" in (told.value.next_step or "")


def _refused(_request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused")


def test_a_refusal_says_what_to_do() -> None:
    with pytest.raises(MetaError) as raised:
        answering(400, error_body(190, 460)).account()
    error = raised.value
    assert error.code == "meta_password_changed"
    assert error.rule is not None
    assert error.rule.verdict is Verdict.RECONNECT
    assert "190/460" in str(error)
    assert "AbC" in str(error)


@pytest.mark.parametrize(
    ("error", "code"), [(httpx.ConnectError("x"), "meta_unreachable"), (httpx.ReadError("x"), "meta_answer_lost")]
)
def test_a_broken_connection_as_an_error(error: httpx.HTTPError, code: str) -> None:
    told = failure(failing(error).call("GET", "me", {}), thing="audience 'x'", waiting=1200)
    assert told.code == code
    assert told.nothing_lost == "Nothing is lost; 1,200 rows wait."


@pytest.mark.parametrize("how", ["refused", "broken", "named"])
def test_no_value_token_or_secret_shows_anywhere(how: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    talker = {
        "refused": lambda: answering(400, error_body(100, fbtrace_id=EMAIL + "!")),
        "broken": lambda: failing(httpx.ReadError(f"{TOKEN} {EMAIL}")),
        "named": lambda: answering(200, TAKEN | {"invalid_entry_samples": {f'["{EMAIL}","crm-1"]': EMAIL}}),
    }[how]()
    texts = [repr(talker), repr(talker._at), repr(talker.send("add", "238", SCHEMA, ROWS, MARK))]
    if how != "named":
        with pytest.raises(MetaError) as raised:
            talker.token()
        error = raised.value
        texts += [str(error), repr(error), repr(error.reply), "".join(traceback.format_exception(error))]
        assert (error.__cause__, error.__context__) == (None, None)
    text = "\n".join([*texts, caplog.text])
    for canary in (TOKEN, APP_SECRET, EMAIL, "crm-1"):
        assert canary not in text
