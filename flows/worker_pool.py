"""The work pool in Prefect and the runs in it: how a run's process is started, ended, and handed out again."""

from __future__ import annotations

import contextlib
import shlex
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from flows.prefect_api import POOL
from infra.home import Home

if TYPE_CHECKING:
    import psutil
    from prefect import State
    from prefect.client.schemas.objects import FlowRun

_ENGINE = "prefect.engine"
_MOST = 200
_SAID = "its process was ended with the worker or the Prefect server; it goes on from there"


async def prepare_pool(home: Home) -> None:
    """Makes the pool, or brings it in line: runs start with this installation's Python, in this home."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
    from prefect.exceptions import ObjectNotFound

    template = _template(home)
    async with get_client() as client:
        try:
            await client.read_work_pool(POOL)
        except ObjectNotFound:
            await client.create_work_pool(WorkPoolCreate(name=POOL, type="process", base_job_template=template))
        else:
            await client.update_work_pool(POOL, WorkPoolUpdate(base_job_template=template))


def _template(home: Home) -> dict[str, Any]:
    from prefect.workers.process import ProcessWorker

    template = ProcessWorker.get_default_base_job_template()
    variables = template["variables"]["properties"]
    # -P: a folder with its own `flows/` changes nothing.
    variables["command"]["default"] = shlex.join([sys.executable, "-P", "-m", _ENGINE])
    variables["working_dir"]["default"] = str(home.root)
    return template


async def hand_back(*, ended_since: float | None = None) -> int:
    """Hands out again what counts as running or starting in the pool, and says how many runs that were.

    Only when no process of them is left. `ended_since` (seconds since 1970): also those that crashed since then, since
    a run that is ended by SIGTERM reports itself as crashed. A run keeps the time that it was due at.
    """
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, WorkPoolFilter, WorkPoolFilterName
    from prefect.states import Scheduled

    wanted: list[dict[str, Any]] = [{"state": {"type": {"any_": ["RUNNING", "PENDING"]}}}]
    if ended_since is not None:
        since = datetime.fromtimestamp(ended_since, UTC)
        wanted.append({"state": {"type": {"any_": ["CRASHED"]}}, "end_time": {"after_": since}})
    pool = WorkPoolFilter(name=WorkPoolFilterName(any_=[POOL]))
    handed = 0
    async with get_client() as client:
        for filters in wanted:
            chosen = FlowRunFilter.model_validate(filters)
            found: list[FlowRun] = await client.read_flow_runs(
                flow_run_filter=chosen, work_pool_filter=pool, limit=_MOST
            )
            for run in found:
                due = run.expected_start_time or datetime.now(UTC)
                state: State[Any] = Scheduled(scheduled_time=due, name="Handed back", message=_SAID)
                await client.set_flow_run_state(run.id, state, force=True)
                handed += 1
    return handed


def end_children(wait_s: float) -> None:
    """Ends the processes of the runs under way, each of which ends what it started; kills what is left after that."""
    import psutil

    family: list[psutil.Process] = []
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if _ENGINE in child.cmdline():
                family += [child, *child.children(recursive=True)]
                child.terminate()
    _, left = psutil.wait_procs(family, timeout=wait_s)
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(left, timeout=wait_s)
