"""Traces: OpenTelemetry spans with GenAI semantic conventions, exported over OTLP to the local MLflow server.

One trace per run or per request. Spans hold names, counts and times; no prompt, answer or row stands in them unless the
setting `telemetry_content` says `redacted`, and then redacted text. The tracer is private: libraries that trace into
OpenTelemetry's global provider (some put texts into their spans) reach no exporter of ours. A collector that is dead or
slow never blocks or breaks the work: spans wait in a bounded queue and are dropped when it is full. How they are sent
stands in `telemetry_export.py`.

Conventions: https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from infra.settings import TelemetrySettings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

Attribute = str | bool | int | float | tuple[str, ...]

REQUESTS: Final = "sluice-requests"
"""MLflow experiment of the traces of requests."""
RUNS: Final = "sluice-runs"
"""MLflow experiment of the traces of flows and of training."""

OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Final = "gen_ai.provider.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
REQUEST_MAX_TOKENS: Final = "gen_ai.request.max_tokens"
REQUEST_TEMPERATURE: Final = "gen_ai.request.temperature"
RESPONSE_ID: Final = "gen_ai.response.id"
RESPONSE_MODEL: Final = "gen_ai.response.model"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
ERROR_TYPE: Final = "error.type"
OUTCOME: Final = "sluice.outcome"
SCRIPTED: Final = "sluice.scripted"
VERDICT: Final = "sluice.guard.verdict"
RULE: Final = "sluice.guard.rule"
PIPELINE: Final = "sluice.pipeline"
RUN: Final = "sluice.run"

SPAN_TYPE: Final = "mlflow.spanType"
"""One of MLflow's kinds of span (WORKFLOW, GUARDRAIL, CHAIN ...), where GenAI's operation name does not say it."""
SHOWN_INPUT: Final = "mlflow.spanInputs"
"""What MLflow's list of traces shows as the input: a name, never a text, unless the content may be kept."""
SHOWN_OUTPUT: Final = "mlflow.spanOutputs"
"""What MLflow's list of traces shows as the output: an outcome."""

_PROPAGATOR = TraceContextTextMapPropagator()
_FLUSH_WAIT_S = 5.0


@dataclass
class _State:
    """The process's one tracer; none until `start`."""

    provider: TracerProvider | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


_STATE = _State()


@dataclass(frozen=True)
class Span:
    """One span that is open. Holds no reference to the current context, so that it may be ended from any task."""

    _span: trace.Span

    def set(self, attributes: Mapping[str, Attribute]) -> None:
        """Adds attributes."""
        self._span.set_attributes(attributes)

    def child(
        self, name: str, attributes: Mapping[str, Attribute] | None = None, *, start_ns: int | None = None
    ) -> Span:
        """Opens a span below this one; `start_ns` (since 1970) where it began earlier."""
        return _open(name, trace.set_span_in_context(self._span), attributes, start_ns)

    def fail(self, error_type: str) -> None:
        """Marks the span as failed. Only the kind of error is kept: an error's text may quote what was processed."""
        self._span.set_attribute(ERROR_TYPE, error_type)
        self._span.set_status(trace.StatusCode.ERROR)

    def end(self, *, end_ns: int | None = None) -> None:
        """Closes the span."""
        self._span.end(end_time=end_ns)

    @property
    def trace_id(self) -> str:
        """32 hexadecimal digits, '' where nothing is traced."""
        found = self._span.get_span_context()
        return trace.format_trace_id(found.trace_id) if found.is_valid else ""


def start(
    service: str, settings: TelemetrySettings, mlflow_url: str | Callable[[], str], *, experiment: str = RUNS
) -> None:
    """Makes the process's tracer, once; a second call changes nothing.

    `mlflow_url` may be a function where the server can come later or move; the experiment is made on first use.
    """
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON

    from infra.telemetry_export import LateExporter

    with _STATE.lock:
        if _STATE.provider is not None:
            return
        find = mlflow_url if callable(mlflow_url) else lambda: str(mlflow_url)
        exporter = LateExporter(settings.telemetry_otlp_url, find, experiment)
        # Every request is recorded, whatever its caller samples.
        provider = TracerProvider(ALWAYS_ON, Resource({SERVICE_NAME: service}), shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=1000))
        _STATE.provider = provider


def open_span(name: str, attributes: Mapping[str, Attribute] | None = None, *, parent: str = "") -> Span:
    """Opens a span that the caller ends; it goes on from the `traceparent` in `parent`, else it begins a trace."""
    return _open(name, _context_of(parent), attributes, None)


@contextmanager
def span(name: str, attributes: Mapping[str, Attribute] | None = None, **more: Attribute) -> Iterator[Span]:
    """A span for the time of a block, below the current one. An error marks it as failed by its kind, not its text."""
    opened = _open(name, otel_context.get_current(), {**(attributes or {}), **more}, None)
    token = otel_context.attach(trace.set_span_in_context(opened._span))
    try:
        yield opened
    except BaseException as error:
        opened.fail(type(error).__name__)
        raise
    finally:
        otel_context.detach(token)
        opened.end()


def traceparent() -> str:
    """The current span as a W3C `traceparent`, for a subprocess or another service; '' where nothing is traced."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    return carrier.get("traceparent", "")


@contextmanager
def adopt(parent: str) -> Iterator[None]:
    """Spans of the block go on from another process's `traceparent`; a malformed or empty one begins a new trace."""
    token = otel_context.attach(_context_of(parent))
    try:
        yield
    finally:
        otel_context.detach(token)


def note(attributes: Mapping[str, Attribute]) -> None:
    """Adds attributes to the current span."""
    Span(trace.get_current_span()).set(attributes)


def trace_id() -> str:
    """The current trace's id as 32 hexadecimal digits, '' where nothing is traced."""
    return Span(trace.get_current_span()).trace_id


def flush(wait_s: float = _FLUSH_WAIT_S) -> None:
    """Sends what waits, for at most `wait_s`: a dead collector holds nobody up."""
    provider = _STATE.provider
    if provider is not None:
        # The SDK's own force_flush ignores its timeout (opentelemetry-python issue 4568).
        sender = threading.Thread(target=provider.force_flush, name="telemetry-flush", daemon=True)
        sender.start()
        sender.join(wait_s)


def _context_of(parent: str) -> otel_context.Context:
    return _PROPAGATOR.extract({"traceparent": parent}, context=otel_context.Context())


def _open(
    name: str, context: otel_context.Context, attributes: Mapping[str, Attribute] | None, start_ns: int | None
) -> Span:
    provider = _STATE.provider
    tracer = provider.get_tracer("sluice") if provider is not None else trace.NoOpTracer()
    opened = tracer.start_span(name, context, attributes=attributes, start_time=start_ns)
    return Span(opened)
