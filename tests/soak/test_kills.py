"""The soak in small: training and flow killed once at a random moment; what goes on ends as an unbroken run does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(900)]


def test_training_and_flow_are_killed_once_and_what_goes_on_ends_well() -> None:
    """`make soak` kills the servers too, ten times each. The seed is fixed, so that one run is like the next."""
    # Its files find each other in their own folder.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    only = ["--only", "training", "--only", "flow"]
    command = [sys.executable, str(Path(__file__).with_name("kills.py")), "--times", "1", "--seed", "7", *only]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4_000:] + done.stderr[-2_000:]
    assert "goes on after step " in done.stdout
