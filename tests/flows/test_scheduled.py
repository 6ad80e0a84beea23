"""One scheduled run before its retraining: missed slots, files that are not there, and another run that goes on."""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from filelock import FileLock

from flows import scheduled
from flows.prefect_api import ENTRYPOINT
from flows.retraining import RunUnderWay
from infra import processes
from infra.errors import PartFailed
from infra.settings import Settings

PIPELINE = """
name: cards
description: Two intents.
data: {kind: files, train: 'TRAIN', language: en, expectations: banking77}
prompt: {system: Name the intent., answer_format: text, max_new_tokens: 6}
schedule: SCHEDULE
gate: banking77
guardrails: default
access: open
"""


class Run:
    """What Prefect says of the run: when it was due, and how often it began."""

    def __init__(self) -> None:
        self.due, self.count, self.tags = datetime.now(UTC), 1, ["pipeline:cards"]

    def get_scheduled_start_time(self) -> datetime:
        return self.due

    def get_run_count(self) -> int:
        return self.count

    def get_tags(self) -> list[str]:
        return self.tags


class ServersAskedFor(PartFailed):
    """The retraining begins: the servers are what it asks for first."""


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run whose retraining ends as soon as it asks for the servers."""
    run = Run()

    def ensure(*_: object) -> None:
        raise ServersAskedFor("no servers here")

    monkeypatch.setenv("SLUICE_HOME", str(settings.home.root))
    monkeypatch.setattr(scheduled, "flow_run", run)
    monkeypatch.setattr(scheduled, "get_run_logger", lambda: logging.getLogger("test"))
    monkeypatch.setattr(processes, "ensure", ensure)
    return run


def pipeline_file(folder: Path, schedule: str = "{}", train: str = "train.csv") -> str:
    path = folder / "cards.yaml"
    path.write_text(PIPELINE.replace("TRAIN", str(folder / train)).replace("SCHEDULE", schedule))
    return str(path)


def test_a_missed_run_is_skipped_where_the_pipeline_says_so(run: Run, tmp_path: Path) -> None:
    source = pipeline_file(tmp_path, "{missed: skip, grace_s: 60}")
    run.due = datetime.now(UTC) - timedelta(seconds=600)
    state = scheduled._run(source, {}, "", "UTC")
    assert (state.name, state.is_completed()) == ("Skipped: missed", True)
    assert "schedule.grace_s: 60" in (state.message or "")


@pytest.mark.parametrize(
    ("schedule", "late_s", "count", "slot"),
    [
        ("{missed: skip, grace_s: 900}", 600, 1, ""),
        ("{missed: catch_up}", 86_400, 1, ""),
        ("{}", 86_400, 1, ""),
        ("{missed: skip}", 86_400, 2, ""),
        ("{missed: skip}", 86_400, 1, "2020-01-01T03:00:00+00:00"),
    ],
    ids=["within the grace", "catches up", "catches up by default", "was handed back", "was asked for by a backfill"],
)
def test_every_other_late_run_begins(
    run: Run, tmp_path: Path, schedule: str, late_s: int, count: int, slot: str
) -> None:
    run.due, run.count = datetime.now(UTC) - timedelta(seconds=late_s), count
    with pytest.raises(ServersAskedFor):
        scheduled._run(pipeline_file(tmp_path, schedule), {}, slot, "UTC")


def test_a_slot_without_its_file_ends_the_run_and_names_the_pattern(run: Run, tmp_path: Path) -> None:
    source = pipeline_file(tmp_path, train="{slot:%Y-%m-%d}.csv")
    state = scheduled._run(source, {}, "2026-11-03T03:00:00+01:00", "Europe/Madrid")
    assert state.name == "No new data" and state.is_completed()
    assert f"{tmp_path}/{{slot:%Y-%m-%d}}.csv for 2026-11-03T03:00:00+01:00" in (state.message or "")
    (tmp_path / "2026-11-03.csv").touch()
    with pytest.raises(ServersAskedFor):
        scheduled._run(source, {}, "2026-11-03T03:00:00+01:00", "Europe/Madrid")
    run.due = datetime(2026, 11, 2, 23, 30, tzinfo=UTC)
    with pytest.raises(ServersAskedFor):
        scheduled._run(source, {}, "", "Europe/Madrid")  # in Madrid it is the third already


def test_another_run_of_the_pipeline_is_waited_for(
    run: Run, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = FileLock(settings.home.folder(settings.home.runs) / "cards.lock", thread_local=False)
    lock.acquire()
    begun_s = time.monotonic()
    threading.Timer(1.5, lock.release).start()
    with pytest.raises(ServersAskedFor):
        scheduled._run(pipeline_file(tmp_path), {}, "", "UTC")
    assert time.monotonic() - begun_s > 1.4

    monkeypatch.setattr(scheduled, "_LONGEST_WAIT_S", -1.0)
    with lock, pytest.raises(RunUnderWay, match="another run of 'cards'"):
        scheduled._run(pipeline_file(tmp_path), {}, "", "UTC")
    assert run.count == 1


def test_the_deployments_entrypoint_is_this_flow() -> None:
    module, _, name = ENTRYPOINT.rpartition(".")
    assert module == scheduled.__name__ and getattr(scheduled, name) is scheduled.scheduled_retrain
