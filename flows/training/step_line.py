"""StepLine: what one training step tells the terminal, Prefect and MLflow."""

from __future__ import annotations

from infra.contracts.base import Frozen


class StepLine(Frozen):
    """One optimiser step, as it was measured."""

    step: int
    """1, 2, 3 ... `of`."""
    of: int
    loss: float
    """Mean over the step's answer tokens, in nats."""
    learning_rate: float
    tokens: int
    """Computed from the first step up to here: no padding, a shared prefix once a step and rank."""
    tokens_per_s: float
    """Over the last steps."""
    eta_s: float
    """Seconds left at this speed."""
    epoch: float
    """How often each row was seen, on the mean."""
