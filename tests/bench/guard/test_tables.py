"""The benchmarks of the guardrails run: the speed table in small, and the runner over a folder of tables."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent


def test_the_runner_takes_every_file_with_a_table_in_the_known_order(tmp_path: Path) -> None:
    tables = runpy.run_path(str(FOLDER / "all.py"))["tables"]
    for name in ("zeta", "speed", "pii", "peer", "test_x"):
        (tmp_path / f"{name}.py").write_text(
            "x = 1\n" if name == "peer" else "x = 1\ndef main() -> int:\n    return 0\n"
        )
    assert [path.stem for path in tables(tmp_path)] == ["pii", "speed", "zeta"]
    assert "speed" in {path.stem for path in tables()}


def test_messages_have_their_length_and_end_with_a_word(tmp_path: Path) -> None:
    speed = runpy.run_path(str(FOLDER / "speed.py"))
    rows = [{"text": f"row {n} has some words", "split": "dev" if n % 2 else "train", "lang": "en"} for n in range(40)]
    for names in speed["_FILES"].values():
        for name in names:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text("\n".join(json.dumps(row) for row in rows))
    found = speed["messages"](tmp_path, "en", 200, 5)
    assert len(found) == 5 and found == speed["messages"](tmp_path, "en", 200, 5)
    assert all(180 <= len(text) <= 200 and not text.endswith(" ") for text in found)
    assert not any("row 2 " in text for text in found), "training rows are for tuning"


def test_the_slope_tells_linear_from_quadratic() -> None:
    slope = runpy.run_path(str(FOLDER / "speed.py"))["slope"]
    assert slope((1, 10, 100), (2, 20, 200)) == pytest.approx(1) and slope((1, 10, 100), (1, 100, 10_000)) > 1.9


@pytest.mark.slow
def test_the_speed_table_in_small(shared_data: Path) -> None:
    command = [sys.executable, "-P", str(FOLDER / "speed.py"), "--data", str(shared_data), "--quick"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "COLUMNS": "160"})
    assert done.returncode == 0, done.stderr[-2_000:]
    for expected in ("whole", "without models", "Presidio", "4,000", "power of the length", "input", "output"):
        assert expected in done.stdout
