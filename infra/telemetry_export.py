"""Sends spans over OTLP/HTTP: to the address that the settings name, else to the local MLflow server's experiment.

MLflow may start after the process that traces, or come back at another port: its address and the experiment's id are
looked up when there is something to send, in the exporter's own thread, and again after a failure.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import httpx
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

if TYPE_CHECKING:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import ReadableSpan

_TIMEOUT_S = 10.0  # an MLflow server imports what it needs for its first trace when that comes
_API = "/api/2.0/mlflow/experiments"


class LateExporter(SpanExporter):
    """An OTLP exporter that finds its collector when it needs it. Spans that cannot be sent are dropped, silently."""

    def __init__(self, otlp_url: str, find_mlflow: Callable[[], str], experiment: str) -> None:
        self._otlp_url = otlp_url
        self._find_mlflow = find_mlflow
        self._experiment = experiment
        self._inner: OTLPSpanExporter | None = None
        self._mlflow_url = ""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Sends one batch. Never raises."""
        try:
            inner = self._exporter()
            result = inner.export(spans) if inner is not None else SpanExportResult.FAILURE
        except Exception:  # a collector that answers nonsense must not end the exporter's thread
            result = SpanExportResult.FAILURE
        if result is not SpanExportResult.SUCCESS:
            self._inner = None
        return result

    def shutdown(self) -> None:
        """Closes the connection."""
        if self._inner is not None:
            self._inner.shutdown()  # type: ignore[no-untyped-call]

    def _exporter(self) -> OTLPSpanExporter | None:
        if self._otlp_url:
            self._inner = self._inner or _otlp(self._otlp_url, {}, proxies=True)
            return self._inner
        url = self._find_mlflow()
        if not url:
            return None
        if self._inner is None or url != self._mlflow_url:
            headers = {"x-mlflow-experiment-id": experiment_id(url, self._experiment)}
            self._inner, self._mlflow_url = _otlp(f"{url}/v1/traces", headers, proxies=False), url
        return self._inner


def experiment_id(mlflow_url: str, name: str) -> str:
    """The id of an MLflow experiment, made where it is missing. Raises httpx.HTTPError. Uses no proxy."""
    with httpx.Client(base_url=mlflow_url, trust_env=False, timeout=_TIMEOUT_S) as client:
        found = client.get(f"{_API}/get-by-name", params={"experiment_name": name})
        if found.status_code == httpx.codes.NOT_FOUND:
            client.post(f"{_API}/create", json={"name": name})  # another process may win: ask again either way
            found = client.get(f"{_API}/get-by-name", params={"experiment_name": name})
        return str(found.raise_for_status().json()["experiment"]["experiment_id"])


def _otlp(endpoint: str, headers: dict[str, str], *, proxies: bool) -> OTLPSpanExporter:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    # A collector that is away would write a line per batch into the service's log.
    logging.getLogger("opentelemetry.exporter.otlp.proto.http.trace_exporter").setLevel(logging.CRITICAL)
    session = importlib.import_module("requests").Session()
    session.trust_env = proxies
    return OTLPSpanExporter(endpoint, headers=headers, timeout=_TIMEOUT_S, session=session)
