"""What a training shows of itself: servers that do not answer are told of once, and never hold it up again."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from flows.observe import _Watch
from flows.training.step_line import StepLine
from infra.stores.registry import Registry


def test_dead_servers_hold_a_training_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    monkeypatch.setattr("flows.observe._EVERY_S", 0.0)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Healthy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    tracking = Registry.open(url).runs
    server.shutdown()
    server.server_close()
    said: list[str] = []
    with temporary_settings({PREFECT_API_URL: f"{url}/api", PREFECT_CLIENT_MAX_RETRIES: 0}):
        watch = _Watch("cards", tracking, "0" * 32, said.append)
        watch.step(_step(1))
        begun_s = time.monotonic()
        for step in range(2, 6):
            watch.step(_step(step))
    assert time.monotonic() - begun_s < 0.5
    assert said == [
        "MLflow does not answer: the training goes on, and is not shown there",
        "Prefect does not answer: the training goes on, and is not shown there",
    ]


class _Healthy(BaseHTTPRequestHandler):
    """Says that it is well: so much is asked before the first figure."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing on the console."""


def _step(step: int) -> StepLine:
    speed = {"tokens": 100 * step, "tokens_per_s": 50.0, "eta_s": 1.0, "epoch": 0.1}
    return StepLine(step=step, of=10, loss=1.0, learning_rate=1e-3, **speed)
