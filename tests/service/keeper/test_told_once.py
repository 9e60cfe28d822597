"""Every operation that changes something, by the API: done once however often it is asked, and recorded with who asked."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import httpx
import pytest
from tests.acceptance.hooks.receiver import Receiver, receiving
from tests.acceptance.sync.kit import Shop
from tests.stages.engage.calls import track

from guestlist.operations.catalogue import OPERATIONS
from guestlist.service.api.routes import operation_id

from .conftest import admin, serving, until

BACK = "https://page.example.org/connected"
SYNC = "{ to: main, every: manual }"


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page that uses the API of a shop, whose audiences full and gone are at Meta, and vip is not."""

    shop: Shop
    api: httpx.Client
    receiver: Receiver

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        """Again while the stores are opened anew, as after an erasure."""
        content = {"content": body} if isinstance(body, str) else {"json": body} if method in {"POST", "PUT"} else {}
        answered: list[httpx.Response] = []

        def came() -> bool:
            answered.append(self.api.request(method, path, headers=headers, **content))
            return answered[-1].status_code != 503

        until(came)
        return answered[-1]

    def done(self, method: str, path: str, body: object = None) -> Any:
        answered = self.ask(method, path, body)
        assert answered.is_success, answered.text
        return answered.json()

    def entries(self) -> list[tuple[str, str, str]]:
        """(who, what, about) of the audit, oldest first."""
        found = self.done("GET", "/audit?limit=1000")
        assert found["whole"]
        return [(one["actor"], one["action"], one["about"]) for one in reversed(found["entries"])]


@pytest.fixture(scope="module")
def page(made: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    made.meta.reset()
    folder = tmp_path_factory.mktemp("told_once")
    shop = made.copy_to(folder / "shop", None)
    for number, key in enumerate(("vip", "full", "gone")):
        shop.want(f"t{number}", key=key, name=key, sync=SYNC)
    shop.meta.post("app", redirect_uris=[BACK])
    with receiving() as receiver, serving(shop, folder) as serve:
        (shop.space / "slack").write_text(receiver.url)
        with (shop.space / "guestlist.yaml").open("a") as settings:
            settings.write("allowed_hosts: [127.0.0.1]\nalerts: { webhook: { url: { file: slack } } }\n")
        export = shop.file("crm.csv", "user_id,plan\nuser-000001,gold\n")
        (shop.space / "erp.csv").write_text("user_id,plan\nuser-000001,gold\n")
        given = ("--files", export, "--key", "user_id", "--every", "manual", "--as", "people", "--yes")
        assert shop.process("sources", "add", "crm", *given).code == 0
        key = shop.process("sources", "add", "engage", "--json").facts["write_key"]
        running = serve()
        with admin(shop, running) as api:
            page = Page(shop=shop, api=api, receiver=receiver)
            sent = httpx.post(f"{running.address}/v1/engage", json=track(True, userId="user-000001"), auth=(key, ""))
            assert sent.status_code == 200
            until(lambda: running.said("taken_in"))
            for key in ("full", "gone"):
                page.done("POST", "/syncs/run", {"key": key})
            until(lambda: len([one for one in page.done("GET", "/syncs")["syncs"] if one["people_sent"]]) == 2)
            yield page


# --- what is asked ----------------------------------------------------------------------------------------------------

Body = Mapping[str, Any] | str | None
Request = tuple[str, str, Body]


class Change(NamedTuple):
    """A request and what the audit says of it; `first` is asked before, or makes what the request needs."""

    method: str
    path: str
    body: Body
    action: str
    about: str
    first: tuple[Request, ...] | Callable[[Page], Mapping[str, Any]] = ()


def post(path: str, action: str, about: str, *first: Request, **body: Any) -> Change:
    return Change("POST", path, body, action, about, first)


def delete(path: str, action: str, about: str, *first: Request) -> Change:
    return Change("DELETE", path, None, action, about, first)


def to_receiver(page: Page) -> dict[str, Any]:
    return {"url": page.receiver.url}


def at_meta(page: Page) -> dict[str, Any]:
    meta = page.shop.meta
    return {"account": meta.ad_account, "token": meta.access_token, "graph_url": meta.graph_url}


def connected(name: str) -> Callable[[Page], dict[str, Any]]:
    def connect(page: Page) -> dict[str, Any]:
        page.done("PUT", f"/destinations/{name}", at_meta(page))
        return {"token": page.shop.meta.access_token}

    return connect


def hooked(name: str) -> Callable[[Page], dict[str, Any]]:
    def add(page: Page) -> dict[str, Any]:
        page.done("POST", "/hooks", {"name": name, "audiences": ["vip"], **to_receiver(page)})
        return {}

    return add


def logged_in(page: Page) -> dict[str, Any]:
    meta = page.shop.meta
    app = {"app_id": meta.app_id, "app_secret": meta.app_secret, "graph_url": meta.graph_url, "redirect_uri": BACK}
    begun = page.done("POST", "/destinations/login/login", app)
    back = httpx.URL(meta.answer_dialog(begun["url"])).params
    finished = page.done("POST", "/login/finish", {name: back[name] for name in ("state", "code")})
    return {"choice": finished["choice"], "account": meta.ad_account}


def theirs(page: Page) -> dict[str, Any]:
    page.done("PUT", "/audiences/adopting/definition", {"yaml": _yaml("adopting")})
    return {"audience": page.shop.made_by_somebody("Theirs")}


def other_account(page: Page) -> dict[str, Any]:
    return {"accounts": [page.shop.meta.post("accounts", name="Other")["ad_account"]]}


def shared(page: Page) -> dict[str, Any]:
    other = other_account(page)
    page.done("POST", "/syncs/full/share", other)
    return other


def _yaml(key: str) -> str:
    return f"{{ key: {key}, name: {key}, owner: page, who: {{ trait: tier, equals: t0 }}, sync: {SYNC} }}"


PAUSE_VIP: Request = ("POST", "/syncs/vip/pause", {})
RUN_VIP: Request = ("POST", "/syncs/run", {"key": "vip"})
ME = {"people": ["user_id:user-000005"]}
CHANGES = {
    "run_syncs": post("/syncs/run", "sync ordered", "vip", key="vip"),
    # What is told to run waits while it is paused, so it can be taken back for certain.
    "cancel_sync": post("/syncs/vip/cancel", "sync cancelled", "vip@main", PAUSE_VIP, RUN_VIP),
    "pause_sync": post("/syncs/full/pause", "sync paused", "full@main"),
    "resume_sync": post("/syncs/vip/resume", "sync resumed", "vip@main", PAUSE_VIP),
    "resume_all_syncs": post("/syncs/resume", "sync resumed", "vip@main", ("POST", "/syncs/resume", {}), PAUSE_VIP),
    "write_audience": Change("PUT", "/audiences/new/definition", {"yaml": _yaml("new")}, "audience written", "new"),
    "remove_audience": delete("/audiences/old/definition", "audience removed", "old",
                              ("PUT", "/audiences/old/definition", {"yaml": _yaml("old")})),
    "import_file": Change("POST", "/imports?name=more.csv&as=people", "user_id,tier\nuser-000002,t1\n", "file imported",
                          "more"),
    "split_profile": post("/profiles/split", "identifier split off", "email", identifier="email:guest10@example.org"),
    "add_do_not_send": post("/do-not-send/add", "do-not-send added", "list", **ME),
    "remove_do_not_send": post("/do-not-send/remove", "do-not-send removed", "list",
                               ("POST", "/do-not-send/add", ME), **ME),
    "erase_person": post("/erasures", "erasure asked", "er-", person="user_id:user-000009"),
    "add_source": post("/sources", "source added", "web", name="web"),
    "remove_source": delete("/sources/app", "source removed", "app", ("POST", "/sources", {"name": "app"})),
    "add_load": Change("PUT", "/sources/erp/load", {"files": "erp.csv", "as": "people"}, "source added", "erp"),
    "load_source": post("/sources/crm/load", "source load asked", "crm"),
    "take_external": post("/externals/take", "external taken", "high_value_users", key="high_value_users"),
    "add_hook": Change("POST", "/hooks", {"name": "added"}, "hook added", "added", to_receiver),
    "remove_hook": Change("DELETE", "/hooks/removed", None, "hook removed", "removed", hooked("removed")),
    "rotate_hook": Change("POST", "/hooks/rotated/rotate", {}, "hook secret rotated", "rotated", hooked("rotated")),
    "try_hook": Change("POST", "/hooks/tried/test", {}, "hook tried", "tried", hooked("tried")),
    "retry_hook": Change("POST", "/hooks/again/retry", {}, "hook retried", "again", hooked("again")),
    "try_alerts": post("/alerts/test", "alerts tried", "alerts"),
    "order_backup": post("/backups", "backup ordered", ""),
    "connect_destination": Change("PUT", "/destinations/second", {}, "destination connected", "second", at_meta),
    "reconnect_destination": Change(
        "POST", "/destinations/third/reconnect", {}, "destination reconnected", "third", connected("third")
    ),
    "disconnect_destination": Change(
        "POST", "/destinations/fourth/disconnect", None, "destination disconnected", "fourth", connected("fourth")
    ),
    "choose_account": Change("POST", "/login/choose", {}, "destination connected", "login", logged_in),
    "adopt_audience": Change(
        "POST", "/audiences/adopting/adopt", {"to": "main"}, "audience adopted", "adopting@main", theirs
    ),
    "share_audience": Change("POST", "/syncs/full/share", {}, "audience shared", "full@main", other_account),
    "unshare_audience": Change("POST", "/syncs/full/unshare", {}, "audience unshared", "full@main", shared),
    "empty_sync": post("/syncs/full/empty", "audience emptied", "full@main", yes=True),
    "delete_audience_at_meta": delete("/syncs/gone/audience?yes=true", "audience deleted", "gone@main"),
    "add_key": post("/keys", "key added", "airflow", name="airflow"),
    "remove_key": delete("/keys/dagster", "key removed", "dagster", ("POST", "/keys", {"name": "dagster"})),
}  # fmt: skip
ELSEWHERE = {
    "confirm_plan": "a plan that waits needs hundreds of people: test_told_held.py",
    "drop_letter": "a dead letter takes a while to come about: test_told_hooks.py",
}
NOT_RECORDED = {
    "begin_login": "what it keeps is gone after ten minutes; the last step is recorded",
    "finish_login": "as begin_login",
}


def test_every_operation_that_changes_something_is_here() -> None:
    changing = {operation_id(one) for one in OPERATIONS if one.route.changes}
    assert sorted([*CHANGES, *ELSEWHERE, *NOT_RECORDED]) == sorted(changing)


@pytest.mark.parametrize("name", CHANGES)
def test_it_is_done_once_and_recorded_with_who_asked(page: Page, name: str) -> None:
    change = CHANGES[name]
    body = change.body
    if callable(change.first):
        given = change.first(page)
        body = {**body, **given} if isinstance(body, Mapping) else body
    else:
        for request in change.first:
            page.done(*request)
    before = page.entries()
    kind = next(one for one in OPERATIONS if operation_id(one) == name)

    first = page.ask(change.method, change.path, body, **{"Idempotency-Key": name})
    again = page.ask(change.method, change.path, body, **{"Idempotency-Key": name})

    assert first.status_code == 200, first.text
    if kind.tells_secret:
        assert (again.status_code, again.json()["code"]) == (409, "shown_once")
    else:
        assert (again.status_code, again.content) == (200, first.content)
        assert again.headers["idempotency-replayed"] == "true"
    new = [one for one in page.entries()[len(before) :] if one[0] != "guestlist"]
    assert [(who, action) for who, action, _ in new] == [("key test", change.action)]
    assert new[0][2].startswith(change.about)
