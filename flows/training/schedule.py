"""Which rows each step sees, how many steps fit the budget, and the learning rate of each. Same recipe, same plan."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from infra.errors import BadInput


@dataclass(frozen=True)
class StepPlan:
    """The whole training: the row numbers of each step, over all ranks."""

    steps: tuple[tuple[int, ...], ...]
    rows: int
    """How many different rows there are."""

    def epoch(self, step: int) -> float:
        """How often each row was seen on the mean when `step` steps are done."""
        return sum(len(rows) for rows in self.steps[:step]) / self.rows

    def share(self, step: int, rank: int, ranks: int) -> tuple[int, ...]:
        """The row numbers of one rank in one step (from 0): every rank gets long and short rows alike."""
        return self.steps[step][rank::ranks]


def plan_steps(
    lengths: Sequence[int],
    *,
    prefix_tokens: int,
    epochs: float,
    batch_rows: int,
    ranks: int,
    max_tokens: int,
    seed: int,
) -> StepPlan:
    """Plans every step.

    Each epoch is a new permutation, drawn from seed and epoch; batches run over the ends of epochs, so that all but the
    last have `batch_rows` rows. `max_tokens` (0: none) counts what is computed: each row once, the prefix once a step
    and rank. Within a step rows stand by length. Raises BadInput when a step has fewer rows than there are ranks.
    """
    if min(batch_rows, len(lengths)) < ranks:
        raise BadInput(
            f"{ranks} ranks need at least {ranks} rows in a step",
            where="training.ranks",
            cure="lower training.ranks or raise training.batch_rows",
        )
    wanted = max(ranks, math.ceil(epochs * len(lengths)))
    stream = [
        row for epoch in range(math.ceil(wanted / len(lengths))) for row in _permutation(len(lengths), seed, epoch)
    ]
    steps: list[tuple[int, ...]] = []
    tokens = 0
    for start in range(0, wanted, batch_rows):
        rows = stream[start : min(start + batch_rows, wanted)]
        tokens += prefix_tokens * ranks + sum(lengths[row] for row in rows)
        if steps and (len(rows) < ranks or 0 < max_tokens < tokens):
            break
        steps.append(tuple(sorted(rows, key=lambda row: (lengths[row], row))))
    return StepPlan(tuple(steps), len(lengths))


def learning_rate(step: int, *, steps: int, peak: float, warmup_steps: int) -> float:
    """The rate of one step (from 0): linear warm-up, at most a tenth of all steps, then a cosine down to a hundredth.

    Loshchilov and Hutter 2017, "SGDR: Stochastic Gradient Descent with Warm Restarts", without the restarts.
    """
    warmup = min(warmup_steps, max(1, steps // 10))
    if step < warmup:
        return peak * (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    return peak * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))


def _permutation(rows: int, seed: int, epoch: int) -> list[int]:
    import numpy as np

    return [int(row) for row in np.random.default_rng((seed, epoch)).permutation(rows)]
