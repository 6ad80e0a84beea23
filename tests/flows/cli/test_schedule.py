"""`sluice schedule` and `sluice backfill`: what is refused before any server is asked, and which words are commands."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from flows.cli import schedule
from flows.cli.schedule import _as_yaml, _plan
from infra.errors import BadInput, PartFailed, SluiceError
from infra.home import Home

PIPELINE = """
name: cards
description: Two intents.
data: {kind: files, train: TRAIN, language: en, expectations: banking77}
prompt: {system: Name the intent., answer_format: text, max_new_tokens: 6}
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


@pytest.fixture
def app(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    """The commands in an empty home, in a folder with a pipeline of relative paths."""
    monkeypatch.setenv("SLUICE_HOME", str(home.root))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.csv").write_text("text,answer\nhello,yes\n")
    (tmp_path / "gate.yaml").write_text(GATE)
    (tmp_path / "cards.yaml").write_text(PIPELINE.replace("TRAIN", "train.csv").replace("GATE", "gate.yaml"))
    made = typer.Typer()
    made.add_typer(schedule.app, name="schedule")
    made.command("backfill")(schedule.backfill)
    return made


def failure(app: typer.Typer, *arguments: str) -> SluiceError:
    done: Result = CliRunner().invoke(app, list(arguments))
    assert isinstance(done.exception, SluiceError), done.output
    return done.exception


def test_a_first_word_that_is_no_command_is_a_pipeline(app: typer.Typer) -> None:
    assert "no cron line" in failure(app, "schedule", "cards.yaml", "--cron", "nonsense").what
    assert "no such pipeline file" in failure(app, "schedule", "no-such", "--cron", "0 3 * * *").what
    assert "not up" in failure(app, "schedule", "list").what


@pytest.mark.parametrize("words", [["list"], ["pause", "cards"], ["resume", "cards"], ["delete", "cards"]])
def test_without_the_servers_each_command_says_which_command_starts_them(app: typer.Typer, words: list[str]) -> None:
    error = failure(app, "schedule", *words)
    assert isinstance(error, PartFailed) and error.cure == "sluice up"


def test_a_schedule_without_the_servers_is_refused_after_everything_else_was_checked(app: typer.Typer) -> None:
    error = failure(app, "schedule", "cards.yaml", "--cron", "0 3 * * *")
    assert "the worker" in error.what and error.cure == "sluice up"


def test_a_pipeline_whose_rules_or_data_are_wrong_is_not_scheduled(app: typer.Typer, tmp_path: Path) -> None:
    (tmp_path / "gate.yaml").write_text("name: lenient\nminimum_itms: 1\n")
    assert "minimum_itms" in str(failure(app, "schedule", "cards.yaml", "--cron", "0 3 * * *"))
    (tmp_path / "gate.yaml").write_text(GATE)
    arguments = ("schedule", "cards.yaml", "--cron", "0 3 * * *", "--set")
    assert "no-such.csv" in str(failure(app, *arguments, "data.train=no-such.csv"))
    assert "is no date" in str(failure(app, *arguments, "data.train=x-{slot:day}.csv"))


def test_paths_become_absolute_since_the_worker_sits_elsewhere(app: typer.Typer, tmp_path: Path) -> None:
    plan = _plan("cards.yaml", ["training.epochs=1", "data.train=days/{slot:%Y-%m-%d}.csv"])
    assert (plan.name, plan.source) == ("cards", str(tmp_path / "cards.yaml"))
    assert plan.settings == {
        "training.epochs": "1",
        "data.train": str(tmp_path / "days" / "{slot:%Y-%m-%d}.csv"),
        "gate": str(tmp_path / "gate.yaml"),
    }
    shipped = _plan("support-triage", None)
    assert (shipped.source, shipped.settings) == ("support-triage", {})


@pytest.mark.parametrize("path", ["/a/b.csv", "/a b/c.csv", "/a: b.csv", "/a #b.csv", "/ñ/'q'.csv"])
def test_a_path_survives_the_yaml_of_set(path: str) -> None:
    import yaml

    assert yaml.safe_load(_as_yaml(path)) == path


def test_a_backfill_needs_days_and_a_clock(app: typer.Typer) -> None:
    days = ("--from", "2026-11-01", "--to", "2026-11-02")
    assert isinstance(failure(app, "backfill", "cards.yaml", "--from", "yesterday", "--to", "2026-11-02"), BadInput)
    assert "not up" in failure(app, "backfill", "cards.yaml", *days).what
    assert "no cron line" in failure(app, "backfill", "cards.yaml", *days, "--cron", "* *").what
