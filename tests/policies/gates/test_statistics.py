"""The bootstrap: equal to scikit-learn and scipy, and with the properties that gates lean on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.gates.statistics import (
    Resampling,
    distributions,
    macro_f1_of,
    mean_of,
    median_of,
    percentile_interval,
    perplexity_of,
    point,
)

CLASSES = st.sampled_from(["card_arrival", "card_linking", "exchange_rate", "top_up", "<other>"])
PAIRS = st.lists(st.tuples(CLASSES.filter(lambda name: name != "<other>"), CLASSES), min_size=1, max_size=60)


def expand(weights: np.ndarray, names: list[str]) -> list[str]:
    return [name for name, weight in zip(names, weights, strict=True) for _ in range(int(weight))]


def sklearn_macro_f1(truth: list[str], predicted: list[str]) -> float:
    from sklearn.metrics import f1_score

    labels = sorted(set(truth))
    return float(f1_score(truth, predicted, labels=labels, average="macro", zero_division=0.0))


@given(PAIRS)
@settings(max_examples=25, deadline=None)
def test_macro_f1_is_scikit_learns_on_the_items_and_on_every_resample(pairs: list[tuple[str, str]]) -> None:
    truth, predicted = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    statistic = macro_f1_of(truth, predicted)
    assert point(statistic, len(truth)) == pytest.approx(sklearn_macro_f1(truth, predicted), abs=1e-12)
    weights = next(Resampling(len(truth), 4, 3).blocks())
    for row, measured in zip(weights, statistic(weights), strict=True):
        assert measured == pytest.approx(sklearn_macro_f1(expand(row, truth), expand(row, predicted)), abs=1e-12)


@given(st.integers(1, 300), st.integers(1, 40), st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_a_resample_draws_as_many_items_as_there_are_and_the_seed_decides_which(items: int, n: int, seed: int) -> None:
    weights = np.concatenate(list(Resampling(items, n, seed).blocks()))
    assert weights.shape == (n, items)
    assert (weights.sum(axis=1) == items).all() and (weights >= 0).all()
    assert (weights == np.concatenate(list(Resampling(items, n, seed).blocks()))).all()


def test_blocks_cover_every_resample_where_the_items_are_too_many_for_one() -> None:
    shapes = [block.shape for block in Resampling(100_000, 7, 1).blocks()]
    assert len(shapes) > 1 and sum(rows for rows, _ in shapes) == 7


@given(st.lists(st.floats(0, 1), min_size=2, max_size=80))
@settings(max_examples=60, deadline=None)
def test_the_interval_of_a_mean_holds_it_and_stays_within_the_values(values: list[float]) -> None:
    array = np.array(values)
    (distribution,) = distributions(Resampling(len(array), 400, 5), [mean_of(array)])
    interval = percentile_interval(distribution)
    assert array.min() - 1e-12 <= interval.low <= array.mean() + 1e-12
    assert array.mean() - 1e-12 <= interval.high <= array.max() + 1e-12


@given(PAIRS)
@settings(max_examples=30, deadline=None)
def test_the_paired_difference_of_identical_subjects_is_exactly_nothing(pairs: list[tuple[str, str]]) -> None:
    truth, predicted = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    one, two = distributions(
        Resampling(len(truth), 200, 9), [macro_f1_of(truth, predicted), macro_f1_of(truth, list(predicted))]
    )
    interval = percentile_interval(one - two)
    assert (interval.low, interval.high) == (0.0, 0.0)


def test_pairing_makes_the_interval_of_a_small_steady_gain_narrow() -> None:
    random = np.random.default_rng(0)
    base = (random.random(400) < 0.5).astype(float)
    better = base.copy()
    better[np.flatnonzero(base == 0)[:12]] = 1.0
    one, two = distributions(Resampling(400, 2000, 1), [mean_of(better), mean_of(base)])
    paired = percentile_interval(one - two)
    assert 0 < paired.low < 0.03 < paired.high
    (other,) = distributions(Resampling(400, 2000, 2), [mean_of(base)])
    assert percentile_interval(one - other).low < 0, "unpaired, the same gain would not show"


def test_the_interval_agrees_with_scipys_bootstrap() -> None:
    from scipy.stats import bootstrap

    values = np.random.default_rng(4).normal(10, 3, size=250)
    (ours,) = distributions(Resampling(250, 4000, 1), [mean_of(values)])
    interval = percentile_interval(ours)
    theirs = bootstrap((values,), np.mean, n_resamples=4000, method="percentile", rng=1).confidence_interval
    standard_error = 3 / np.sqrt(250)
    assert interval.low == pytest.approx(theirs.low, abs=0.15 * standard_error)
    assert interval.high == pytest.approx(theirs.high, abs=0.15 * standard_error)


def test_the_interval_covers_the_true_mean_about_95_times_in_100() -> None:
    random = np.random.default_rng(11)
    covered = 0
    for seed in range(200):
        (distribution,) = distributions(
            Resampling(150, 300, seed), [mean_of(random.binomial(1, 0.7, 150).astype(float))]
        )
        interval = percentile_interval(distribution)
        covered += interval.low <= 0.7 <= interval.high
    assert 176 <= covered <= 199


@pytest.mark.parametrize(
    ("values", "expected"),
    [([1.0, 2.0, 3.0], 2.0), ([1.0, 2.0, 3.0, 4.0], 2.0), ([5.0], 5.0), ([np.nan, 7.0, 1.0, 9.0], 7.0)],
)
def test_the_median_is_the_lower_one_and_passes_over_what_is_missing(values: list[float], expected: float) -> None:
    assert point(median_of(np.array(values)), len(values)) == expected


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50), st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_the_weighted_median_is_the_median_of_the_resample(values: list[float], seed: int) -> None:
    array = np.array(values)
    weights = next(Resampling(len(array), 3, seed).blocks())
    for row, measured in zip(weights, median_of(array)(weights), strict=True):
        drawn = np.sort(np.repeat(array, row.astype(int)))
        assert measured == drawn[(len(drawn) - 1) // 2]


def test_perplexity_is_the_exponential_and_leaves_unscored_items_out() -> None:
    values = np.array([-np.log(2.0), np.nan, -np.log(8.0)])
    assert point(perplexity_of(values), 3) == pytest.approx(4.0)


def test_where_nothing_was_measured_there_is_no_figure() -> None:
    nothing = np.array([np.nan, np.nan])
    for statistic in (mean_of(nothing), median_of(nothing), perplexity_of(nothing)):
        assert np.isnan(point(statistic, 2))
        with pytest.raises(ValueError, match="no resample"):
            percentile_interval(distributions(Resampling(2, 10, 1), [statistic])[0])
    with pytest.raises(ValueError, match="no items"):
        distributions(Resampling(0, 10, 1), [])
