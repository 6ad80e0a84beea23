"""One retraining from the outside: servers up, stores open, one run at a time, trace started, the chain run."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from flows.gc import expire
from flows.pipeline import Pipeline
from flows.progress import Progress
from flows.stages import NOTHING_FRESH, Fresh
from flows.workshop import Workshop
from infra.contracts.ids import new_id
from infra.errors import Refused
from infra.settings import read_settings

if TYPE_CHECKING:
    from flows.lifecycle import Lifecycle


class RunUnderWay(Refused):
    """Another run of the same pipeline holds its lock."""


def retrain_pipeline(
    pipeline: Pipeline, *, progress: Progress, approve_as: str = "", fresh: Fresh = NOTHING_FRESH
) -> Lifecycle:
    """Runs the chain on the local servers, starting those that are not up and stopping again what it started.

    Raises RunUnderWay while another run of the same pipeline is going on, and whatever a stage raises.
    """
    from infra import processes, telemetry

    settings = read_settings()
    with ExitStack() as stack:
        lock = FileLock(settings.home.folder(settings.home.runs) / f"{pipeline.name}.lock")
        try:
            stack.enter_context(lock.acquire(timeout=0))
        except Timeout:
            raise RunUnderWay(
                f"another run of {pipeline.name!r} is going on",
                cure="wait for it to end, then run the same command again",
            ) from None
        with progress.task("servers (Prefect, MLflow)"):
            services = {service.name: service for service in processes.ensure(settings, ("prefect", "mlflow"))}
        started = tuple(service.name for service in services.values() if service.started_by_us)
        stack.callback(processes.stop, settings.home, started)
        expire(settings.home, settings.retention)
        shop = Workshop.open(settings, run_id=new_id("run"), progress=progress, mlflow_url=services["mlflow"].url)
        telemetry.start("sluice-retrain", settings.telemetry, services["mlflow"].url)
        stack.callback(telemetry.flush)
        from prefect.logging.handlers import APILogHandler
        from prefect.settings import PREFECT_API_URL, temporary_settings

        # Prefect sends log lines every two seconds. Those of the last two would find a server that was stopped, and
        # the command would try for a minute before it ended.
        stack.callback(APILogHandler().flush)
        stack.enter_context(temporary_settings({PREFECT_API_URL: f"{services['prefect'].url}/api"}))
        from flows.dead_runs import mark_dead_runs
        from flows.lifecycle import run_lifecycle

        mark_dead_runs(pipeline, shop)
        return run_lifecycle(pipeline, shop, approve_as=approve_as, fresh=fresh)
