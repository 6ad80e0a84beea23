"""The plan of a training: every row as often as asked, no budget exceeded, the same again from the same seed."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.training.schedule import StepPlan, learning_rate, plan_steps
from infra.errors import BadInput

lengths = st.lists(st.integers(3, 60), min_size=4, max_size=60)


def plan(rows: list[int], **more: object) -> StepPlan:
    fields = {"prefix_tokens": 5, "epochs": 1.0, "batch_rows": 4, "ranks": 1, "max_tokens": 0, "seed": 1}
    return plan_steps(rows, **{**fields, **more})


@settings(deadline=None)
@given(lengths, st.floats(0.1, 3.5), st.integers(1, 9), st.integers(0, 99))
def test_rows_are_seen_as_often_as_asked(rows: list[int], epochs: float, batch_rows: int, seed: int) -> None:
    made = plan(rows, epochs=epochs, batch_rows=batch_rows, seed=seed)
    seen = Counter(row for step in made.steps for row in step)
    assert sum(seen.values()) == math.ceil(epochs * len(rows))
    counts = [seen[row] for row in range(len(rows))]
    assert max(counts) - min(counts) <= 1
    assert all(len(step) == batch_rows for step in made.steps[:-1])
    assert made == plan(rows, epochs=epochs, batch_rows=batch_rows, seed=seed)
    assert made.epoch(len(made.steps)) == pytest.approx(math.ceil(epochs * len(rows)) / len(rows))


@settings(deadline=None)
@given(lengths, st.integers(20, 2_000), st.integers(1, 3))
def test_a_token_budget_is_kept_and_used(rows: list[int], budget: int, ranks: int) -> None:
    made = plan(rows, epochs=2.0, max_tokens=budget, ranks=ranks)
    whole = plan(rows, epochs=2.0, ranks=ranks)

    def cost(steps: tuple[tuple[int, ...], ...]) -> int:
        return sum(5 * ranks + sum(rows[row] for row in step) for step in steps)

    assert made.steps == whole.steps[: len(made.steps)]
    assert cost(made.steps) <= budget or len(made.steps) == 1
    if len(made.steps) < len(whole.steps):
        assert cost(whole.steps[: len(made.steps) + 1]) > budget


@settings(deadline=None)
@given(lengths, st.integers(2, 4))
def test_ranks_share_each_step_without_overlap_and_evenly(rows: list[int], ranks: int) -> None:
    made = plan(rows, ranks=ranks, epochs=1.3)
    for step, members in enumerate(made.steps):
        shares = [made.share(step, rank, ranks) for rank in range(ranks)]
        assert sorted(row for share in shares for row in share) == sorted(members)
        assert min(map(len, shares)) >= 1
        assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_epochs_and_seeds_are_drawn_in_different_orders() -> None:
    rows = [9] * 40
    first, second = plan(rows, epochs=2.0).steps[:10], plan(rows, epochs=2.0).steps[10:]
    assert sorted(sum(first, ())) == sorted(sum(second, ()))
    assert first != second
    assert plan(rows, seed=2).steps != plan(rows, seed=1).steps


def test_more_ranks_than_rows_is_refused() -> None:
    with pytest.raises(BadInput, match="3 ranks need at least 3 rows"):
        plan([9] * 10, batch_rows=2, ranks=3)


@settings(deadline=None)
@given(st.integers(1, 400), st.integers(0, 60))
def test_the_rate_rises_to_its_peak_and_falls(steps: int, warmup: int) -> None:
    rates = [learning_rate(step, steps=steps, peak=2.0, warmup_steps=warmup) for step in range(steps)]
    top = rates.index(max(rates))
    assert max(rates) == pytest.approx(2.0)
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert min(rates) > 0
    assert top <= max(1, steps // 10)
