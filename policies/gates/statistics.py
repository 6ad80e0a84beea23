"""How sure is a figure? Bootstrap resampling of items, maths only (numpy): no files, no models, no thresholds.

A resample of n items is a vector of n weights: how often each item was drawn. A statistic is a function of such
weights, so that every metric of every subject is computed on the very same resamples; that makes the differences
between subjects paired.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]
Statistic = Callable[[FloatArray], FloatArray]
"""Weights of shape (resamples, items) -> one figure per resample; NaN where the resample holds nothing to measure."""

_BLOCK_CELLS = 262_144
"""Resamples are drawn in blocks of about so many weights (2 MB, which stays in the processor's cache), however many
items there are."""


@dataclass(frozen=True)
class Interval:
    """The two ends of a confidence interval."""

    low: float
    high: float


@dataclass(frozen=True)
class Resampling:
    """Which resamples to draw: items with replacement, seeded, so that the same three numbers give the same resamples.

    The ordinary nonparametric bootstrap: Efron, "Bootstrap methods: another look at the jackknife", Annals of
    Statistics 7(1), 1979.
    """

    items: int
    resamples: int
    seed: int

    def blocks(self) -> Iterator[FloatArray]:
        """Yields weights of shape (some resamples, items); each row sums to `items`."""
        random = np.random.default_rng(self.seed)
        rows = max(1, min(self.resamples, _BLOCK_CELLS // max(1, self.items)))
        for start in range(0, self.resamples, rows):
            count = min(rows, self.resamples - start)
            drawn = random.integers(0, self.items, size=(count, self.items))
            drawn += np.arange(count)[:, None] * self.items
            counts = np.bincount(drawn.ravel(), minlength=count * self.items)
            yield counts.reshape(count, self.items).astype(np.float64)


def point(statistic: Statistic, items: int) -> float:
    """The statistic on the items as they are: every weight is 1."""
    return float(statistic(np.ones((1, items)))[0])


def distributions(resampling: Resampling, statistics: Sequence[Statistic]) -> tuple[FloatArray, ...]:
    """Each statistic on every resample, all on the same ones: arrays of shape (resamples,), in the order given."""
    if resampling.items < 1:
        raise ValueError("there is nothing to resample: no items")
    columns: list[list[FloatArray]] = [[] for _ in statistics]
    for weights in resampling.blocks():
        for column, statistic in zip(columns, statistics, strict=True):
            column.append(statistic(weights))
    return tuple(np.concatenate(column) for column in columns)


def percentile_interval(distribution: FloatArray, *, confidence: float = 0.95) -> Interval:
    """The percentile interval of a bootstrap distribution; resamples without a figure (NaN) are left out.

    Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, section 13.3.
    For the difference of two subjects, give the difference of their distributions on the same resamples: that is the
    paired interval (for two systems on one test set: Koehn, "Statistical Significance Tests for Machine Translation
    Evaluation", EMNLP 2004, section 4). Raises ValueError when no resample has a figure.
    """
    known = distribution[~np.isnan(distribution)]
    if not known.size:
        raise ValueError("no resample has a figure")
    tail = (1 - confidence) / 2
    low, high = np.quantile(known, (tail, 1 - tail))
    return Interval(float(low), float(high))


def mean_of(values: FloatArray) -> Statistic:
    """The mean of one value per item; items without a value (NaN) count neither above nor below the line."""
    known = ~np.isnan(values)
    return functools.partial(_mean, np.where(known, values, 0.0), known.astype(np.float64))


def _mean(values: FloatArray, known: FloatArray, weights: FloatArray) -> FloatArray:
    return _divide(weights @ values, weights @ known)


def median_of(values: FloatArray) -> Statistic:
    """The lower median of one value per item: the smallest that at least half of the items do not exceed; NaN is left
    out.
    """
    order = np.argsort(values, kind="stable")[: int((~np.isnan(values)).sum())]
    return functools.partial(_median, values[order], order)


def _median(ordered: FloatArray, order: IntArray, weights: FloatArray) -> FloatArray:
    if not order.size:
        return np.full(len(weights), np.nan)
    below = np.cumsum(weights[:, order], axis=1)
    total = below[:, -1]
    place = np.argmax(below >= total[:, None] / 2, axis=1)
    return np.where(total > 0, ordered[place], np.nan)


def perplexity_of(mean_logprobs: FloatArray) -> Statistic:
    """exp(-mean log-probability in nats): perplexity. Items weigh the same, since an engine reports one mean per item;
    NaN is left out.
    """
    mean = mean_of(mean_logprobs)
    return lambda weights: np.exp(-mean(weights))


def macro_f1_of(truth: Sequence[str], predicted: Sequence[str]) -> Statistic:
    """The mean of the F1 of each class that occurs in the (re)sample's truth; a prediction outside these classes is
    a miss.

    Equal to scikit-learn's `f1_score(truth, predicted, labels=sorted(set(truth)), average="macro")`, which a test
    checks. F1 = 2 TP / (2 TP + FP + FN) = 2 TP / (predicted + true) needs three counts per class; items sorted by
    class make each count a sum over a slice, so that 1,000 resamples of 3,080 items and 77 classes cost a fraction
    of a second.
    """
    classes = sorted(set(truth))
    place = {name: index for index, name in enumerate(classes)}
    true_ids = np.array([place[name] for name in truth], dtype=np.intp)
    predicted_ids = np.array([place.get(name, len(classes)) for name in predicted], dtype=np.intp)
    return functools.partial(_macro_f1, _Groups.of(true_ids), _Groups.of(predicted_ids), true_ids == predicted_ids)


@dataclass(frozen=True)
class _Groups:
    """Items sorted by class: their order, the classes that occur, and where each one's slice begins."""

    order: IntArray
    present: IntArray
    starts: IntArray

    @classmethod
    def of(cls, ids: IntArray) -> _Groups:
        order = np.argsort(ids, kind="stable")
        present, starts = np.unique(ids[order], return_index=True)
        return cls(order, present, starts)

    def sums(self, weights: FloatArray, classes: int) -> FloatArray:
        """Weights of shape (resamples, items) -> their sums per class, shape (resamples, classes)."""
        result = np.zeros((len(weights), classes))
        if self.order.size:
            result[:, self.present] = np.add.reduceat(weights[:, self.order], self.starts, axis=1)
        return result


def _macro_f1(truth: _Groups, predicted: _Groups, hit: npt.NDArray[np.bool_], weights: FloatArray) -> FloatArray:
    classes = len(truth.present)
    support = truth.sums(weights, classes)
    # One column more: what was predicted as none of the known classes.
    guessed = predicted.sums(weights, classes + 1)[:, :classes]
    true_positives = truth.sums(weights * hit, classes)
    f1 = np.nan_to_num(_divide(2 * true_positives, support + guessed))
    occurs = support > 0
    return _divide((f1 * occurs).sum(axis=1), occurs.sum(axis=1).astype(np.float64))


def _divide(above: FloatArray, below: FloatArray) -> FloatArray:
    """Above / below, NaN where below is 0."""
    result = np.full(above.shape, np.nan)
    np.divide(above, below, out=result, where=below > 0)
    return result
