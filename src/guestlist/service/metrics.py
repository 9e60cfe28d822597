"""`/metrics`: how the service does, as Prometheus reads it. Counts, codes and times; sync keys are the only names.

What happens is counted as it happens; how things stand is read from the records at the moment it is asked for.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from guestlist.clock import Clock, microseconds
from guestlist.connected.connections import clock_of
from guestlist.errors import GuestlistError
from guestlist.instruments import Step, looking
from guestlist.service.keeper import Keeper, Stand
from guestlist.service.logs import Fact, Log
from guestlist.service.tracking import Door
from guestlist.space import Space
from guestlist.store.journal import Journal
from guestlist.store.journal_keeping import Freshness, Timing
from guestlist.store.journal_tables import Sync

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECOND = 1_000_000
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 65)
TokenEnds = Callable[[Space, Journal], Mapping[str, int]]
"""By destination, the instant (microseconds since 1970) at which its token ends, where that is known."""


def no_token_ends(_space: Space, _journal: Journal) -> Mapping[str, int]:
    """Nobody watches tokens."""
    return {}


@dataclass(frozen=True, kw_only=True)
class Watched:
    """One space, as its metrics see it."""

    keeper: Keeper
    door: Door
    journal: Journal


class Metrics:
    """The metrics of one process, in a registry of their own."""

    def __init__(self, watched: Sequence[Watched], token_ends: TokenEnds = no_token_ends) -> None:
        self.registry = CollectorRegistry()

        def counter(name: str, says: str, *labels: str) -> Counter:
            return Counter(f"guestlist_{name}", says, labels, registry=self.registry)

        self._landed = counter("messages_landed", "Messages taken into the warehouse.", "space")
        self._runs = counter("runs", "Runs of syncs, by how they ended.", "space", "sync", "state")
        self._added = counter("rows_added", "Rows that Meta took in.", "space", "sync")
        self._removed = counter("rows_removed", "Rows that Meta took out.", "space", "sync")
        self._calls = counter("meta_calls", "Calls to Meta, by edge and what became of them.",
                              "method", "edge", "outcome", "code")  # fmt: skip
        self._latency = Histogram("guestlist_meta_call_seconds", "How long calls to Meta took.", ["method", "edge"],
                                  buckets=_SECONDS, registry=self.registry)  # fmt: skip
        self._quota = Gauge("guestlist_meta_quota_used_ratio", "Share of the calls that Meta allows, used up.", ["account"],
                            registry=self.registry)  # fmt: skip
        self._evaluating = Histogram("guestlist_evaluation_seconds", "How long it took to see who is in which audience.",
                                     ["space"], buckets=_SECONDS, registry=self.registry)  # fmt: skip
        self._trouble = counter("troubles", "Times that a space could not be worked on, by code.", "space", "code")
        for one in watched:
            self.registry.register(_Standing(one, token_ends))

    def heard(self, name: str, facts: Mapping[str, Fact]) -> None:
        """An event of the log, see `Log`."""
        space, sync, code = str(facts.get("space")), str(facts.get("sync")), facts.get("code")
        if name == "taken_in":
            self._landed.labels(space).inc(_number(facts, "messages"))
        elif name == "evaluated":
            self._evaluating.labels(space).observe(_number(facts, "seconds"))
        elif name == "synced":
            self._runs.labels(space, sync, facts.get("state")).inc()
            self._added.labels(space, sync).inc(_number(facts, "added_rows"))
            self._removed.labels(space, sync).inc(_number(facts, "removed_rows"))
        elif name == "handed_over":
            self._removed.labels(space, sync).inc(_number(facts, "removed_rows"))
        elif name in {"trouble", "not_evaluated", "files_not_read"}:
            self._trouble.labels(space, code).inc()

    @contextmanager
    def look(self, step: Step) -> Iterator[None]:
        """A step of `instruments`."""
        try:
            yield
        finally:
            if step.name == "meta.request":
                facts = step.facts
                method, edge = str(facts["method"]), str(facts["edge"])
                self._calls.labels(method, edge, facts.get("outcome", "failed"), facts.get("code", "")).inc()
                self._latency.labels(method, edge).observe(step.seconds)
                if "quota" in facts:
                    self._quota.labels(facts["account"]).set(float(facts["quota"]) / 100)

    def route(self) -> Route:
        """`GET /metrics`."""

        def metrics(_: Request) -> Response:  # no coroutine: it reads the records, in a thread
            return Response(generate_latest(self.registry), media_type=CONTENT_TYPE)

        return Route("/metrics", metrics, methods=["GET"])

    @contextmanager
    def served(self, host: str, port: int) -> Iterator[None]:
        """On a port of its own."""
        try:
            server, _ = start_http_server(port, addr=host, registry=self.registry)
        except OSError as error:
            raise GuestlistError(
                "port_in_use",
                f"Metrics cannot be served on port {port} of {host}.",
                nothing_lost="Nothing was changed.",
                next_step="Choose another: guestlist serve --metrics-port 9108",
            ) from error
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()


@contextmanager
def measuring(watched: Sequence[Watched], log: Log, token_ends: TokenEnds = no_token_ends) -> Iterator[Metrics]:
    """Metrics that count what is logged and what is asked of Meta within the block."""
    made = Metrics(watched, token_ends)
    log.hearers.append(made.heard)
    with looking(made.look):
        yield made


def _number(facts: Mapping[str, Fact], name: str) -> float:
    value = facts.get(name)
    return float(value) if isinstance(value, int | float) else 0.0


class _Standing(Collector):
    """How one space stands, read when asked for."""

    def __init__(self, watched: Watched, token_ends: TokenEnds) -> None:
        self._keeper, self._door, self._journal = watched.keeper, watched.door, watched.journal
        self._token_ends = token_ends
        self._clock: Clock = clock_of(watched.keeper.space)

    def describe(self) -> Iterator[Metric]:
        """Nothing: the records need not be there yet when this is registered."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Of a space whose records cannot be read, what can be told without them."""
        name, keeper = self._keeper.space.folder.name, self._keeper
        yield _family("keeper_state", "1 for how the keeper of the space stands.", "space", "state",
                      values=[((name, stand.value), float(stand is keeper.stand)) for stand in Stand])  # fmt: skip
        free = shutil.disk_usage(keeper.space.folder).free
        yield _family("disk_free_bytes", "Room on the disk of the space.", "space", values=[((name,), free)])
        yield _family("inbox_waiting_bytes", "Messages acknowledged that have not landed yet.", "space",
                      values=[((name,), self._waiting())])  # fmt: skip
        try:
            yield from self._of_records(name)
        except GuestlistError as error:
            yield _family("records_unreadable", "1 while the records cannot be read.", "space", "code",
                          values=[((name, error.code), 1)])  # fmt: skip

    def _waiting(self) -> int:
        folder, size = self._door.inbox.folder, 0
        if folder.is_dir():  # else nothing has come yet
            for path in folder.iterdir():
                with suppress(FileNotFoundError):  # it has just landed
                    size += path.stat().st_size
        return size

    def _of_records(self, name: str) -> Iterator[Metric]:
        now, owner = microseconds(self._clock.now()), self._journal.owner()
        yield _family("epoch", "Rises whenever another process takes the space.", "space",
                      values=[((name,), owner.epoch if owner else 0)])  # fmt: skip
        messages = CounterMetricFamily(
            "guestlist_messages", "Messages received, by source and outcome.", labels=["space", "source", "outcome"]
        )
        for (source, outcome), count in self._arrived().items():
            messages.add_metric([name, source, outcome], count)
        yield messages
        yield from _of_syncs(name, self._journal.syncs(), self._journal.timings(), now)
        yield _freshness(name, self._journal.freshness_of_all(now=now))
        waits = [((name, account), (until - now) / _SECOND) for account, until in self._journal.waits() if until > now]
        yield _family("meta_wait_seconds", "How long Meta is still left alone.", "space", "account", values=waits)
        ends = self._token_ends(self._keeper.space, self._journal)
        left = [((name, to), (end - now) / _SECOND / 86_400) for to, end in ends.items()]
        yield _family("token_days_left", "Until the token of a destination ends.", "space", "destination", values=left)

    def _arrived(self) -> dict[tuple[str, str], int]:
        counted: dict[tuple[str, str], int] = {}
        for one in self._door.arrivals.view():
            counted[one.source, one.outcome] = counted.get((one.source, one.outcome), 0) + one.messages
        return counted


def _of_syncs(name: str, syncs: Sequence[Sync], timings: Mapping[str, Timing], now: int) -> Iterator[Metric]:
    def each(says: str, about: str, value: Callable[[Sync, Timing | None], float | None]) -> Metric:
        found = [((name, one.key), value(one, timings.get(one.key))) for one in syncs]
        return _family(says, about, "space", "sync", values=[(key, one) for key, one in found if one is not None])

    def waits(timing: Timing | None) -> float | None:
        return (now - timing.removal_since) / _SECOND if timing and timing.removal_since else 0.0

    yield each("people_sent", "People whom Meta has from us.", lambda one, _: one.people_sent)
    yield each("last_right_timestamp_seconds", "When Meta was last right.",
               lambda one, _: one.right_at / _SECOND if one.right_at else None)  # fmt: skip
    yield each("paused", "1 while a sync is paused.", lambda one, _: float(one.paused_at(now)))
    yield each("failures", "How often a sync failed in a row.", lambda _, timing: timing.failures if timing else 0)
    yield each("removal_waiting_seconds", "How long the oldest removal waits that Meta has not acknowledged.",
               lambda _, timing: waits(timing))  # fmt: skip


def _freshness(name: str, fresh: Mapping[str, Freshness]) -> Metric:
    values = [
        ((name, key, share), milliseconds / 1000)
        for key, found in fresh.items()
        for share, milliseconds in (("0.5", found.p50), ("0.95", found.p95), ("1", found.worst))
    ]
    about = "From a message received to Meta's answer, over seven days: that share of people waited no longer."
    return _family("freshness_seconds", about, "space", "sync", "quantile", values=values)


def _family(says: str, about: str, *labels: str, values: Sequence[tuple[Sequence[str], float]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"guestlist_{says}", about, labels=list(labels))
    for named, value in values:
        family.add_metric(list(named), value)
    return family
