"""Faults of the machine around the commands: ports, settings, packages, memory, servers: one sentence and its cure."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from flows.cli import checkup_machine, main, servers
from infra.base_model import SMOLLM2, BaseFile, BaseManifest
from infra.digest import sha256
from infra.errors import MissingPart, PartFailed
from infra.faults import named_fault
from infra.home import Home, write_atomic
from infra.stores.mlflow_server import MlflowServer

BLOCKER = Path(__file__).parents[2] / "services" / "blocker"


def findings(told) -> dict[str, dict[str, object]]:
    return {one["what"]: one for one in json.loads(told.out)["findings"]}


@pytest.mark.parametrize("name", ["prefect", "mlflow", "gateway"])
def test_a_port_in_use_is_told_before_anything_stays_started(tell, home: Home, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = {f"SLUICE_{name.upper()}_PORT": taken.getsockname()[1]}
        found = findings(tell("doctor", "--json", SLUICE_HOME=home.root, **port))
        assert found[f"port of {name}"]["level"] == "FAIL"
        if name == "prefect":  # the first of the three: nothing has to be started to meet it
            told = tell("up")
            assert told.code == 3 and "the port is taken" in told.err and "SLUICE_PREFECT_PORT=0" in told.err
            assert not list(home.processes.glob("*.json"))


def test_an_unknown_setting_is_told_with_the_one_that_was_meant(tell, home: Home) -> None:
    told = tell("status", SLUICE_HOME=home.root, SLUICE_MLFLOW_PROT="5000", SLUICE_GATEWAY_PORT="many")
    assert told.code == 2 and "did you mean SLUICE_MLFLOW_PORT?" in told.err and "SLUICE_GATEWAY_PORT" in told.err
    assert "line 0" not in told.err


def test_a_missing_package_is_told_with_its_install_command(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"text": "hello"}\n')
    environment = {
        **os.environ,
        "PYTHONPATH": str(BLOCKER),
        "SLUICE_HOME": str(tmp_path / "home"),
        "SLUICE_TEST_WITHOUT": "re2,spacy",
        "SLUICE_TEST_ATTEMPTS": str(tmp_path / "attempts"),
    }
    sluice = Path(sys.executable).parent / "sluice"
    ran = subprocess.run(
        [sluice, "guard", "scan", tmp_path / "rows.jsonl"], env=environment, capture_output=True, text=True
    )
    assert ran.returncode == 3 and "pip install 'sluicegate[serve]'" in ran.stderr and "Traceback" not in ran.stderr


def test_a_package_of_another_version_is_told(tell, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    real = checkup_machine.version
    monkeypatch.setattr(checkup_machine, "version", lambda name: "0.170.0" if name == "fastapi" else real(name))
    told = tell("doctor", SLUICE_HOME=home.root)
    assert (
        told.code == 1 and "FAIL versions: not the known good ones: fastapi 0.170.0 (wanted <0.160,>=0.150)" in told.out
    )
    fault = named_fault(ImportError("cannot import name 'x' from 'fastapi'", name="fastapi"))
    assert isinstance(fault, MissingPart) and "in a version that does not fit" in fault.what


def test_a_model_file_that_is_gone_or_changed_is_told(tell, home: Home) -> None:
    folder = home.folder(home.models / SMOLLM2)
    (folder / "model.safetensors").write_bytes(b"weights")
    file = BaseFile(name="model.safetensors", digest=sha256(b"weights"), size_bytes=7)
    write_atomic(folder / "manifest.json", BaseManifest(name=SMOLLM2, source="made", files=(file,)).to_json())
    assert findings(tell("doctor", "--json", SLUICE_HOME=home.root))["base model"]["level"] == "ok"
    (folder / "model.safetensors").write_bytes(b"weighty")
    changed = tell("doctor")
    assert (
        changed.code == 1 and "not the one that the manifest names" in changed.out and f"delete {folder}" in changed.out
    )
    (folder / "model.safetensors").unlink()
    assert "missing or cut short" in tell("doctor").out


def test_used_up_memory_is_told(tell, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("infra.processes.status", exhausted)
    told = tell("status", SLUICE_HOME=home.root)
    assert told.code == 3 and "the machine's memory is used up" in told.err


def test_a_fault_that_nobody_foresaw_is_told_without_its_text(
    tell, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def surprised(*_: object, **__: object) -> None:
        raise KeyError("ana@example.org")

    monkeypatch.setattr("infra.processes.status", surprised)
    told = tell("status", SLUICE_HOME=home.root)
    assert told.code == 3 and "unexpected KeyError" in told.err and "ana@example.org" not in told.err


def test_a_server_that_is_gone_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(httpx.ConnectError) as caught:
        httpx.get(f"http://127.0.0.1:{port}/api/health", trust_env=False)
    fault = named_fault(caught.value)
    assert isinstance(fault, PartFailed) and "stopped answering" in fault.what and "same command again" in fault.cure
    with pytest.raises(PartFailed, match="MLflow does not answer"):
        MlflowServer.open(f"http://127.0.0.1:{port}")


def test_an_address_that_others_reach_is_a_hint_and_no_failure(tell, home: Home) -> None:
    found = findings(tell("doctor", "--json", SLUICE_HOME=home.root, SLUICE_HOST="0.0.0.0"))
    assert (
        found["address"]["level"] == "hint" and found["address"]["ok"] and "infra/README.md" in found["address"]["cure"]
    )


def test_every_command_of_the_servers_says_what_comes_next(tell, home: Home) -> None:
    assert servers and main
    for command in (["status"], ["doctor"], ["down"], ["logs"], ["config"], ["plan", "support-triage"]):
        told = tell(*command, SLUICE_HOME=home.root)
        assert told.err.strip().splitlines()[-1].startswith("next: sluice "), command
