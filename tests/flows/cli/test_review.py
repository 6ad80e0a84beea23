"""`sluice review`, `reviewer` and `release` as people and scripts use them: stdout, and what is then in force."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from flows.cli.release import app as release_app
from flows.cli.review import review_app, reviewer_app
from flows.desk import ReviewDesk
from flows.progress import Silent
from flows.register import PassingDecision, register
from flows.steps.papers import Papers
from flows.workshop import Workshop
from infra.contracts.model_version import ModelVersion
from infra.errors import BadInput, Refused
from infra.home import Home
from infra.processes import address
from infra.settings import Settings
from infra.stores.registry import Registry


@dataclass(frozen=True)
class Commands:
    """The command line in one home."""

    def run(self, app: typer.Typer, *arguments: str) -> Result:
        return CliRunner().invoke(app, arguments)

    def json(self, app: typer.Typer, *arguments: str) -> Any:
        """What --json prints; nothing else may stand on stdout."""
        done = self.run(app, *arguments, "--json")
        assert done.exit_code == 0, done.exception
        return json.loads(done.stdout)


@pytest.fixture
def commands(home: Home, monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.setenv("SLUICE_HOME", str(home.root))
    return Commands()


def test_a_reviewer_is_added_once_with_a_private_key_of_mode_0600(commands: Commands) -> None:
    added = commands.json(reviewer_app, "add", "ana")
    assert commands.json(reviewer_app, "add", "ana") == added
    assert commands.json(reviewer_app, "list") == [{"name": "ana", "key_id": added["key_id"]}]
    private = Path(added["private_file"])
    assert private.stat().st_mode & 0o777 == 0o600
    assert private.read_text(encoding="ascii").strip() not in commands.run(reviewer_app, "add", "ana").output


def test_with_nothing_registered_the_commands_say_so(commands: Commands) -> None:
    assert commands.json(review_app, "list") == []
    assert commands.json(release_app, "history", "tickets") == []
    assert "Nothing waits" in commands.run(review_app, "list").stdout
    assert isinstance(commands.run(release_app, "rollback", "tickets").exception, BadInput)
    assert isinstance(commands.run(review_app, "show", "tickets").exception, BadInput)


def test_what_waits_is_listed_and_shown_without_any_server(
    commands: Commands, desk: ReviewDesk, make_version: Callable[..., ModelVersion]
) -> None:
    manifest = make_version(desk, 1)
    (listed,) = commands.json(review_app, "list")
    assert (listed["version"], listed["state"], listed["manifest"]) == (1, "waiting", manifest.digest)
    assert datetime.fromisoformat(listed["expires"]) - manifest.created == timedelta(days=30)
    shown = commands.json(review_app, "show", "tickets")
    assert shown["verdict"] == "GO"
    assert shown["metrics"]["candidate"]["exact_match"]["value"] == 0.9
    assert shown["made_from"]["snapshot"] == manifest.snapshot
    table = commands.run(review_app, "show", "tickets", "1").stdout
    assert "exact_match" in table
    assert f"adapter     {manifest.adapter}" in table
    assert "Sort the ticket." not in table + json.dumps(shown)


def test_an_expired_review_is_listed_as_such_and_cannot_be_approved(
    commands: Commands, desk: ReviewDesk, make_version: Callable[..., ModelVersion], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_version(desk, 1)
    monkeypatch.setenv("SLUICE_REVIEW_EXPIRES_DAYS", "0.00000001")
    (listed,) = commands.json(review_app, "list")
    assert (listed["version"], listed["state"], listed["expires"]) == (1, "expired", None)
    assert "expired" in commands.run(review_app, "list").stdout
    commands.run(reviewer_app, "add", "ana")
    refused = commands.run(review_app, "approve", "tickets", "1", "--by", "ana", "--reason", "late").exception
    assert isinstance(refused, Refused) and "expired" in refused.what
    (row,) = commands.json(release_app, "history", "tickets")
    assert (row["kind"], row["version"], row["actor"], row["in_force"]) == ("refused", 1, "command", False)


def test_a_refused_approval_changes_nothing(
    commands: Commands, desk: ReviewDesk, make_version: Callable[..., ModelVersion]
) -> None:
    manifest = make_version(desk, 1)
    decision = ("tickets", "1", "--by", "ana", "--reason", "good")
    assert isinstance(commands.run(review_app, "approve", *decision).exception, BadInput)
    commands.run(reviewer_app, "add", "ana")
    desk.blobs.path(manifest.adapter).unlink()
    assert isinstance(commands.run(review_app, "approve", *decision).exception, Refused)
    assert commands.json(review_app, "list")[0]["state"] == "waiting"


@pytest.mark.slow
def test_from_review_to_release_and_back_with_mlflow_in_line(
    mlflow_settings: Settings, monkeypatch: pytest.MonkeyPatch, make_papers: Callable[..., Papers]
) -> None:
    monkeypatch.setenv("SLUICE_HOME", str(mlflow_settings.home.root))
    commands = Commands()
    url = address(mlflow_settings.home, "mlflow")
    first, second = (_register(mlflow_settings, url, make_papers, seed) for seed in (11, 12))
    commands.run(reviewer_app, "add", "ana")
    assert [one["version"] for one in commands.json(review_app, "list", "tickets")] == [first, second]

    because = ("--by", "ana", "--reason", "looks right")
    done = commands.json(review_app, "approve", "tickets", str(first), *because)
    assert done["release"]["sequence"] == 1
    assert done["aliases"] == {"candidate": second, "champion": first, "previous": None}
    done = commands.json(review_app, "approve", "tickets", *because)  # the only one left
    assert done["aliases"] == {"candidate": None, "champion": second, "previous": first}

    registry = Registry.open(url)
    assert registry.aliases("tickets") == {"champion": second, "previous": first}
    assert registry.version("tickets", second).tags["sluice.reviewer"] == "ana"
    back = commands.json(release_app, "rollback", "tickets", "--by", "oncall", "--reason", "wrong answers")
    assert (back["kind"], back["version"], back["actor"], back["in_force"]) == ("rollback", first, "oncall", True)
    rejected = commands.json(review_app, "reject", "tickets", str(second), *because)
    assert (rejected["decision"], rejected["release"]) == ("rejected", None)
    assert registry.aliases("tickets") == {"champion": first}
    assert registry.version("tickets", second).tags["sluice.review"] == "rejected"

    # Somebody moves an alias by hand: that asks for a release, is refused, and `sync` puts it right.
    registry.point("tickets", "champion", second)
    assert [one["in_force"] for one in commands.json(release_app, "history", "tickets")] == [False, False, True]
    synced = commands.json(release_app, "sync", "tickets")
    sentence = f"version {second} of tickets is rejected, not approved"
    assert synced["mlflow"] and synced["request"] == {"version": second, "release": None, "refused": sentence}
    assert registry.aliases("tickets") == {"champion": first}
    assert commands.json(release_app, "sync", "tickets")["request"] is None
    *done, refused = commands.json(release_app, "history", "tickets")
    assert [one["kind"] for one in done] == ["release", "release", "rollback"]
    assert [one["actor"] for one in done] == ["ana", "ana", "oncall"]
    assert (refused["kind"], refused["version"], refused["actor"]) == ("refused", second, "mlflow-alias")
    assert (refused["reason"], set(refused) - set(done[0])) == (sentence, set())
    assert "mlflow-alias" in commands.run(release_app, "history", "tickets").stdout


def _register(settings: Settings, url: str, make_papers: Callable[..., Papers], seed: int) -> int:
    shop = Workshop.open(settings, run_id=f"run-cli-{seed}", progress=Silent(), mlflow_url=url)
    papers = make_papers(shop.blobs, seed)
    passing = PassingDecision.of(papers.decision)
    return register(papers.pipeline, papers.snapshot, papers.adapter, papers.report, passing, shop).version
