"""What all requests have in common: versions, writes that are repeated, errors, lines, files."""

import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import orjson
import pytest
from filelock import FileLock

from .conftest import VALUES, Served

PROBLEM = {"type", "title", "status", "detail", "code", "message", "nothing_lost", "next_step", "wrong_use"}
DEFINITION = "/audiences/buyers/definition"
LISTED = {"people": ["user_id:u9"]}
CSV = "User ID,E-Mail\nu77,new@example.org\nu78,\nu79,jane.doe,x,y\n"


def until_kept(ask: Any) -> httpx.Response:
    """The answer, once the stores are open again."""
    answered: httpx.Response = ask()
    for _ in range(200):
        if answered.status_code != 503:
            break
        assert answered.headers["retry-after"]
        time.sleep(0.1)
        answered = ask()
    return answered


# --- versions ---------------------------------------------------------------------------------------------------------


def test_what_one_has_already_is_not_sent_again(changing: Served) -> None:
    with changing.client() as client:
        first = client.get(DEFINITION)
        tag = first.headers["etag"]
        same = client.get(DEFINITION, headers={"If-None-Match": f'"other", {tag}'})
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
        document = {**first.json()["document"], "name": "Those who bought"}
        changed = client.put(DEFINITION, json={"document": document})
        assert (changed.status_code, changed.headers["etag"] != tag) == (200, True)
        again = client.get(DEFINITION, headers={"If-None-Match": tag})
        assert (again.status_code, again.headers["etag"]) == (200, changed.headers["etag"])


@pytest.mark.parametrize("path", ["/audiences", "/audiences/check", "/traits", "/do-not-send"])
def test_every_answer_has_a_version(looked_at: Served, path: str) -> None:
    with looked_at.client("viewer") as client:
        tag = client.get(path).headers["etag"]
        assert client.get(path, headers={"If-None-Match": tag}).status_code == 304


def test_a_definition_is_changed_only_as_one_saw_it(changing: Served) -> None:
    with changing.client("editor") as client:
        seen = client.get(DEFINITION)
        tag, document = seen.headers["etag"], seen.json()["document"]
        mine = client.put(DEFINITION, json={"document": {**document, "name": "Mine"}}, headers={"If-Match": tag})
        assert mine.status_code == 200
        asks: list[Callable[[], httpx.Response]] = [
            lambda: client.put(DEFINITION, json={"document": document}, headers={"If-Match": tag}),
            lambda: client.delete(DEFINITION, headers={"If-Match": tag}),
            lambda: client.put("/audiences/fresh/definition", json={"document": document}, headers={"If-Match": "*"}),
        ]
        for ask in asks:
            refused = ask()
            assert (refused.status_code, refused.json()["code"]) == (412, "changed_meanwhile")
        assert client.get(DEFINITION).json()["document"]["name"] == "Mine"
        new = {"If-None-Match": "*"}
        refused = client.put(DEFINITION, json={"document": document}, headers=new)
        assert (refused.status_code, refused.json()["code"]) == (412, "is_there_already")
        assert client.get(DEFINITION).json()["document"]["name"] == "Mine"
        fresh = {"document": {**document, "key": "fresh"}}
        assert client.put("/audiences/fresh/definition", json=fresh, headers=new).status_code == 200
        assert client.put("/audiences/fresh/definition", json=fresh, headers=new).status_code == 412
        files = client.put("/audiences/viewers/definition", json={"document": document})
        assert (files.status_code, files.json()["code"]) == (409, "owned_by_files")


# --- writes that are repeated -----------------------------------------------------------------------------------------


def test_what_is_asked_twice_is_done_once(changing: Served) -> None:
    key, objected = {"Idempotency-Key": "objection-1"}, {"people": ["user_id:objector"]}
    with changing.client("editor") as client:
        first = client.post("/do-not-send/add", json=objected, headers=key)
        again = client.post("/do-not-send/add", json=objected, headers=key)
        assert (first.json()["listed"], again.json()) == (1, first.json())
        assert (again.status_code, again.headers["idempotency-replayed"]) == (200, "true")
        other = client.post("/do-not-send/add", json={"people": ["user_id:u10"]}, headers=key)
        assert (other.status_code, other.json()["code"]) == (422, "asked_otherwise")
        assert client.post("/do-not-send/add", json=objected).json()["already_listed"] == 1
    with changing.client("admin") as client:  # the same key of somebody else is another
        assert "idempotency-replayed" not in client.post("/do-not-send/add", json=objected, headers=key).headers
        newest = client.get("/audit", params={"action": "do-not-send added", "limit": 3}).json()["entries"]
    assert [one["actor"] for one in newest] == ["key admin", "key editor", "key editor"]


@pytest.mark.parametrize("key", ["with blank", "", "x" * 256])
def test_a_key_that_is_none(looked_at: Served, key: str) -> None:
    with looked_at.client() as client:
        got = client.post("/do-not-send/add", json=LISTED, headers={"Idempotency-Key": key})
    assert (got.status_code, got.json()["code"]) == (422, "wrong_parameters")


def test_what_failed_may_be_asked_again(changing: Served) -> None:
    key = {"Idempotency-Key": "source-1"}
    with changing.client() as client:
        made = client.post("/sources", json={"name": "web"})
        assert client.post("/sources", json={"name": "web"}, headers=key).status_code == 409
        assert client.delete("/sources/web").status_code == made.status_code == 200
        assert client.post("/sources", json={"name": "web"}, headers=key).status_code == 200


def test_a_secret_is_answered_once_and_kept_nowhere(served: Served) -> None:
    secrets = []
    with served.client() as client:
        for path, given, secret in (("/keys", {"name": "airflow"}, "key"), ("/sources", {"name": "web"}, "write_key")):
            key = {"Idempotency-Key": f"made-once{path}"}
            made = client.post(path, json=given, headers=key)
            again = client.post(path, json=given, headers=key)
            assert made.status_code == 200, path
            assert (again.status_code, again.json()["code"]) == (409, "shown_once"), path
            secrets.append(made.json()[secret].encode())
    served.end()
    contents = {place.name: place.read_bytes() for place in served.folder.rglob("*") if place.is_file()}
    assert [name for name, content in contents.items() if any(secret in content for secret in secrets)] == []


def test_a_write_whose_process_was_killed_is_not_done_again_blindly(served: Served) -> None:
    lines = "".join(f"{number},guest{number}@example.org\n" for number in range(20_000))
    content = f"User ID,E-Mail\n{lines}".encode()
    key = {"Idempotency-Key": "import-1"}

    def send(headers: Mapping[str, str]) -> httpx.Response:
        with served.client("editor") as client:
            asked = {"params": {"name": "many.csv"}, "headers": headers, "timeout": 600}
            return client.post("/imports", content=content, **asked)  # type: ignore[arg-type]

    def send_in_vain() -> None:
        with pytest.raises(httpx.HTTPError):
            send(key)

    sending = threading.Thread(target=send_in_vain)
    sending.start()
    with sqlite3.connect(served.folder / ".guestlist" / "journal.sqlite") as journal:
        under_way = "SELECT count(*) FROM repeatable WHERE status IS NULL"
        for _ in range(3000):
            if journal.execute(under_way).fetchone()[0]:
                break
            time.sleep(0.01)
    served.end(signal.SIGKILL)
    sending.join()
    assert list((served.folder / ".guestlist" / "uploads").iterdir()) != []
    served.start()
    refused = send(key)
    assert (refused.status_code, refused.json()["code"]) == (409, "not_known_whether_done")
    assert list((served.folder / ".guestlist" / "uploads").iterdir()) == []
    (file,) = until_kept(lambda: send({"Idempotency-Key": "import-2"})).json()["files"]
    assert file["landed"] + file["already_known"] == file["lines"] == 20_000


def test_what_was_asked_is_kept_by_a_secret_of_the_space(changing: Served) -> None:
    """Who reads the records could else guess whom a request named, by working out the digests of many."""
    other = f"{changing.address}/api/v1/spaces/other/do-not-send/add"
    with changing.client("admin") as mine, changing.client("other") as theirs:
        for client, where in ((mine, "/do-not-send/add"), (theirs, other)):
            assert client.post(where, json=LISTED, headers={"Idempotency-Key": "list-1"}).status_code == 200
    digests = set()
    for folder in (changing.folder, changing.folder.parent / "other"):
        with sqlite3.connect(folder / ".guestlist" / "journal.sqlite") as journal:
            digests |= {digest for (digest,) in journal.execute("SELECT digest FROM repeatable WHERE key = 'list-1'")}
    assert len(digests) == 2


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "given", "status", "code"),
    [
        ("GET", "/nothing", {}, 404, "no_such_route"),
        ("GET", "/audiences/a%0Ab/members", {}, 404, "no_such_route"),
        ("PATCH", "/audiences", {}, 405, "no_such_route"),
        ("GET", "/audiences/none", {}, 404, "unknown_audience"),
        ("POST", "/externals/take", {"json": {"key": "none"}}, 404, "unknown_external"),
        ("GET", "/runs", {"params": {"sync": "none"}}, 404, "unknown_sync"),
        ("GET", "/runs", {"params": {"before": "none"}}, 404, "no_such_plan"),
        ("GET", "/runs", {"params": {"state": "lost"}}, 422, "wrong_parameters"),
        ("GET", "/audiences/buyers/members", {"params": {"limit": 0}}, 422, "wrong_parameters"),
        ("GET", "/audiences/buyers/members", {"params": {"jane.doe@example.org": 1}}, 422, "wrong_parameters"),
        ("POST", "/profiles/show", {"json": {"persn": "jane.doe@example.org"}}, 422, "wrong_parameters"),
        ("POST", "/profiles/show", {"json": {"person": ["jane.doe@example.org"]}}, 422, "wrong_parameters"),
        ("GET", "/do-not-send", {"params": {"limt": 1}}, 422, "wrong_parameters"),
        ("GET", "/sources", {"params": {"limit": 1}}, 422, "wrong_parameters"),
        ("POST", "/syncs/run", {"params": {"key": "buyers"}, "json": {}}, 422, "wrong_parameters"),
        ("POST", "/doctor", {"params": {"sync": "buyers"}}, 422, "wrong_parameters"),
        ("POST", "/doctor", {"json": {"sync": "buyers"}}, 422, "wrong_parameters"),
        ("DELETE", "/keys/none", {"params": {"yes": True}}, 422, "wrong_parameters"),
        ("POST", "/profiles/show", {"json": ["jane.doe"]}, 400, "bad_json"),
        ("POST", "/profiles/show", {"content": b'{"person": "user_id:u1"}'}, 415, "not_sent_as_json"),
        ("POST", "/profiles/show", {"data": {"person": "user_id:jane.doe"}}, 415, "not_sent_as_json"),
        ("POST", "/profiles/show", {"json": {"person": "user_id:jane.doe"}}, 404, "nobody_known"),
        ("POST", "/profiles/show", {"json": {"person": "jane.doe"}}, 400, "no_person_named"),
        ("POST", "/identity/try", {"json": {"rules": {"limits": 1}}}, 409, "identity_settings"),
        ("PUT", DEFINITION, {"json": {"yaml": "key: buyers\nwho: { nothing: 1 }\n"}}, 422, "definition_mistakes"),
        ("POST", "/imports", {"content": b"<html>jane.doe"}, 409, "file_type"),
        ("GET", "/imports/report", {"params": {"report": "../.guestlist/key"}}, 404, "no_such_report"),
    ],
)
def test_an_error_is_a_problem(
    looked_at: Served, method: str, path: str, given: dict[str, Any], status: int, code: str
) -> None:
    with looked_at.client() as client:
        got = client.request(method, path, **given)
    facts = got.json()
    assert (got.status_code, facts["code"], facts["status"]) == (status, code, status)
    assert got.headers["content-type"] == "application/problem+json"
    assert set(facts) in (PROBLEM, PROBLEM | {"mistakes"})
    assert facts["type"] == f"urn:guestlist:error:{code}"
    assert "jane.doe" not in got.text
    assert facts["next_step"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"person":\n  "user_id:u1",}', "The body is no JSON: it breaks at line 2, column "),
        (b"{jane.doe", "The body is no JSON: it breaks at line 1, column 2."),
        (b'{"person": "\xff"}', "The body is no JSON: byte 13 is no UTF-8."),
        (b"[]", "The body is JSON, but no object of parameters, such as {}."),
        (b'{"person":' + b"[" * 100_000, "The body is nested too deeply."),
    ],
)
def test_where_a_body_breaks_is_told(looked_at: Served, content: bytes, said: str) -> None:
    with looked_at.client() as client:
        got = client.post("/profiles/show", content=content, headers={"Content-Type": "application/json"})
    assert (got.status_code, got.json()["code"]) == (400, "bad_json")
    assert got.json()["detail"].startswith(said)


def test_a_body_of_no_type_is_asked_for_with_its_header(looked_at: Served) -> None:
    with looked_at.client() as client:
        got = client.post("/profiles/show", content=b'{"person": "user_id:u1"}').json()
    assert got["detail"] == ("The body was sent without a type: the header Content-Type has to be application/json.")
    assert got["next_step"] == "Send the same body with the header Content-Type: application/json."


@pytest.mark.parametrize(
    ("method", "path", "given", "said"),
    [
        ("GET", "/runs", {"params": {"limt": 1}}, "query.limt: not a parameter; did you mean limit?"),
        ("GET", "/runs", {"params": {"limit": "abc"}}, "query.limit: has to be a whole number"),
        ("GET", "/sources", {"params": {"limit": 1}}, "query.limit: not a parameter"),
        ("POST", "/profiles/show", {"json": {}}, "body.person: has to be given"),
        ("POST", "/profiles/show", {"json": {"persn": "x"}}, "body.persn: not a parameter; did you mean person?"),
        (
            "POST",
            "/keys",
            {"json": {"name": "x", "role": "boss"}},
            "body.role: has to be 'viewer', 'editor' or 'admin'",
        ),
    ],
)
def test_a_wrong_parameter_is_told_in_our_words(
    looked_at: Served, method: str, path: str, given: dict[str, Any], said: str
) -> None:
    with looked_at.client() as client:
        got = client.request(method, path, **given).json()
    assert said in [f"{one['at']}: {one['message']}" for one in got["mistakes"]]


def test_who_has_no_key_is_told_how_to_send_one(looked_at: Served) -> None:
    with looked_at.client(None) as client:
        got = client.get("/status")
    assert (got.status_code, got.headers["www-authenticate"]) == (401, "Bearer")


# --- lines and files --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "given"),
    [
        ("/audiences/buyers/export", {}),
        ("/audiences/viewers/diff/buyers/export", {}),
        ("/audiences/buyers/changes", {"since": "2026-01-01"}),
        ("/imports/report", {"report": "calls.jsonl.csv"}),
    ],
)
def test_lines_are_json_each(looked_at: Served, path: str, given: Mapping[str, str]) -> None:
    with looked_at.client("viewer") as client:
        got = client.get(path, params=given)
        members = client.get("/audiences/buyers/members").json()
    assert (got.status_code, got.headers["content-type"]) == (200, "application/x-ndjson")
    lines = [httpx.Response(200, content=line).json() for line in got.text.splitlines()]
    if path == "/audiences/buyers/export":
        assert [one["profile_id"] for one in lines] == [one["profile_id"] for one in members["people"]]
    if path == "/imports/report":
        assert [(one["line"], one["field"]) for one in lines] == [(6, "event")]
    assert not [value for value in VALUES if value in got.text]


def test_a_file_is_looked_at_before_it_comes_in(looked_at: Served) -> None:
    with looked_at.client("editor") as client:
        told = client.post("/imports", params={"name": "people.csv", "propose": True}, content=CSV).json()
        assert (told["files"], told["proposed"][0]["reading"]) == ([], "people")
        assert [one["means"] for one in told["proposed"][0]["columns"]] == ["id: user_id", "id: email"]
        assert "new@" not in str(told)
        assert client.post("/profiles/find", json={"text": "new@example.org"}).json()["people"] == []


def test_the_same_file_with_the_same_key_comes_in_once(changing: Served) -> None:
    asked = {"params": {"name": "people.csv", "as": "people"}, "headers": {"Idempotency-Key": "file-1"}}
    with changing.client("editor") as client:
        first = client.post("/imports", content=CSV, **asked)  # type: ignore[arg-type]
        assert first.json()["files"][0]["landed"] == 2, first.text
        again = client.post("/imports", content=CSV, **asked)  # type: ignore[arg-type]
        assert (again.json(), again.headers["idempotency-replayed"]) == (first.json(), "true")
        other = client.post("/imports", content=CSV + "u79,\n", **asked)  # type: ignore[arg-type]
        assert (other.status_code, other.json()["code"]) == (422, "asked_otherwise")
        report = first.json()["files"][0]["report"]
        lines = until_kept(lambda: client.get("/imports/report", params={"report": report})).text
    assert first.json()["files"][0]["file"] == "people.csv"
    assert '"line":3' in lines
    assert "ragged_line" in lines
    assert "jane.doe" not in lines


def test_a_file_may_not_be_larger_than_the_settings_say(served: Served) -> None:
    settings = served.folder / "guestlist.yaml"
    settings.write_text(settings.read_text() + "largest_upload: 2KB\n")
    content = CSV.encode() * 100
    with served.client("editor") as client:
        told = until_kept(lambda: client.post("/imports", content=content))
        untold = until_kept(lambda: client.post("/imports", content=iter([content, content])))
        for got in (told, untold):
            assert (got.status_code, got.json()["code"]) == (413, "too_large")
        small = until_kept(lambda: client.post("/imports", content=CSV))
    assert small.status_code == 200
    assert list((served.folder / ".guestlist" / "uploads").iterdir()) == []


@pytest.mark.parametrize(
    ("path", "megabytes", "status"),
    [
        ("/profiles/find", 0.9, 200),
        ("/profiles/find", 1.1, 413),
        ("/do-not-send/check", 1.1, 200),
        ("/do-not-send/check", 16.1, 413),
    ],
)
@pytest.mark.parametrize("chunked", [True, False])
def test_parameters_may_be_so_long(
    looked_at: Served, path: str, megabytes: float, status: int, *, chunked: bool
) -> None:
    long = "n" * int(megabytes * 2**20)
    content = orjson.dumps({"text": long} if path == "/profiles/find" else {"people": [f"user_id:{long}"]})
    with looked_at.client("viewer") as client:
        given = iter([content[:100], content[100:]]) if chunked else content
        got = client.post(path, content=given, headers={"Content-Type": "application/json"})
    assert got.status_code == status
    if status == 413:
        assert (got.json()["code"], got.headers["content-type"]) == ("too_large", "application/problem+json")


@pytest.mark.parametrize("key", [None, "wrong", "other"])
def test_of_who_has_no_key_no_body_is_read(looked_at: Served, key: str | None) -> None:
    with looked_at.client(key) as client:
        for content in (b"{jane.doe", iter([b"n" * 2**20] * 2)):
            got = client.post("/profiles/show", content=content)
            assert (got.status_code, got.json()["code"]) == (401, "not_authorised")


def test_other_rules_are_tried_one_at_a_time(looked_at: Served) -> None:
    with looked_at.client("editor") as client:
        with FileLock(looked_at.folder / ".guestlist" / "trial.lock"):
            busy = client.post("/identity/try", json={"rules": {}})
        assert (busy.status_code, busy.json()["code"]) == (503, "space_busy")
        assert client.post("/identity/try", json={"rules": {}}).status_code == 200


def test_the_record_is_read_page_by_page(changing: Served) -> None:
    with changing.client("settings:write") as client:
        for name in ("one", "two", "three"):
            assert client.post("/sources", json={"name": name}).status_code == 200
    asked: dict[str, Any] = {"limit": 2, "action": "source added", "actor": "key settings_write"}
    with changing.client() as client:
        first = client.get("/audit", params=asked).json()
        second = client.get("/audit", params={**asked, "before": first["next"]}).json()
    assert [one["about"] for one in first["entries"] + second["entries"]] == ["three", "two", "one"]
    assert (first["whole"], second["whole"], second["next"]) == (True, None, None)


def test_match_keys_are_read_by_the_country_of_the_space(looked_at: Served) -> None:
    with looked_at.client("viewer") as client:
        (told,) = client.post("/match-keys", json={"records": [{"phone": "0171 3920007"}]}).json()["records"]
    assert told["rows"][0]["PHONE"]["normal"] == "491713920007"


def test_nobody_stands_in_the_log(looked_at: Served) -> None:
    with looked_at.client() as client:
        client.post("/profiles/show", json={"person": "email:jane.doe@example.org", "reveal": True})
        client.post("/match-keys", json={"records": [{"email": "jane.doe@example.org"}]})
    assert not [value for value in VALUES if value in looked_at.log]
