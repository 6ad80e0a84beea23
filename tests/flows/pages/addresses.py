"""Which pages of a running home a reviewer looks at: their addresses, found over the servers' own APIs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

_TIMEOUT_S = 60.0
_LONG_S = 30.0
"""A run that takes longer found work to do."""


@dataclass(frozen=True)
class Page:
    """One page, and the texts that must be seen on it before it counts as there."""

    name: str
    """The picture's name without `.png`."""
    url: str
    texts: tuple[str, ...]
    search: str = ""
    """What to look for among MLflow's charts, which are too many for one picture."""
    tab: str = ""
    """Which of Prefect's tabs to open: no address leads to it."""
    height: int = 900


def pages_of(mlflow_url: str, prefect_url: str, pipeline: str) -> tuple[Page, ...]:
    """The pages of a pipeline's newest version, and of its newest run that had long work to do, else of its newest.

    A page whose content the home does not have yet (a second version, a request's trace) is left out.
    """
    with httpx.Client(timeout=_TIMEOUT_S, trust_env=False) as client:
        return (*_mlflow_pages(client, mlflow_url, pipeline), *_prefect_pages(client, prefect_url, pipeline))


def _mlflow_pages(client: httpx.Client, url: str, pipeline: str) -> tuple[Page, ...]:
    api = f"{url}/api/2.0/mlflow"
    found = client.get(f"{api}/model-versions/search", params={"filter": f"name = '{pipeline}'"}).json()
    versions = sorted(found.get("model_versions", []), key=lambda one: -int(one["version"]))
    if not versions:
        return ()
    newest = versions[0]
    number, run = newest["version"], newest["run_id"]
    run_info = client.get(f"{api}/runs/get", params={"run_id": run}).json()["run"]["info"]
    experiment = run_info["experiment_id"]
    run_url = f"{url}/#/experiments/{experiment}/runs/{run}"
    pages = [
        Page("mlflow-version", f"{url}/#/models/{pipeline}/versions/{number}", ("Gate: ", "Evaluation")),
        Page("mlflow-run", run_url, (run_info["run_name"], "candidate/exact_match")),
        Page("mlflow-curves", f"{run_url}/model-metrics", ("Auto-refresh",), search="train/"),
        Page("mlflow-plot", f"{run_url}/artifacts/plots/f1-per-class.png", ("f1-per-class.png",)),
    ]
    if len(versions) > 1:
        pair = {one["version"]: one["run_id"] for one in versions[:2]}
        query = f"?name={quote(json.dumps(pipeline))}&runs={quote(json.dumps(pair))}"
        pages.append(
            Page("mlflow-compare", f"{url}/#/compare-model-versions{query}", ("Comparing 2 Versions", "Run Name"))
        )
    for name, experiment_name in (("mlflow-request-trace", "sluice-requests"), ("mlflow-run-trace", "sluice-runs")):
        pages += _trace_pages(client, url, name, experiment_name)
    return tuple(pages)


def _trace_pages(client: httpx.Client, url: str, name: str, experiment_name: str) -> list[Page]:
    api = f"{url}/api/2.0/mlflow/experiments/get-by-name"
    found = client.get(api, params={"experiment_name": experiment_name})
    if found.status_code != httpx.codes.OK:
        return []
    experiment = found.json()["experiment"]["experiment_id"]
    traces = _traces(client, url, experiment)
    if not traces:
        return []
    # The one with the most to see: a request that was generated rather than blocked, a run that found work.
    best = max(traces, key=lambda one: (_tokens(one), float(one.get("execution_duration", "0s").removesuffix("s"))))
    listed = f"{url}/#/experiments/{experiment}/traces"
    return [
        Page(name, f"{listed}?selectedEvaluationId={best['trace_id']}", ("sluice",)),
        Page(f"{name}s", listed, ("sluice",)),
    ]


def _traces(client: httpx.Client, url: str, experiment: str) -> list[dict[str, Any]]:
    body = {
        "locations": [{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}}],
        "max_results": 50,
    }
    return list(client.post(f"{url}/api/3.0/mlflow/traces/search", json=body).json().get("traces", []))


def _tokens(trace: dict[str, Any]) -> int:
    usage = json.loads(trace.get("trace_metadata", {}).get("mlflow.trace.tokenUsage", "{}"))
    return int(usage.get("total_tokens", 0))


def _prefect_pages(client: httpx.Client, url: str, pipeline: str) -> tuple[Page, ...]:
    wanted = {"sort": "START_TIME_DESC", "limit": 5, "flow_runs": {"name": {"like_": f"{pipeline} "}}}
    runs = client.post(f"{url}/api/flow_runs/filter", json=wanted).json()
    if not runs:
        return ()
    run = next((one for one in runs if one["total_run_time"] > _LONG_S), runs[0])
    pages = [Page("prefect-run", f"{url}/runs/flow-run/{run['id']}", (run["name"],), height=1000)]
    query = {"sort": "CREATED_DESC", "limit": 20, "artifacts": {"flow_run_id": {"any_": [run["id"]]}}}
    artifacts = client.post(f"{url}/api/artifacts/filter", json=query).json()
    pages.append(Page("prefect-artifacts", f"{url}/runs/flow-run/{run['id']}", (run["name"],), tab="Artifacts"))
    pages += [
        Page(
            f"prefect-{artifact['key'].removeprefix(pipeline + '-')}",
            f"{url}/artifacts/artifact/{artifact['id']}",
            ("Review",),
            height=1300,
        )
        for artifact in artifacts
        if artifact["key"] in (f"{pipeline}-summary", f"{pipeline}-review")
    ]
    return tuple(pages)
