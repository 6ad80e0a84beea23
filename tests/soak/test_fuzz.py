"""The fuzz in small: some thousand texts through the pattern checks, and the planted ones are found where they are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.timeout(240)
def test_fuzzed_texts_do_no_harm(tmp_path: Path, shared_data: Path) -> None:
    """`make soak` tries a million. The seed is fixed, so that one run is like the next."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    command = [
        sys.executable,
        str(Path(__file__).with_name("fuzz_guards.py")),
        "--inputs",
        "3000",
        "--through-models",
        "0",
    ]
    command += ["--processes", "1", "--out", str(tmp_path), "--data", str(shared_data)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    failed = "\n".join(path.read_text()[:2_000] for path in sorted(tmp_path.glob("*.txt"))[:3])
    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-2_000:] + failed
    assert "planted: base64 twice" in done.stdout
