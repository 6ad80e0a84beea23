"""Traces over real HTTP: what arrives at a collector, what a dead one costs, and that no error text stands in spans."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan

from infra import telemetry
from infra.settings import TelemetrySettings

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"


@dataclass
class Collector:
    """Speaks as much of MLflow as an exporter needs: experiments by name, and OTLP."""

    url: str = ""
    experiments: list[str] = field(default_factory=list)
    spans: list[WireSpan] = field(default_factory=list)
    headers: list[str | None] = field(default_factory=list)


@pytest.fixture
def collector() -> Iterator[Collector]:
    found = Collector()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self, status: int, body: object) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_GET(self) -> None:
            name = self.path.rsplit("=", 1)[1]
            if name not in found.experiments:
                return self._answer(404, {})
            return self._answer(200, {"experiment": {"experiment_id": str(found.experiments.index(name) + 7)}})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.path.endswith("/create"):
                found.experiments.append(json.loads(body)["name"])
            else:
                message = ExportTraceServiceRequest.FromString(body)
                found.headers.append(self.headers["x-mlflow-experiment-id"])
                for part in message.resource_spans:
                    for scope in part.scope_spans:
                        found.spans.extend(scope.spans)
            self._answer(200, {})

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield found
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def fresh_tracer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test makes the process's tracer anew."""
    monkeypatch.setattr(telemetry, "_STATE", telemetry._State())


def by_name(collector: Collector) -> dict[str, WireSpan]:
    return {span.name: span for span in collector.spans}


def test_spans_of_one_trace_arrive_in_the_named_experiment(collector: Collector) -> None:
    telemetry.start("sluice-test", TelemetrySettings(), collector.url)
    with telemetry.span("outer", **{telemetry.OPERATION: "chat"}):
        handed_on, trace_id = telemetry.traceparent(), telemetry.trace_id()
        with telemetry.span("inner"):
            pass
    with telemetry.adopt(handed_on), telemetry.span("in another process"):
        pass
    telemetry.flush()

    assert collector.experiments == [telemetry.RUNS] and set(collector.headers) == {"7"}
    spans = by_name(collector)
    assert {span.trace_id.hex() for span in spans.values()} == {trace_id}
    assert spans["inner"].parent_span_id == spans["outer"].span_id == spans["in another process"].parent_span_id
    assert [(a.key, a.value.string_value) for a in spans["outer"].attributes] == [("gen_ai.operation.name", "chat")]


def test_a_request_goes_on_from_its_callers_trace_even_when_that_is_not_sampled(collector: Collector) -> None:
    telemetry.start("sluice-test", TelemetrySettings(), collector.url, experiment=telemetry.REQUESTS)
    opened = telemetry.open_span("request", parent=PARENT)
    child = opened.child("generation", start_ns=1_000)
    child.end(end_ns=3_000)
    opened.end()
    telemetry.flush()

    spans = by_name(collector)
    assert opened.trace_id == PARENT.split("-")[1] == spans["generation"].trace_id.hex()
    assert spans["request"].parent_span_id.hex() == PARENT.split("-")[2]
    assert (spans["generation"].start_time_unix_nano, spans["generation"].end_time_unix_nano) == (1_000, 3_000)


@pytest.mark.parametrize("malformed", ["", "nonsense", "00-" + "0" * 32 + "-" + "0" * 16 + "-01"])
def test_a_malformed_parent_begins_a_trace_of_its_own(collector: Collector, malformed: str) -> None:
    telemetry.start("sluice-test", TelemetrySettings(), collector.url)
    opened = telemetry.open_span("request", parent=malformed)
    opened.end()
    assert len(opened.trace_id) == 32 and set(opened.trace_id) != {"0"}


def test_an_error_is_kept_by_its_kind_and_never_by_its_text(collector: Collector) -> None:
    telemetry.start("sluice-test", TelemetrySettings(), collector.url)
    with pytest.raises(ValueError, match="Ana"), telemetry.span("stage"):
        raise ValueError("Ana Gómez, 12345678Z")
    telemetry.flush()
    span = by_name(collector)["stage"]
    assert span.status.code == 2 and b"ValueError" in span.SerializeToString()
    assert b"Ana" not in span.SerializeToString()


def test_a_library_that_traces_globally_reaches_no_exporter_of_ours(collector: Collector) -> None:
    from opentelemetry import trace

    telemetry.start("sluice-test", TelemetrySettings(), collector.url)
    with (
        telemetry.span("ours"),
        trace.get_tracer("guardrails").start_as_current_span("theirs", attributes={"text": "x"}),
    ):
        pass
    telemetry.flush()
    assert set(by_name(collector)) == {"ours"}


def test_a_dead_collector_holds_nobody_up() -> None:
    telemetry.start("sluice-test", TelemetrySettings(), "http://127.0.0.1:9")
    begun = time.monotonic()
    for _ in range(5_000):
        telemetry.open_span("request").end()
    assert time.monotonic() - begun < 2
    telemetry.flush(0.5)
    assert time.monotonic() - begun < 4


def test_a_collector_that_comes_later_is_found(collector: Collector) -> None:
    address = ""
    telemetry.start("sluice-test", TelemetrySettings(), lambda: address)
    telemetry.open_span("lost").end()
    telemetry.flush()
    address = collector.url
    telemetry.open_span("found").end()
    telemetry.flush()
    assert set(by_name(collector)) == {"found"}


def test_a_named_collector_gets_the_spans_instead_of_mlflow(collector: Collector) -> None:
    telemetry.start(
        "sluice-test", TelemetrySettings(telemetry_otlp_url=f"{collector.url}/v1/traces"), "http://127.0.0.1:9"
    )
    telemetry.open_span("request").end()
    telemetry.flush()
    assert set(by_name(collector)) == {"request"} and collector.headers == [None] and collector.experiments == []


def test_nothing_is_traced_before_the_start() -> None:
    with telemetry.span("stage") as opened:
        assert telemetry.traceparent() == "" == telemetry.trace_id() == opened.trace_id
