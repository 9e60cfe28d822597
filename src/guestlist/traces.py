"""OpenTelemetry traces of steps, where the environment says where they go; else nothing of it is even loaded.

Spans carry the facts of `instruments` and nothing else: no exception's text, no address, no personal value.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING

from guestlist.errors import GuestlistError
from guestlist.instruments import Looker, Step, looking
from guestlist.settings import service_name, traces_wanted

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

_NAMES = {"method": "http.request.method", "status": "http.response.status_code"}
_REQUEST = "meta.request"


@contextmanager
def tracing() -> Iterator[None]:
    """Steps within the block are spans, sent by OTLP over HTTP as the OTEL_… variables say."""
    if not traces_wanted():
        yield
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 costs time
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError as error:
        raise GuestlistError(
            "otel_missing",
            "The environment asks for traces, and OpenTelemetry is not installed.",
            nothing_lost="Nothing was changed.",
            next_step="Install it: pip install 'guestlist[otel]'. Or set OTEL_SDK_DISABLED=true.",
        ) from error
    named = {"service.name": service_name(), "service.version": version("guestlist")}
    provider = TracerProvider(resource=Resource.create(named))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    try:
        with looking(spans(provider.get_tracer("guestlist"))):
            yield
    finally:
        provider.shutdown()


def spans(tracer: "Tracer") -> Looker:
    """Makes a span of each step, within that of the step around it."""

    def look(step: Step) -> AbstractContextManager[None]:
        return _span(tracer, step)

    return look


@contextmanager
def _span(tracer: "Tracer", step: Step) -> Iterator[None]:
    from opentelemetry.trace import SpanKind, StatusCode  # noqa: PLC0415 costs time

    request = step.name == _REQUEST
    name = f"{step.facts['method']} {step.facts['edge']}" if request else step.name
    kind = SpanKind.CLIENT if request else SpanKind.INTERNAL
    # An exception's text may quote data: whether it failed and its code are told, not more.
    with tracer.start_as_current_span(name, kind=kind, record_exception=False, set_status_on_exception=False) as span:
        try:
            yield
        finally:
            for fact, value in step.facts.items():
                span.set_attribute(_NAMES.get(fact, f"guestlist.{fact}"), value)
            if step.failed or (request and step.facts.get("outcome") != "applied"):
                span.set_status(StatusCode.ERROR)
