"""The flow that a schedule or a backfill runs: one retraining for one slot, whose last state a person understands.

The worker imports this module in a process of its own (Prefect is imported here, at the top). A run ends as Completed,
"Released", "Waiting for review" (suspended, no process), "NO_GO", "INCONCLUSIVE", "No new data", "Skipped: missed",
"Rejected" or "Expired"; only what a person must mend ends as Failed, with the sentence that says how.
"""

from __future__ import annotations

import contextlib
import ctypes
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from prefect import flow, get_run_logger
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from flows.pipeline import Pipeline, read_pipeline
from flows.prefect_api import FLOW
from flows.progress import Silent
from flows.slots import fill_slot, missing_path, read_slot, zone
from infra.errors import SluiceError

if TYPE_CHECKING:
    from prefect import State

    from flows.lifecycle import Lifecycle

_LONGEST_WAIT_S = 6 * 3600.0
"""How long a run waits for another one of its pipeline to end."""
_LOOK_S = 60.0
_SET_DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG of <sys/prctl.h>."""


def run_name() -> str:
    """The run's name in Prefect: the pipeline and the slot, to the minute."""
    given = flow_run.get_parameters()
    slot = _slot(str(given.get("slot") or ""), str(given.get("timezone") or "UTC"))
    name = str(given.get("pipeline", "")).rsplit("/", 1)[-1].rsplit(".", 1)[0]
    return f"{name} {slot:%Y-%m-%d %H:%M}"


@flow(name=FLOW, flow_run_name=run_name, validate_parameters=False, persist_result=False)
def scheduled_retrain(
    pipeline: str, settings: Mapping[str, str] | None = None, slot: str = "", timezone: str = "UTC"
) -> State[Any]:
    """Retrains a pipeline for a slot (RFC 3339; empty: the time at which the run was due)."""
    _die_with_the_worker()
    try:
        return _run(pipeline, settings or {}, slot, timezone)
    except SluiceError as error:
        get_run_logger().error("%s", error)
        return Failed(message=str(error))


def _run(source: str, settings: Mapping[str, str], slot: str, timezone: str) -> State[Any]:
    ended = _decided()
    if ended is not None:
        return ended
    spec = read_pipeline(source, settings)
    due = _slot(slot, timezone)
    late_s = (datetime.now(UTC) - due).total_seconds()
    first_try = flow_run.get_run_count() <= 1
    if not slot and first_try and spec.schedule.missed == "skip" and late_s > spec.schedule.grace_s:
        return Completed(
            name="Skipped: missed",
            message=f"due {due:%Y-%m-%d %H:%M %Z}, started {timedelta(seconds=int(late_s))} late; "
            f"schedule.missed: skip, schedule.grace_s: {spec.schedule.grace_s}",
        )
    if missing := missing_path(spec, due):
        return Completed(name="No new data", message=f"No new data: there is no file {missing} for {due.isoformat()}")
    done = _retrain_when_free(fill_slot(spec, due))
    if done.version is not None and done.release is None and not (done.nothing_new and first_try):
        from flows.suspension import suspend_for_review

        suspend_for_review(done.version)
    return _state(done)


def _decided() -> State[Any] | None:
    """How a run ends that was suspended and resumed; None for any other. Still undecided: suspends again."""
    from flows.suspension import awaited_version, how_it_ended, suspend_for_review

    awaited = awaited_version(flow_run.get_tags())
    if awaited is None:
        return None
    from flows.desk import ReviewDesk
    from flows.review import find_review
    from infra.settings import read_settings

    desk = ReviewDesk.open(read_settings(), progress=_Logged())
    ended = how_it_ended(awaited, desk)
    if ended is None:
        suspend_for_review(find_review(desk, awaited.pipeline, awaited.version).manifest)
    return Completed(name=ended.name, message=ended.message)


def _state(done: Lifecycle) -> State[Any]:
    if done.nothing_new:
        return Completed(name="No new data", message="No new data: every stage had the inputs of an earlier run")
    if done.release is not None:
        return Completed(name="Released", message=f"version {done.release.version}, release {done.release.sequence}")
    reasons = "; ".join(f"{reason.rule}: {reason.measured}" for reason in done.decision.reasons)
    return Completed(name=done.decision.verdict.value, message=f"no version was registered: {reasons}")


def _retrain_when_free(spec: Pipeline) -> Lifecycle:
    """Retrains; another run of the pipeline is waited for.

    Raises RunUnderWay when that takes too long, and whatever a stage raises.
    """
    from filelock import FileLock, Timeout

    from flows.retraining import RunUnderWay, retrain_pipeline
    from infra.settings import read_settings

    home = read_settings().home
    give_up_s = time.monotonic() + _LONGEST_WAIT_S
    while True:
        try:
            return retrain_pipeline(spec, progress=_Logged())
        except RunUnderWay as error:
            if time.monotonic() > give_up_s:
                raise
            get_run_logger().info("%s: this run waits for it to end", error.what)
        lock = FileLock(home.folder(home.runs) / f"{spec.name}.lock")
        with contextlib.suppress(Timeout), lock.acquire(timeout=_LOOK_S, poll_interval=1):
            continue


def _slot(given: str, timezone: str) -> datetime:
    if given:
        return read_slot(given)
    due: datetime = flow_run.get_scheduled_start_time()
    return datetime.fromtimestamp(due.timestamp(), zone(timezone))


def _die_with_the_worker() -> None:
    """A worker that is killed takes its runs along; the next one hands them out again. (The training ends by itself
    when this process is gone.)
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, int(signal.SIGKILL))


class _Logged(Silent):
    """Progress in the run's log in Prefect: what is being done, and every sentence."""

    @contextlib.contextmanager
    def task(self, title: str, total: float | None = None) -> Iterator[Silent]:  # noqa: ARG002
        """One line where a terminal has a bar."""
        get_run_logger().info("%s", title)
        yield self

    def say(self, sentence: str) -> None:
        """One line."""
        get_run_logger().info("%s", sentence)
