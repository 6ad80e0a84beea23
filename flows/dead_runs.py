"""Runs that were killed: Prefect and MLflow would show them as running for ever.

A run holds its pipeline's lock as long as it lives, so whoever holds the lock knows that every other run of the
pipeline is over.
"""

from __future__ import annotations

from contextlib import suppress

from flows.pipeline import Pipeline
from flows.workshop import Workshop
from infra.errors import PartFailed
from infra.stores.registry import Registry

_SAID = "the process was killed; the next run of the pipeline goes on from there"
_MOST = 50


def mark_dead_runs(pipeline: Pipeline, shop: Workshop) -> int:
    """Marks what still counts as running as crashed, and says how many Prefect runs that were.

    Only for the holder of the pipeline's lock. Never fails a run: what a server refuses stays as it is.
    """
    with suppress(PartFailed):
        for run_id in Registry.open(shop.mlflow_url).runs.running(pipeline.name):
            Registry.open(shop.mlflow_url).runs.end(run_id, failed=True)
    import httpx
    from prefect.exceptions import PrefectException

    try:
        return _crash_prefect_runs(pipeline.name)
    except (httpx.HTTPError, PrefectException):
        return 0


def _crash_prefect_runs(pipeline: str) -> int:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import (
        FlowRunFilter,
        FlowRunFilterName,
        FlowRunFilterState,
        FlowRunFilterStateType,
    )
    from prefect.client.schemas.objects import StateType
    from prefect.states import Crashed

    running = FlowRunFilter(
        name=FlowRunFilterName(like_=f"{pipeline} run-"),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.RUNNING])),
    )
    with get_client(sync_client=True) as client:
        found = client.read_flow_runs(flow_run_filter=running, limit=_MOST)
        for run in found:
            client.set_flow_run_state(run.id, Crashed(message=_SAID), force=True)
    return len(found)
