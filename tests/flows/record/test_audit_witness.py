"""`sluice audit witness`: hands over, prints what is held, and ends with 1 when the witness refuses the log."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from flows.cli.audit_witness import witness
from infra.contracts.base import now
from infra.contracts.ids import new_id
from infra.contracts.record_events import ServiceChanged
from infra.errors import BadInput, StoreError
from infra.home import Home
from infra.ledger.log import Ledger
from infra.ledger.verify import open_checkpoint
from infra.ledger.witnessed_log import Forked

app = typer.Typer()
app.command()(witness)


def append(home: Home, count: int) -> Ledger:
    ledger = Ledger.open(home)
    for _ in range(count):
        ledger.append(
            ServiceChanged(event_id=new_id("service"), at=now(), pipeline="", service="gateway", action="started")
        )
    return ledger


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


@pytest.fixture
def elsewhere(tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setenv("SLUICE_HOME", str(home.root))
    monkeypatch.setenv("SLUICE_WITNESS", str(tmp_path / "elsewhere"))
    return tmp_path / "elsewhere"


def test_it_prints_what_the_witness_holds(home: Home, elsewhere: Path) -> None:
    ledger = append(home, 3)
    said = run()
    assert said.exit_code == 0 and f"holds the 3 entries of {ledger.origin}:" in said.stdout
    assert "next: sluice audit verify --witness" in said.stderr
    value: dict[str, Any] = json.loads(run("--json").stdout)
    assert set(value) == {"schema", "origin", "witness", "handed_over", "size", "root", "note"}
    assert (value["schema"], value["handed_over"], value["size"]) == ("sluice/audit-witness/1", False, 3)
    assert value["witness"] == str(elsewhere) and value["root"] == ledger.verify().root
    assert open_checkpoint(value["note"], ledger.keys).size == 3 and value["note"] in said.stdout
    assert ", as before:" in run().stdout


def test_nothing_recorded_is_nothing_held(home: Home, elsewhere: Path) -> None:
    assert "nothing was recorded yet" in run().stdout
    assert json.loads(run("--json").stdout)["root"] is None


def test_a_log_that_was_cut_back_ends_the_command_with_one_sentence(
    home: Home, elsewhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(home, 2)
    shutil.copytree(home.root, tmp_path / "older")
    append(home, 2)
    run()
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path / "older"))
    with pytest.raises(Forked) as caught:
        run()
    assert caught.value.exit_code == 1 and "keep this home as it is for evidence" in caught.value.cure


def test_without_a_witness_or_a_place_the_cure_is_told(
    home: Home, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(home, 1)
    elsewhere.rmdir()
    with pytest.raises(StoreError, match="is not there") as away:
        run()
    assert away.value.exit_code == 3
    monkeypatch.delenv("SLUICE_WITNESS")
    with pytest.raises(BadInput, match="no witness is set") as unset:
        run()
    assert unset.value.exit_code == 2 and "s3://bucket/prefix" in unset.value.cure
