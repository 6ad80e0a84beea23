"""An interrupted command: its way on in the user's own words, its exit code, and nothing of it left running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from flows.cli.ending import go_on
from infra.processes import NAMES

# `sluice up` with servers that never answer: as long a command as one likes, with children of its own.
_SLOW_UP = """
import signal, sys
from infra import processes, server_commands

def deaf(settings, name, *, port, engine=""):
    real = server_commands.server_command(settings, name, port=port, engine=engine)
    arguments = (sys.executable, "-c", "import time; time.sleep(600)")
    return server_commands.ServerCommand(name, arguments, real.environment, real.folder, real.url, "/up", "")

processes.server_command = deaf
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # what nohup started ignores it
sys.argv = ["sluice", *sys.argv[1:]]
from flows.cli.main import main
main()
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_a_command_and_what_it_started(tmp_path: Path, number: int, code: int) -> None:
    home = tmp_path / "it's home"
    command = [sys.executable, "-P", "-c", _SLOW_UP, "up", "--engine", "scripted"]
    with subprocess.Popen(
        command, env={**os.environ, "SLUICE_HOME": str(home)}, stderr=subprocess.PIPE, text=True
    ) as up:
        until = time.monotonic() + 60
        while len(list(home.glob("processes/*.json"))) < len(NAMES) and time.monotonic() < until:
            time.sleep(0.05)
        children = psutil.Process(up.pid).children(recursive=True)
        up.send_signal(number)
        _, said = up.communicate(timeout=60)
    assert len(children) >= len(NAMES)
    assert up.returncode == code
    assert said.splitlines()[-1] == (
        "sluice: interrupted; nothing recorded is lost. To go on: sluice up --engine scripted"
    )
    assert "Traceback" not in said
    assert not psutil.wait_procs(children, timeout=5)[1]
    assert not list(home.glob("processes/*.json"))


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (["plan", "a b.yaml", "--set", "description=it's"], """sluice plan 'a b.yaml' --set 'description=it'"'"'s'"""),
        (["retrain", "x", "--set", "training.max_tokens=9"], "sluice retrain x --set training.max_tokens=9"),
        (["audit", "query", "--subject", "ana@example.org"], "sluice audit query --subject VALUE"),
        (["audit", "query", "--subject=ana@example.org"], "sluice audit query --subject=VALUE"),
        (["review", "reject", "x", "--reason", "Ana's rows"], "sluice review reject x --reason VALUE"),
        (["guard", "scan", "slk_abc123"], "sluice guard scan KEY"),
        (["retrain", "x", "--set", "data.api_key=1"], "sluice retrain x --set data.api_key=VALUE"),
        (["keys", "create", "--tenant", "acme"], "sluice keys create --tenant acme"),
    ],
)
def test_the_way_on_is_quoted_and_holds_no_secret(given: list[str], shown: str) -> None:
    assert go_on(given) == shown
