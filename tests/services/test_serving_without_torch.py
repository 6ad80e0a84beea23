"""The serving side needs nothing that a trainer brings: it serves where torch and the rest are not installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from infra.server_state import read_state

pytestmark = pytest.mark.slow


def test_the_gateway_serves_where_no_trainer_is_installed(gateway: Any) -> None:
    state = read_state(gateway.home, "gateway")
    assert state is not None
    worker = psutil.Process(state.pid).children()[0]
    environment = worker.environ()
    assert "torch" in environment["SLUICE_TEST_WITHOUT"] and "mlflow" in environment["SLUICE_TEST_WITHOUT"]
    answer = gateway.client().chat.completions.create(
        model="triage", messages=[{"role": "user", "content": "Hola, soy Lucía Fernández. ¿Dónde está mi pedido?"}]
    )
    assert answer.choices[0].message.content
    maps = Path(f"/proc/{worker.pid}/maps")
    if maps.exists():
        assert "libtorch" not in maps.read_text()


def test_the_blocker_blocks(gateway: Any, tmp_path: Path) -> None:
    """Without this the test above could pass with everything there."""
    environment = {
        "PYTHONPATH": str(Path(__file__).parent / "blocker"),
        "SLUICE_TEST_WITHOUT": "torch",
        "SLUICE_TEST_ATTEMPTS": str(tmp_path / "attempts"),
    }
    ran = subprocess.run([sys.executable, "-c", "import torch"], env=environment, capture_output=True, text=True)
    assert "No module named 'torch'" in ran.stderr and (tmp_path / "attempts").read_text() == "torch\n"
