"""The guides are true: every block of the rooms' README files runs, in order, in one empty folder and one home."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.base_model import BaseModel
from infra.home import Home

ROOT = Path(__file__).parent.parent
GUIDES = ("policies", "services", "flows")
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
_FILE = "# file: "


@pytest.fixture
def place(tmp_path: Path, with_base_model: Callable[[Home], BaseModel]) -> Path:
    """A folder with an empty one to work in, and a home that has the base model."""
    with_base_model(Home.open(tmp_path / "home"))
    (tmp_path / "work").mkdir()
    return tmp_path


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("room", GUIDES)
def test_every_block_of_a_guide_runs(room: str, place: Path) -> None:
    environment = {
        **os.environ,
        "SLUICE_HOME": str(place / "home"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    blocks = _BLOCK.findall((ROOT / room / "README.md").read_text(encoding="utf-8"))
    assert len(blocks) >= 3
    try:
        for kind, text in blocks:
            if text.startswith(_FILE):
                name, _, content = text.removeprefix(_FILE).partition("\n")
                (place / "work" / name).write_text(content, encoding="utf-8")
                continue
            command = {"sh": ["bash", "-e", "-c", text], "python": [sys.executable, "-c", text]}[kind]
            done = subprocess.run(command, cwd=place / "work", env=environment, capture_output=True, text=True)
            assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
    finally:
        subprocess.run(["sluice", "down"], env=environment, check=False)
