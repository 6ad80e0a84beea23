"""The housekeeping pass without an MLflow server: notices once, tries bounded, expiries recorded, nobody left out."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from flows import attend as attend_module
from flows.attend import attend
from flows.desk import ReviewDesk
from flows.progress import Silent
from flows.review_notices import Notices
from infra.contracts.base import now
from infra.contracts.lifecycle_events import ReviewNotified
from infra.contracts.model_version import ModelVersion
from infra.ledger.query import AuditFilter
from infra.settings import ReviewSettings

MakeVersion = Callable[..., ModelVersion]
NO_SERVER = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that was just started, and that looks at everything each time."""
    monkeypatch.setattr(attend_module, "_ATTENTION", {})
    monkeypatch.setattr(attend_module, "_LOOK_S", 0.0)


def telling(desk: ReviewDesk, command: str = "", **more: object) -> ReviewDesk:
    review = ReviewSettings.model_validate({"review_notify_command": command, **more})
    return replace(desk, settings=replace(desk.settings, review=review))


def logging_command(folder: Path) -> tuple[str, Path]:
    """A command that keeps each notice as a line."""
    program, lines = folder / "keep.py", folder / "lines"
    program.write_text(f"import sys; open({str(lines)!r}, 'a').write(sys.stdin.read() + '\\n')", encoding="utf-8")
    return f"{sys.executable} -S {program}", lines


def notified(desk: ReviewDesk) -> list[tuple[int, str, str]]:
    found = [entry.event for entry in desk.ledger.query(AuditFilter(kinds=("review.notified",)))]
    return [(one.version, one.channel, one.result) for one in found if isinstance(one, ReviewNotified)]


def restarted() -> None:
    attend_module._ATTENTION.clear()


def test_each_waiting_version_is_told_once_after_restarts_too(
    desk: ReviewDesk, make_version: MakeVersion, tmp_path: Path
) -> None:
    command, lines = logging_command(tmp_path)
    there = telling(desk, command)
    first = make_version(desk, 1)
    for _ in range(3):
        attend(there)
        restarted()
    make_version(desk, 2)
    attend(ReviewDesk.open(there.settings, progress=Silent()))
    told = [json.loads(line) for line in lines.read_text().splitlines()]
    assert [(one["version"], one["show"]) for one in told] == [
        (1, "sluice review show tickets 1"),
        (2, "sluice review show tickets 2"),
    ]
    assert (told[0]["manifest"], told[0]["pipeline"]) == (first.digest, "tickets")
    assert first.prompt.system not in lines.read_text()
    assert notified(desk) == [(1, "command", "told"), (2, "command", "told")]
    assert desk.ledger.verify().ok


def test_a_version_that_does_not_wait_is_not_told_of(
    desk: ReviewDesk, make_version: MakeVersion, tmp_path: Path
) -> None:
    command, lines = logging_command(tmp_path)
    manifest = make_version(desk, 1)
    desk.releases.put_manifest(manifest.model_copy(update={"version": 2, "created": now() - timedelta(days=31)}))
    from flows.review import add_reviewer, reject

    add_reviewer("ana", desk)
    reject(manifest, "ana", "no", desk)
    attend(telling(desk, command))
    assert not lines.exists() and notified(desk) == []
    (expired,) = desk.ledger.query(AuditFilter(kinds=("review.expired",)))
    assert expired.event.version == 2  # type: ignore[union-attr]


def test_failing_tries_are_bounded_and_each_is_one_sentence(
    desk: ReviewDesk, make_version: MakeVersion, caplog: pytest.LogCaptureFixture
) -> None:
    make_version(desk, 1)
    there = telling(desk, "false")
    now_s = 0.0
    notices = Notices(clock=lambda: now_s)
    with caplog.at_level(logging.WARNING, "sluice.attend"):
        for _ in range(200):
            notices.tell("tickets", there)
            now_s += 100
    sentences = [record.getMessage() for record in caplog.records]
    assert len(sentences) == 5 and sentences[-1].endswith("status 1 (try 5 of 5)")
    assert notified(desk) == [(1, "command", "given_up")]
    Notices().tell("tickets", telling(desk, "true"))
    assert len(notified(desk)) == 1, "a restart does not begin again"


def test_a_try_that_works_later_is_the_last(desk: ReviewDesk, make_version: MakeVersion) -> None:
    make_version(desk, 1)
    now_s = 0.0
    notices = Notices(clock=lambda: now_s)
    notices.tell("tickets", telling(desk, "false"))
    notices.tell("tickets", telling(desk, "true"))
    assert notified(desk) == [], "not before its time"
    now_s = 31.0
    notices.tell("tickets", telling(desk, "true"))
    assert notified(desk) == [(1, "command", "told")]


def test_each_channel_has_its_own_tries(
    desk: ReviewDesk, make_version: MakeVersion, caplog: pytest.LogCaptureFixture
) -> None:
    make_version(desk, 1)
    with caplog.at_level(logging.WARNING, "sluice.attend"):
        for _ in range(2):
            attend(telling(desk, "true", review_notify_webhook=f"{NO_SERVER}/token"))
    assert notified(desk) == [(1, "command", "told")]
    (sentence,) = [record.getMessage() for record in caplog.records if "webhook" in record.getMessage()]
    assert sentence.endswith("127.0.0.1: the review webhook does not answer (ConnectError) (try 1 of 5)")


def test_a_dead_mlflow_is_logged_once_and_keeps_nothing_else_waiting(
    desk: ReviewDesk, make_version: MakeVersion, caplog: pytest.LogCaptureFixture
) -> None:
    make_version(desk, 1)
    there = replace(telling(desk, "true"), mlflow_url=NO_SERVER)
    with caplog.at_level(logging.WARNING, "sluice.attend"):
        for _ in range(4):
            attend(there)
    assert [record.getMessage() for record in caplog.records] == [
        "MLflow does not answer: requests by alias wait until it does"
    ]
    assert notified(desk) == [(1, "command", "told")]


def test_one_pipelines_failure_keeps_no_other_from_being_attended(
    desk: ReviewDesk, make_version: MakeVersion, caplog: pytest.LogCaptureFixture
) -> None:
    make_version(desk, 1)
    broken = desk.settings.home.releases / "a-broken-one"
    (broken / "manifests" / "not-a-digest.json").parent.mkdir(parents=True)
    (broken / "manifests" / "not-a-digest.json").write_text("{}")
    with caplog.at_level(logging.WARNING, "sluice.attend"):
        for _ in range(3):
            attend(telling(desk, "true"))
    assert notified(desk) == [(1, "command", "told")]
    mine = [record.getMessage() for record in caplog.records if "a-broken-one" in record.getMessage()]
    assert len(mine) == 1, "once, not at each pass"


def test_a_pass_in_which_nothing_changed_reads_no_records(
    desk: ReviewDesk, make_version: MakeVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attend_module, "_LOOK_S", 600.0)
    make_version(desk, 1)
    attend(telling(desk, "true"))
    reads: list[str] = []
    whole = type(desk.releases).manifests

    def counted(self: object, pipeline: str) -> object:
        reads.append(pipeline)
        return whole(self, pipeline)  # type: ignore[arg-type]

    monkeypatch.setattr(type(desk.releases), "manifests", counted)
    attend(telling(desk, "true"))
    assert reads == []
    make_version(desk, 2)
    attend(telling(desk, "true"))
    assert reads and [version for version, _, _ in notified(desk)] == [1, 2]


def test_two_processes_do_not_attend_at_once(desk: ReviewDesk, make_version: MakeVersion, tmp_path: Path) -> None:
    from filelock import FileLock

    make_version(desk, 1)
    with FileLock(desk.settings.home.releases / ".attend.lock"):
        attend(telling(desk, "true"))
    assert notified(desk) == []
    attend(telling(desk, "true"))
    assert notified(desk) == [(1, "command", "told")]
