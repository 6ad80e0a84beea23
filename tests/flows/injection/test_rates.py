"""Areas and rates, against sums done by hand."""

from __future__ import annotations

import numpy as np
import pytest

from flows.injection.rates import area, found, found_with_interval, share, threshold

ATTACK = np.array([True] * 4 + [False] * 10)
SCORES = np.array([0.95, 0.9, 0.5, 0.1, *np.linspace(0.0, 0.9, 10)])


def test_area_counts_pairs_and_halves_ties() -> None:
    pairs = [1.0 if bad > good else 0.5 if bad == good else 0.0 for bad in SCORES[ATTACK] for good in SCORES[~ATTACK]]
    assert area(SCORES, ATTACK) == pytest.approx(np.mean(pairs))


@pytest.mark.parametrize(("false_alarms", "limit", "rate"), [(0.01, 0.9, 0.25), (0.1, 0.8, 0.5), (0.5, 0.4, 0.75)])
def test_a_threshold_lets_no_more_than_its_share_of_harmless_texts_above(
    false_alarms: float, limit: float, rate: float
) -> None:
    assert threshold(SCORES, ATTACK, false_alarms) == pytest.approx(limit)
    assert (SCORES[~ATTACK] > limit).mean() <= false_alarms
    assert found(SCORES, ATTACK, false_alarms) == rate


def test_intervals_hold_the_value_and_repeat_themselves() -> None:
    once, again = (found_with_interval(SCORES, ATTACK, 0.1, rounds=200) for _ in range(2))
    assert once == again
    assert once.low <= once.value <= once.high
    half = share(5, 10)
    assert half.low == pytest.approx(0.2366, abs=1e-3) and half.high == pytest.approx(0.7634, abs=1e-3)
    assert share(0, 0).high == 1.0
