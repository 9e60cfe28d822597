"""fakemeta inside a test: a context manager that runs the real server in a thread, and a handle to control it.

with running(people=generate(200)) as meta:
    meta.fault(do="drop_after", method="POST", path="/users$", nth=1)
    client = Client(meta.graph_url, meta.access_token)
"""

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

from fakemeta.people import Person
from fakemeta.serving import bind, server_for, url_of
from fakemeta.world import World


class Control:
    """The control API of a running fakemeta, in this process or another."""

    def __init__(self, graph_url: str) -> None:
        self.graph_url = graph_url
        self._http = httpx.Client(base_url=f"{graph_url}/_control/", timeout=60, trust_env=False)
        facts = self.get("")
        self.access_token: str = facts["access_token"]
        self.app_id: str = facts["app_id"]
        self.app_secret: str = facts["app_secret"]
        self.ad_account: str = facts["ad_accounts"][0]

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, **params: Any) -> Any:
        return _read(self._http.get(path, params=params))

    def post(self, path: str, **body: Any) -> Any:
        return _read(self._http.post(path, json=body))

    def delete(self, path: str) -> Any:
        return _read(self._http.delete(path))

    def fault(self, do: str, *, times: int | None = None, **given: Any) -> int:
        """Add one rule and return its id. Match fields and fault fields are told apart by name."""
        match = {key: given.pop(key) for key in list(given) if key in _MATCH}
        answer = self.post("faults", match=match, do={"do": do, **given}, times=times)
        rule: int = answer["rules"][0]["id"]
        return rule

    def reset(self) -> None:
        self.post("reset")

    def keep_moment(self) -> int:
        """Keep all as it is now, for `go_back`; gives its number."""
        moment: int = self.post("moments")["moment"]
        return moment

    def go_back(self, moment: int) -> None:
        self.post(f"moments/{moment}")

    def clear_faults(self) -> None:
        self.delete("faults")

    def behave(self, **switches: Any) -> None:
        self.post("behaviour", **switches)

    def now(self) -> float:
        return float(self.get("clock")["now"])

    def set_speed(self, speed: float) -> None:
        self.post("clock", speed=speed)

    def advance(self, seconds: float) -> None:
        self.post("clock", advance=seconds)

    def answer_dialog(self, url: str, **answer: Any) -> str:
        """A person answers the login dialog at that URL: where the browser goes next. See POST oauth."""
        params = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
        redirect: str = self.post("oauth", params=params, **answer)["redirect"]
        return redirect

    def add_people(self, *people: dict[str, Any]) -> list[int]:
        ids: list[int] = self.post("people", people=list(people))["ids"]
        return ids

    def members(self, audience_id: str, *, settled: bool = True) -> set[int]:
        return set(self.get(f"audiences/{audience_id}/members")["settled" if settled else "now"])

    def history(self, audience_id: str) -> list[dict[str, Any]]:
        lines: list[dict[str, Any]] = self.get(f"audiences/{audience_id}/history", people=1)["history"]
        return lines

    def match(self, schema: Sequence[str] | str, rows: Sequence[Any], *, account: str | None = None) -> list[list[int]]:
        found: list[list[int]] = self.post("match", schema=schema, data=rows, account=account)["rows"]
        return found

    def truth(self, audience_id: str, **wanted: Any) -> dict[str, Any]:
        """`wanted=[{"schema": …, "data": …}, …]` and/or `people=[ids]`; `now=True` to ignore what is still pending."""
        facts: dict[str, Any] = self.post("truth", audience=audience_id, **wanted)
        return facts

    def requests(self, *, after: int = 0) -> list[dict[str, Any]]:
        lines: list[dict[str, Any]] = self.get("requests", after=after)["requests"]
        return lines


class Running(Control):
    """A fakemeta in this process. `world` is its state: read it, but change it through the control API."""

    def __init__(self, graph_url: str, world: World) -> None:
        super().__init__(graph_url)
        self.world = world


_MATCH = {"method", "path", "nth", "every", "probability", "seed"}


@contextmanager
def running(*, people: Iterable[Person] = (), seed: int = 7, speed: float = 1.0, port: int = 0) -> Iterator[Running]:
    """A fakemeta on a free port until the block ends."""
    world = World(people=people, seed=seed, speed=speed)
    ready = threading.Event()
    server = server_for(world, ready.set)
    with bind(port) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="fakemeta", daemon=True)
        thread.start()
        if not ready.wait(30):
            raise RuntimeError("fakemeta did not start within 30 seconds")
        handle = Running(url_of(listener), world)
        try:
            yield handle
        finally:
            handle.close()
            server.should_exit = server.force_exit = True  # do not wait for idle keep-alive connections
            thread.join(10)


def _read(response: httpx.Response) -> Any:
    answer = response.json()
    if response.status_code != 200:
        raise ValueError(answer.get("error", response.status_code))
    return answer
