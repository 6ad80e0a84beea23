"""The loss curve: a line of JSON for each step, beside the adapter while it is checked, then a blob."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import TypeAdapter

from flows.training.step_line import StepLine
from infra.home import write_atomic

_FILE = "steps.json"


def write_curve(folder: Path, curve: Sequence[StepLine]) -> None:
    """Writes the steps for the flow to pick up. Raises StoreError."""
    write_atomic(folder / _FILE, TypeAdapter(tuple[StepLine, ...]).dump_json(tuple(curve)))


def read_curve(folder: Path) -> tuple[StepLine, ...]:
    """Reads what `write_curve` wrote."""
    return TypeAdapter(tuple[StepLine, ...]).validate_json((folder / _FILE).read_bytes())


def curve_bytes(curve: Sequence[StepLine]) -> bytes:
    """The curve as it is kept: JSON lines of step, loss, lr, tokens_per_s."""
    rows = [
        {"step": line.step, "loss": line.loss, "lr": line.learning_rate, "tokens_per_s": round(line.tokens_per_s, 2)}
        for line in curve
    ]
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def mean_last_tenth(curve: Sequence[StepLine]) -> float:
    """The mean loss over the last tenth of the steps, of one step at least."""
    last = curve[-max(1, len(curve) // 10) :]
    return sum(line.loss for line in last) / len(last)
