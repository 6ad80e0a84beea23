"""Stages on a real Prefect server: done once for the same inputs, again where one changed, was forced or is gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from flows.progress import Silent
from flows.stage_code import stage_code
from flows.stage_inputs import StageInputs
from flows.stages import Fresh, Stages
from flows.workshop import Workshop
from infra.contracts.gate import GateDecision, GateVerdict
from infra.contracts.lifecycle_events import StageReused
from infra.digest import sha256
from infra.errors import BadInput, CheckFailed
from infra.home import Home
from infra.processes import ensure, stop
from infra.settings import Settings, read_settings


@pytest.fixture(scope="module")
def prefect_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    settings = read_settings({"SLUICE_HOME": str(tmp_path_factory.mktemp("prefect-home"))})
    yield ensure(settings, ("prefect",))[0].url
    stop(settings.home)


@pytest.fixture
def run(settings: Settings, prefect_url: str) -> Iterator[Callable[..., Stages]]:
    """Opens the stages of a further run of the same home."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    count = 0

    def begin(fresh: Fresh | None = None) -> Stages:
        nonlocal count
        count += 1
        shop = Workshop.open(settings, run_id=f"run-{count}", progress=Silent(), mlflow_url="")
        return Stages("tickets", shop, fresh or Fresh())

    with temporary_settings({PREFECT_API_URL: f"{prefect_url}/api"}):
        yield begin


def decide(stages: Stages, done: list[str], **values: Any) -> GateDecision:
    """A made-up gate stage."""

    def work() -> GateDecision:
        done.append(stages.shop.run_id)
        decision = GateDecision(
            pipeline="tickets",
            report=sha256(str(values).encode()),
            gate=sha256(b"gate"),
            verdict=GateVerdict.GO,
            reasons=(),
        )
        stages.shop.blobs.put(decision.to_json())
        return decision

    return stages.run(StageInputs("gate", values), GateDecision, work, lambda found: found)


def test_the_same_inputs_are_worked_on_once_and_others_again(run: Callable[..., Stages]) -> None:
    done: list[str] = []
    first, second, third = run(), run(), run()
    made = decide(first, done, report="a")
    assert decide(second, done, report="a") == made and done == ["run-1"]
    assert decide(third, done, report="b") != made and done == ["run-1", "run-3"]
    assert [stage.origin for stages in (first, second, third) for stage in stages.runs] == ["ran", "reused", "ran"]
    assert second.runs[0].made_by == "run-1"
    entry = second.shop.ledger.get("run-2/gate/reused")
    assert entry is not None and isinstance(entry.event, StageReused)
    assert (entry.event.produced, entry.event.made_by) == (made.digest, "run-1")
    assert first.shop.ledger.get("run-1/gate/reused") is None


def test_a_result_that_is_gone_is_made_anew(run: Callable[..., Stages]) -> None:
    done: list[str] = []
    first, second = run(), run()
    made = decide(first, done, report="a")
    first.shop.blobs.path(made.digest).unlink()
    assert decide(second, done, report="a") == made and done == ["run-1", "run-2"]
    assert second.runs[0].origin == "ran"


def test_a_stage_can_be_forced_and_so_can_all_from_one_on(run: Callable[..., Stages]) -> None:
    done: list[str] = []
    decide(run(), done, report="a")
    decide(run(Fresh.of(no_cache=False, since="register")), done, report="a")
    assert done == ["run-1"]
    decide(run(Fresh.of(no_cache=False, since="evaluate")), done, report="a")
    decide(run(Fresh.of(no_cache=True, since="")), done, report="a")
    assert done == ["run-1", "run-3", "run-4"]
    with pytest.raises(BadInput, match="no stage 'training'"):
        Fresh.of(no_cache=False, since="training")


def test_a_stage_that_failed_is_tried_again(run: Callable[..., Stages]) -> None:
    done: list[str] = []
    stages = run()

    def fails() -> GateDecision:
        raise CheckFailed("not fit", cure="mend it")

    with pytest.raises(CheckFailed, match="not fit"):
        stages.run(StageInputs("gate", {"report": "a"}), GateDecision, fails, lambda found: found)
    decide(run(), done, report="a")
    assert done == ["run-2"]


def test_what_prefect_keeps_is_json_and_names_only_digests(run: Callable[..., Stages], home: Home) -> None:
    stages = run()
    decide(stages, [], report="a")
    files = [path for path in home.stages.rglob("*") if path.is_file()]
    assert files and all(path.read_bytes().startswith(b"{") for path in files)


def test_code_has_one_digest_until_a_module_changes() -> None:
    assert stage_code("flows.gate") == stage_code("flows.gate")
    assert stage_code("flows.gate") != stage_code("flows.evaluate")
