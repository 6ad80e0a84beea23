"""The whole chain with the real model, a few steps long: done once, and again only from where something changed."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flows.lifecycle import Lifecycle
from flows.pipeline import read_pipeline
from flows.progress import Silent
from flows.retraining import retrain_pipeline
from flows.stages import Fresh
from infra.base_model import BaseModel
from infra.contracts.gate import GateVerdict
from infra.home import Home
from infra.ledger.log import Ledger
from infra.processes import ensure, stop
from infra.settings import read_settings
from infra.stores.registry import Registry

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PIPELINE = """
name: cards
description: Two intents.
data: {kind: files, train: TRAIN, test: TEST, language: en, expectations: EXPECT}
prompt: {system: Name the intent., answer_format: text, max_new_tokens: 6}
training: {max_tokens: 400, batch_rows: 8, precision: fp32}
evaluation: {max_items: 0, bootstrap: 100}
gate: GATE
guardrails: default
access: open
"""
GATE = """
name: lenient
minimum_items: 1
outcomes: {error_at_most: 1, truncated_at_most: 1}
thresholds: [{metric: exact_match, at_least: 0}]
"""
SUITE = "name: loose\nmostly: 0.9\nrows:\n  - {id: text-not-blank, column: text, expect: matches, pattern: '\\S'}\n"
STAGES = ["dataset", "finetune", "evaluate", "gate", "register"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, base_model: BaseModel) -> Iterator[Home]:
    """A home with the base model and with servers that stay up."""
    home = Home.open(tmp_path_factory.mktemp("lifecycle"))
    (home.folder(home.models) / base_model.name).symlink_to(base_model.folder)
    ensure(read_settings({"SLUICE_HOME": str(home.root)}), ("prefect", "mlflow"))
    yield home
    stop(home)


@pytest.fixture
def retrain(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Lifecycle]:
    """Runs the pipeline whose files lie in `tmp_path`, as they are now."""
    monkeypatch.setenv("SLUICE_HOME", str(home.root))
    (tmp_path / "gate.yaml").write_text(GATE)
    (tmp_path / "suite.yaml").write_text(SUITE)
    text = PIPELINE.replace("EXPECT", str(tmp_path / "suite.yaml"))
    for name in ("TRAIN", "TEST"):
        text = text.replace(name, str(tmp_path / f"{name.lower()}.csv"))
    (tmp_path / "cards.yaml").write_text(text.replace("GATE", str(tmp_path / "gate.yaml")))

    def run(fresh: Fresh | None = None) -> Lifecycle:
        spec = read_pipeline(str(tmp_path / "cards.yaml"))
        return retrain_pipeline(spec, progress=Silent(), approve_as="me", fresh=fresh or Fresh())

    return run


def write_rows(path: Path, rows: list[tuple[str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("text", "answer"))
        writer.writerows(rows)


def made_up(count: int, start: int) -> list[tuple[str, str]]:
    things = ("card", "transfer", "top up", "exchange rate", "passcode", "refund", "cash withdrawal", "direct debit")
    return [
        (f"{'where is' if n % 2 else 'please cancel'} my {things[n % 8]} of day {start + n} at branch {n * n}", intent)
        for n in range(count)
        for intent in (("find" if n % 2 else "cancel"),)
    ]


def ran(done: Lifecycle) -> list[str]:
    return [stage.name for stage in done.stages if stage.origin == "ran"]


def test_a_stage_is_repeated_only_when_what_it_depends_on_changed(
    retrain: Callable[..., Lifecycle], home: Home, tmp_path: Path
) -> None:
    train, test = made_up(40, 100), made_up(6, 500)
    write_rows(tmp_path / "train.csv", train)
    write_rows(tmp_path / "test.csv", test)
    first = retrain()
    assert first.decision.verdict is GateVerdict.GO and ran(first) == STAGES
    assert first.release is not None and first.release.sequence == 1

    second = retrain()
    assert ran(second) == [] and second.nothing_new
    assert second.version == first.version and second.release == first.release

    write_rows(tmp_path / "test.csv", [("where is the money that I sent on day 900", "find"), *test[1:]])
    third = retrain()
    assert ran(third) == ["dataset", "evaluate", "gate", "register"], "no training row changed"
    assert third.adapter.files == first.adapter.files and third.report.scores("champion") is not None

    (tmp_path / "gate.yaml").write_text(GATE.replace("minimum_items: 1", "minimum_items: 1000"))
    fourth = retrain()
    assert ran(fourth) == ["gate", "log refused"] and fourth.decision.verdict is GateVerdict.NO_GO
    assert ran(retrain()) == []
    (tmp_path / "gate.yaml").write_text(GATE)

    forced = retrain(Fresh.of(no_cache=False, since="evaluate"))
    assert ran(forced) == ["evaluate", "gate", "register"]
    assert Registry.open(ensure(read_settings(), ("mlflow",))[0].url).aliases("cards")["champion"] == 3
    assert Ledger.open(home).verify().ok
