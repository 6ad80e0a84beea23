"""Schedules in a real Prefect server: made, replaced, paused, backfilled; and runs that a dead worker left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest

from flows import schedules
from flows.desk import ReviewDesk
from flows.prefect_api import POOL, prefect_api
from flows.progress import Silent
from flows.review import add_reviewer, approve_and_release, reject
from flows.schedules import Plan, Schedule
from flows.slots import Clock
from flows.suspension import WAITING, Awaited, awaited_version, how_it_ended, resume_decided
from flows.worker_pool import hand_back, prepare_pool
from infra import processes
from infra.contracts.model_version import ModelVersion
from infra.errors import BadInput
from infra.home import Home
from infra.settings import Settings, read_settings

pytestmark = pytest.mark.slow
"""A Prefect server takes half a minute to start; it is started once."""

PLAN = Plan("cards", "/somewhere/cards.yaml", {"data.train": "/somewhere/{slot:%Y-%m-%d}.csv"})
DAILY = Clock("0 3 * * *", "Europe/Madrid")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A home whose Prefect server runs, and has the pool."""
    settings = read_settings({"SLUICE_HOME": str(tmp_path_factory.mktemp("home"))})
    processes.ensure(settings, ("prefect",))
    in_prefect(settings.home, lambda: prepare_pool(settings.home))
    yield settings
    processes.stop(settings.home)


@pytest.fixture
def home(served: Settings, monkeypatch: pytest.MonkeyPatch) -> Home:
    """The same, with no schedule. What is started is not this test's matter: a worker counts as up."""
    monkeypatch.setattr(schedules, "_need_worker", lambda _: None)
    with prefect_api(served.home) as client:
        for one in schedules.schedules(served.home):
            client.delete_deployment(one.id)
        for run in client.read_flow_runs():
            client.delete_flow_run(run.id)
    return served.home


def in_prefect(home: Home, work: Callable[[], Any]) -> Any:
    """Runs a coroutine as the worker does: with the home's server as Prefect's."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: f"{processes.address(home, 'prefect')}/api"}):
        return asyncio.run(work())


def scheduled(home: Home) -> Schedule:
    schedules.put_schedule(home, PLAN, DAILY)
    return schedules.find_schedule(home, "cards")


def put_state(home: Home, run: UUID, kind: str, name: str) -> None:
    from prefect.client.schemas.objects import State, StateType

    with prefect_api(home) as client:
        client.set_flow_run_state(run, State(type=StateType(kind), name=name), force=True)


def test_a_schedule_is_made_once_and_replaced_by_the_next(home: Home) -> None:
    assert schedules.put_schedule(home, PLAN, DAILY) is False
    assert schedules.put_schedule(home, PLAN, Clock("30 4 * * 1")) is True
    found = schedules.schedules(home)
    assert [(one.plan, one.clock, one.active) for one in found] == [(PLAN, Clock("30 4 * * 1"), True)]


def test_paused_resumed_deleted(home: Home) -> None:
    schedule = scheduled(home)
    with prefect_api(home) as client:
        late = client.create_flow_run_from_deployment(schedule.id, tags=["auto-scheduled"])
        asked_for = client.create_flow_run_from_deployment(schedule.id, tags=["backfill"])
    schedules.pause(home, schedule)
    with prefect_api(home) as client:
        left = {run.id for run in client.read_flow_runs()}
    assert asked_for.id in left and late.id not in left
    assert not schedules.find_schedule(home, "cards").active
    schedules.resume(home, schedule)
    assert schedules.find_schedule(home, "cards").active
    schedules.delete(home, schedule)
    assert schedules.schedules(home) == () and not schedules.has_schedule(home, "cards")
    with pytest.raises(BadInput, match="has no schedule"):
        schedules.find_schedule(home, "cards")


def test_a_backfill_is_one_run_for_each_slot_oldest_first(home: Home) -> None:
    schedule = scheduled(home)
    slots = DAILY.slots(date(2026, 10, 24), date(2026, 10, 26))
    schedules.enqueue(home, schedule, slots, {"training.epochs": "1"})
    with prefect_api(home) as client:
        runs = [run for run in client.read_flow_runs() if "backfill" in run.tags]
    runs.sort(key=lambda run: run.expected_start_time or datetime.now(UTC))
    assert [run.parameters["slot"] for run in runs] == [slot.isoformat() for slot in slots]
    assert all(run.parameters["settings"] == {**PLAN.settings, "training.epochs": "1"} for run in runs)
    assert all(run.parameters["pipeline"] == PLAN.source for run in runs)


def test_runs_that_nobody_runs_any_more_are_handed_out_again_for_the_time_they_were_due(home: Home) -> None:
    schedule = scheduled(home)
    schedules.enqueue(home, schedule, DAILY.slots(date(2026, 10, 1), date(2026, 10, 4)), {})
    with prefect_api(home) as client:
        runs = [run for run in client.read_flow_runs() if "backfill" in run.tags]
    due = {run.id: run.expected_start_time for run in runs}
    for run, (kind, name) in zip(
        runs,
        [("RUNNING", "Running"), ("PENDING", "Pending"), ("CRASHED", "Crashed"), ("COMPLETED", "Done")],
        strict=True,
    ):
        put_state(home, run.id, kind, name)
    assert in_prefect(home, hand_back) == 2, "a crash that nobody asked for is for a person to see"
    assert in_prefect(home, lambda: hand_back(ended_since=0.0)) == 1
    with prefect_api(home) as client:
        now = {run.id: client.read_flow_run(run.id) for run in runs}
    assert [now[run.id].state_name for run in runs] == ["Handed back"] * 3 + ["Done"]
    assert all(now[run.id].next_scheduled_start_time == due[run.id] for run in runs[:3])


def test_a_suspended_run_is_resumed_when_its_review_is_decided(
    home: Home, served: Settings, make_version: Callable[..., ModelVersion]
) -> None:
    desk = ReviewDesk.open(served, progress=Silent())
    versions = [make_version(desk, number) for number in (1, 2, 3)]
    schedule = scheduled(home)
    schedules.enqueue(home, schedule, DAILY.slots(date(2026, 10, 1), date(2026, 10, 3)), {})
    with prefect_api(home) as client:
        runs = [run for run in client.read_flow_runs() if "backfill" in run.tags]
        for run, version in zip(runs, versions, strict=True):
            client.update_flow_run(run.id, tags=["backfill", f"review:tickets:{version.version}"])
    from prefect.states import Suspended

    with prefect_api(home) as client:
        for run in runs:
            put_state(home, run.id, "RUNNING", "Running")
            waiting = Suspended().model_copy(update={"name": WAITING})
            client.set_flow_run_state(run.id, waiting, force=True)
    assert resume_decided(desk) == 0, "nobody decided"

    add_reviewer("ana", desk)
    approve_and_release(versions[0], "ana", "better", desk)
    reject(versions[1], "ana", "worse", desk)
    ended = [how_it_ended(Awaited("tickets", number), desk) for number in (1, 2, 3)]
    assert [one and one.name for one in ended] == ["Released", "Rejected", None]
    assert resume_decided(desk) == 2
    with prefect_api(home) as client:
        states = [client.read_flow_run(run.id).state for run in runs]
    assert [state and state.type.value for state in states] == ["SCHEDULED", "SCHEDULED", "PAUSED"]
    assert resume_decided(desk) == 0, "those go on already"


def test_the_awaited_version_stands_in_the_tags() -> None:
    assert awaited_version(["auto-scheduled", "pipeline:a", "review:my-cards:12"]) == Awaited("my-cards", 12)
    assert awaited_version(["review:", "review:cards", "review:cards:x", "pipeline:cards:3"]) is None


def test_the_pool_starts_runs_with_this_python_in_this_home(home: Home) -> None:
    in_prefect(home, lambda: prepare_pool(home))
    with prefect_api(home) as client:
        variables = client.read_work_pool(POOL).base_job_template["variables"]["properties"]
    assert variables["working_dir"]["default"] == str(home.root)
    assert " -P -m prefect.engine" in variables["command"]["default"]
