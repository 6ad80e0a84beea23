"""The real Prefect and MLflow servers, started once: they answer, take traces, print nothing alarming, and end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from infra import processes, telemetry
from infra.processes import Service
from infra.settings import Settings, TelemetrySettings, read_settings

pytestmark = pytest.mark.slow
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return read_settings({"SLUICE_HOME": str(tmp_path_factory.mktemp("home"))})


@pytest.fixture(scope="module")
def servers(settings: Settings) -> Iterator[dict[str, Service]]:
    services = processes.ensure(settings, ("prefect", "mlflow"))
    yield {service.name: service for service in services}
    processes.stop(settings.home)
    assert processes.status(settings.home) == ()


def test_both_answer_and_write_into_the_home_alone(servers: dict[str, Service], settings: Settings) -> None:
    assert all(service.ready and service.url.startswith("http://127.0.0.1:") for service in servers.values())
    with httpx.Client(trust_env=False) as client:
        assert client.get(f"{servers['prefect'].url}/api/health").json() is True
        assert client.get(servers["prefect"].url, follow_redirects=True).status_code == 200, "its pages"
        assert client.get(servers["mlflow"].url).status_code == 200, "its pages"
    assert (settings.home.prefect / "prefect.db").exists() and (settings.home.mlflow / "mlflow.db").exists()
    for service in servers.values():
        log = Path(service.log).read_text()
        assert "Traceback" not in log and "ERROR" not in log, log[-2000:]


def traces(mlflow_url: str, trace_id: str) -> list[dict[str, object]]:
    """MLflow's spans of a trace, [] until it has them."""
    from infra.telemetry_export import experiment_id

    with httpx.Client(base_url=mlflow_url, trust_env=False) as client:
        for _ in range(50):
            location = {
                "type": "MLFLOW_EXPERIMENT",
                "mlflow_experiment": {"experiment_id": experiment_id(mlflow_url, telemetry.REQUESTS)},
            }
            found = client.post(
                "/api/3.0/mlflow/traces/search", json={"locations": [location], "max_results": 50}
            ).json()
            mine = [trace for trace in found.get("traces", []) if trace_id in trace["trace_id"]]
            if mine:
                return mine
            time.sleep(0.2)
    return []


@pytest.mark.parametrize("parent", ["", PARENT])
def test_a_request_is_one_trace_in_mlflow_with_its_tokens(
    servers: dict[str, Service], monkeypatch: pytest.MonkeyPatch, parent: str
) -> None:
    monkeypatch.setattr(telemetry, "_STATE", telemetry._State())
    url = servers["mlflow"].url
    telemetry.start("sluice-gateway", TelemetrySettings(), lambda: url, experiment=telemetry.REQUESTS)
    request = telemetry.open_span("sluice.request", parent=parent)
    request.child(
        "chat triage",
        {telemetry.OPERATION: "chat", telemetry.INPUT_TOKENS: 12, telemetry.OUTPUT_TOKENS: 3},
    ).end()
    request.end()
    telemetry.flush()
    found = traces(url, request.trace_id)
    assert len(found) == 1, "one trace"
    usage = str(found[0].get("trace_metadata"))
    assert '"input_tokens": 12' in usage and '"output_tokens": 3' in usage, found[0]
