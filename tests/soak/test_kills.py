"""The soak in small: each part killed once at a random moment; what goes on ends as an unbroken run does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_800)]


def test_every_part_is_killed_once_and_what_goes_on_ends_well() -> None:
    """Minutes: each kill is a start of the command anew. The seed is fixed, so that one run is like the next."""
    # Its files find each other in their own folder.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    command = [sys.executable, str(Path(__file__).with_name("kills.py")), "--times", "1", "--seed", "7"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4_000:] + done.stderr[-2_000:]
    assert "goes on after step " in done.stdout
