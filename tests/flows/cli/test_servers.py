"""The commands for servers and keys: stable JSON, one sentence for each failure, and nothing started for a mistake."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from flows.cli import keys, servers
from infra.contracts.record_events import KeyChanged
from infra.errors import BadInput, Refused, SluiceError
from infra.home import Home
from infra.ledger.log import Ledger
from infra.ledger.query import AuditFilter
from infra.server_state import ServerState, write_state
from infra.stores.callers import Callers
from infra.tail import last_lines


@pytest.fixture
def app(home: Home, monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    monkeypatch.setenv("SLUICE_HOME", str(home.root))
    made = typer.Typer()
    for command in (servers.up, servers.down, servers.status, servers.logs, servers.doctor):
        made.command(command.__name__)(command)
    made.add_typer(keys.app, name="keys")
    return made


def run(app: typer.Typer, *arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def failure(result: Result) -> SluiceError:
    assert isinstance(result.exception, SluiceError)
    return result.exception


def dead(home: Home) -> None:
    """Leaves the state of a server that is not there any more."""
    log = str(home.folder(home.logs) / "mlflow.log")
    url = "http://127.0.0.1:1"
    write_state(
        home, ServerState(name="mlflow", url=url, pid=2**22 - 7, started=1.0, health_path="/", log=log, log_offset=0)
    )


def test_a_key_is_shown_once_works_and_is_recorded(app: typer.Typer, home: Home) -> None:
    made = json.loads(run(app, "keys", "create", "--tenant", "acme", "--json").stdout)
    assert set(made) == {"key", "id"} and made["key"].startswith("slk_")
    assert Callers(home).find(made["key"]).tenant == "acme"  # type: ignore[union-attr]
    plain = run(app, "keys", "create", "--tenant", "other")
    assert plain.stdout.strip().startswith("slk_") and "cannot be shown again" in plain.stderr
    listed = json.loads(run(app, "keys", "list", "--json").stdout)["keys"]
    assert [row["tenant"] for row in listed] == ["acme", "other"] and made["key"] not in json.dumps(listed)
    assert run(app, "keys", "revoke", made["id"]).exit_code == 0 == run(app, "keys", "revoke", made["id"]).exit_code
    assert Callers(home).find(made["key"]) is None
    assert json.loads(run(app, "keys", "list", "--json").stdout)["keys"][0]["revoked"]
    events = [entry.event for entry in Ledger.open(home).query(AuditFilter())]
    changes = [(event.action, event.owner) for event in events if isinstance(event, KeyChanged)]
    assert changes == [("created", "acme"), ("created", "other"), ("revoked", "acme")]


def test_mistakes_end_in_one_sentence(app: typer.Typer, home: Home) -> None:
    assert isinstance(failure(run(app, "keys", "create", "--tenant", "no such!")), BadInput)
    assert isinstance(failure(run(app, "keys", "revoke", "key-0")), BadInput)
    assert "openvino, upstream, scripted" in str(failure(run(app, "up", "--engine", "vllm")))
    assert "prefect, mlflow, gateway" in str(failure(run(app, "logs", "redis")))
    assert not list(home.processes.glob("*.json")), "nothing was started"


def test_scripted_is_refused_in_a_home_with_a_release(app: typer.Typer, home: Home) -> None:
    (home.releases / "triage" / "manifests").mkdir(parents=True)
    (home.releases / "triage" / "releases").mkdir()
    (home.releases / "triage" / "releases" / "00000001.json").write_text("{}")
    assert isinstance(failure(run(app, "up", "--engine", "scripted")), Refused)
    assert not list(home.processes.glob("*.json")), "nothing was started"


def test_status_has_a_stable_shape_and_says_that_a_server_died(app: typer.Typer, home: Home) -> None:
    assert json.loads(run(app, "status", "--json").stdout) == {"services": []}
    dead(home)
    (service,) = json.loads(run(app, "status", "--json").stdout)["services"]
    assert set(service) == {"name", "url", "pid", "ready", "note", "log"}
    assert service["name"] == "mlflow" and service["ready"] is False and "died" in service["note"]
    assert "died" in run(app, "status").stdout
    down = run(app, "down")
    assert down.exit_code == 0 and "nothing was running" in down.stderr
    assert json.loads(run(app, "status", "--json").stdout) == {"services": []}


def test_doctor_finds_what_is_wrong(app: typer.Typer, home: Home) -> None:
    well = run(app, "doctor", "--json")
    assert well.exit_code == 0 and all(finding["ok"] for finding in json.loads(well.stdout)["findings"])
    dead(home)
    (home.folder(home.keys) / "open.key").write_text("x")
    (home.keys / "open.key").chmod(0o644)
    ill = run(app, "doctor")
    assert ill.exit_code == 1 and "open.key" in ill.stdout and "sluice logs mlflow" in ill.stdout


def test_logs_prints_the_last_lines(app: typer.Typer, home: Home, tmp_path: Path) -> None:
    (home.folder(home.logs) / "mlflow.log").write_text("".join(f"line {number}\n" for number in range(100)))
    shown = run(app, "logs", "mlflow", "--lines", "2")
    assert shown.stdout.splitlines() == ["line 98", "line 99"]
    assert run(app, "logs").exit_code == 0
    long = tmp_path / "long.log"
    long.write_bytes(b"\xff" + b"x" * 200_000 + b"\nlast\n")
    assert last_lines(long, 1) == ["last"] and len(last_lines(long, 9)) == 2


@pytest.mark.parametrize("command", [["status", "--json"], ["keys", "list", "--json"]])
def test_the_commands_work_where_the_caller_has_packages_of_the_same_names(tmp_path: Path, command: list[str]) -> None:
    for name in ("flows", "services", "policies", "infra"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('shadowed')")
    environment: dict[str, Any] = {**os.environ, "SLUICE_HOME": str(tmp_path / "home")}
    sluice = Path(sys.executable).parent / "sluice"
    ran = subprocess.run([sluice, *command], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) in ({"services": []}, {"keys": []})
