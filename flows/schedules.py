"""Schedules: one Prefect deployment per pipeline, with its clock, its `--set` pairs and its runs.

A deployment's parameters hold the pipeline's file, the pairs and the time zone: paths and numbers, never data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from flows.prefect_api import ENTRYPOINT, FLOW, POOL, prefect_api
from flows.slots import Clock
from infra import processes
from infra.errors import BadInput, PartFailed
from infra.home import Home

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.responses import DeploymentResponse

_MOST = 200


@dataclass(frozen=True)
class Plan:
    """What is to run: the pipeline as `sluice retrain` takes it, with absolute paths."""

    name: str
    """The pipeline's own name, and the deployment's."""
    source: str
    """A shipped pipeline's name, or the absolute path of a file."""
    settings: Mapping[str, str]


@dataclass(frozen=True)
class Schedule:
    """One pipeline's schedule as it stands in Prefect."""

    id: UUID
    plan: Plan
    clock: Clock | None
    """None: runs are only made by `sluice backfill`."""
    active: bool
    next_run: datetime | None
    last_run: datetime | None
    last_state: str


def put_schedule(home: Home, plan: Plan, clock: Clock | None) -> bool:
    """Makes a pipeline's schedule, active, or replaces the one that it has; says whether there was one before.

    Raises PartFailed when the Prefect server or the worker is not up.
    """
    _need_worker(home)
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.schedules import CronSchedule

    timezone = clock.timezone if clock else "UTC"
    with prefect_api(home) as client:
        before = _read(client, plan.name)
        times = [CronSchedule(cron=clock.cron, timezone=timezone)] if clock else []
        client.create_deployment(
            flow_id=client.create_flow_from_name(FLOW),
            name=plan.name,
            schedules=[DeploymentScheduleCreate(schedule=one, active=True) for one in times],
            concurrency_limit=1,
            parameters={"pipeline": plan.source, "settings": dict(plan.settings), "slot": "", "timezone": timezone},
            description=f"Retrains {plan.name} by the clock; made by `sluice schedule`.",
            work_pool_name=POOL,
            tags=[f"pipeline:{plan.name}"],
            entrypoint=ENTRYPOINT,
            paused=False,
            enforce_parameter_schema=False,
        )
    return before is not None


def schedules(home: Home) -> tuple[Schedule, ...]:
    """Every schedule of this home, by pipeline. Raises PartFailed."""
    from prefect.client.schemas.filters import FlowFilter, FlowFilterName

    with prefect_api(home) as client:
        found = client.read_deployments(flow_filter=FlowFilter(name=FlowFilterName(any_=[FLOW])), limit=_MOST)
        return tuple(sorted((_schedule(client, one) for one in found), key=lambda one: one.plan.name))


def find_schedule(home: Home, name: str) -> Schedule:
    """A pipeline's schedule. Raises BadInput when it has none, PartFailed."""
    with prefect_api(home) as client:
        found = _read(client, name)
        if found is None:
            raise BadInput(
                f"{name!r} has no schedule", cure=f"sluice schedule {name} --cron '0 3 * * 1', or: sluice schedule list"
            )
        return _schedule(client, found)


def has_schedule(home: Home, name: str) -> bool:
    """Whether a pipeline has one, with a clock or without. Raises PartFailed."""
    with prefect_api(home) as client:
        return _read(client, name) is not None


def pause(home: Home, schedule: Schedule) -> None:
    """No run is made from now on, and those that the clock made and that did not begin yet are taken back.

    One under way goes on, and so do backfills and runs that wait for a review. Raises PartFailed.
    """
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId, FlowRunFilter

    mine = DeploymentFilter(id=DeploymentFilterId(any_=[schedule.id]))
    waiting = FlowRunFilter.model_validate(
        {
            "state": {"type": {"any_": ["SCHEDULED"]}},
            "start_time": {"is_null_": True},
            "tags": {"all_": ["auto-scheduled"]},
        }
    )
    with prefect_api(home) as client:
        client.pause_deployment(schedule.id)
        for run in client.read_flow_runs(deployment_filter=mine, flow_run_filter=waiting, limit=_MOST):
            client.delete_flow_run(run.id)


def resume(home: Home, schedule: Schedule) -> None:
    """Runs are made again, from now on. Raises PartFailed."""
    with prefect_api(home) as client:
        client.resume_deployment(schedule.id)


def delete(home: Home, schedule: Schedule) -> None:
    """Ends a schedule with its runs to come; what its runs made stays. Raises PartFailed."""
    with prefect_api(home) as client:
        client.delete_deployment(schedule.id)


def enqueue(home: Home, schedule: Schedule, slots: Sequence[datetime], settings: Mapping[str, str]) -> None:
    """Makes one run for each slot, in their order; the worker takes them one at a time, oldest first.

    Raises PartFailed when the Prefect server or the worker is not up; runs that were made until then stay.
    """
    _need_worker(home)
    from prefect.states import Scheduled

    due = datetime.now(UTC)
    with prefect_api(home) as client:
        for number, slot in enumerate(slots):
            client.create_flow_run_from_deployment(
                schedule.id,
                parameters={"slot": slot.isoformat(), "settings": {**schedule.plan.settings, **settings}},
                # The order in which a worker takes what is due is that of these times.
                state=Scheduled(scheduled_time=due + timedelta(milliseconds=number)),
                name=f"{schedule.plan.name} {slot:%Y-%m-%d %H:%M} (backfill)",
                tags=["backfill"],
            )


def runs_address(home: Home, schedule: Schedule) -> str:
    """Where a person watches the runs."""
    return f"{processes.address(home, 'prefect')}/deployments/deployment/{schedule.id}"


def _need_worker(home: Home) -> None:
    if not processes.address(home, "worker"):
        raise PartFailed("the worker that starts scheduled runs is not up", where=str(home.root), cure="sluice up")


def _read(client: SyncPrefectClient, name: str) -> DeploymentResponse | None:
    from prefect.exceptions import ObjectNotFound

    try:
        return client.read_deployment_by_name(f"{FLOW}/{name}")
    except ObjectNotFound:
        return None


def _schedule(client: SyncPrefectClient, found: DeploymentResponse) -> Schedule:
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId, FlowRunFilter
    from prefect.client.schemas.schedules import CronSchedule
    from prefect.client.schemas.sorting import FlowRunSort

    mine = DeploymentFilter(id=DeploymentFilterId(any_=[found.id]))
    begun = FlowRunFilter.model_validate({"start_time": {"is_null_": False}})
    to_come = FlowRunFilter.model_validate({"state": {"type": {"any_": ["SCHEDULED"]}}})
    last = client.read_flow_runs(
        deployment_filter=mine, flow_run_filter=begun, sort=FlowRunSort.START_TIME_DESC, limit=1
    )
    coming = client.read_flow_runs(
        deployment_filter=mine, flow_run_filter=to_come, sort=FlowRunSort.NEXT_SCHEDULED_START_TIME_ASC, limit=1
    )
    clocks = [one.schedule for one in found.schedules if isinstance(one.schedule, CronSchedule)]
    parameters = found.parameters or {}
    plan = Plan(found.name, str(parameters.get("pipeline", "")), dict(parameters.get("settings") or {}))
    return Schedule(
        id=found.id,
        plan=plan,
        clock=Clock(clocks[0].cron, clocks[0].timezone or "UTC") if clocks else None,
        active=not found.paused,
        next_run=coming[0].next_scheduled_start_time if coming else None,
        last_run=last[0].start_time if last else None,
        last_state=last[0].state_name or "" if last else "",
    )
