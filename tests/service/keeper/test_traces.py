"""Traces: steps as spans, sent to a real receiver, and nothing of anybody in them."""

import gzip
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from tests.acceptance.sync.kit import Shop

from guestlist.errors import GuestlistError
from guestlist.instruments import looking, step
from guestlist.traces import spans

REQUEST = "meta.request"


@pytest.fixture
def kept() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with looking(spans(provider.get_tracer("test"))):
        yield exporter


def test_a_sync_is_a_tree_of_spans(shop: Shop, kept: InMemorySpanExporter) -> None:
    shop.meta.fault("error", path="/users$", method="POST", code=200, subcode=None, times=1)
    assert shop.sync()["state"] == "stopped"
    made = kept.get_finished_spans()
    (whole,) = [one for one in made if one.name == "sync"]
    assert attributes(whole) == {"guestlist.sync": "vip@main"}
    assert whole.context is not None
    inside = {one.name for one in made if one.parent and one.parent.span_id == whole.context.span_id}
    assert {"plan", "prepare", "POST users", "POST customaudiences"} <= inside
    assert "evaluate" in {one.name for one in made}
    (upload,) = [one for one in made if one.name == "POST users"]
    assert upload.status.status_code is StatusCode.ERROR
    told = attributes(upload)
    assert (told["http.request.method"], told["guestlist.edge"], told["guestlist.code"]) == ("POST", "users", 200)
    assert int(str(told["http.response.status_code"])) >= 400
    assert told["guestlist.fbtrace_id"]
    text = "".join(one.to_json() for one in made)
    values = [value for one in shop.people for value in (*one.emails, one.user_id, one.last_name.lower())]
    assert not [value for value in (*values, shop.meta.access_token, shop.audience()) if value in text]


def test_what_goes_wrong_is_a_code_and_no_text(kept: InMemorySpanExporter) -> None:
    with pytest.raises(GuestlistError), step("evaluate"):
        raise GuestlistError("no_data", "jane@example.org is not there", next_step="")
    with pytest.raises(ValueError, match="jane"), step("plan"):
        raise ValueError("jane@example.org")
    made = kept.get_finished_spans()
    assert [attributes(one) for one in made] == [{"guestlist.code": "no_data"}, {"guestlist.code": "ValueError"}]
    assert all(one.status.status_code is StatusCode.ERROR and not one.events for one in made)
    assert not [one for one in made if "jane" in one.to_json()]


def test_what_is_not_on_the_list_cannot_be_told(kept: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="email"), step("plan") as told:
        told.note(email="jane@example.org")


def test_they_are_sent_where_the_environment_says(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[str] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            request = ExportTraceServiceRequest.FromString(body)
            for resource in request.resource_spans:
                service = {one.key: one.value.string_value for one in resource.resource.attributes}["service.name"]
                got.extend(f"{service} {span.name}" for scope in resource.scope_spans for span in scope.spans)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop-audiences")
    assert shop.process("sync").code == 0
    server.shutdown()
    server.server_close()
    assert {"shop-audiences sync", "shop-audiences plan", "shop-audiences POST users"} <= set(got)


def test_nothing_of_it_is_loaded_where_nobody_asked() -> None:
    code = "import sys, guestlist.cli.serve, guestlist.cli.syncs; sys.exit('opentelemetry.sdk' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def attributes(span: ReadableSpan) -> dict[str, object]:
    return dict(span.attributes or {})
