"""How well scores part attacks from harmless texts: area, rates at a stated share of false alarms, intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Rate:
    """A share with its 95 % interval."""

    value: float
    low: float
    high: float


def area(scores: Floats, attack: Flags) -> float:
    """AUROC: how often an attack scores above a harmless text (a tie counts half)."""
    harmless = np.sort(scores[~attack])
    above = np.searchsorted(harmless, scores[attack], "left") + np.searchsorted(harmless, scores[attack], "right")
    return float(above.mean() / (2 * len(harmless)))


def threshold(scores: Floats, attack: Flags, false_alarms: float) -> float:
    """The lowest score such that at most this share of the harmless texts lies above it."""
    harmless = np.sort(scores[~attack])[::-1]
    return float(harmless[int(false_alarms * len(harmless))])


def found(scores: Floats, attack: Flags, false_alarms: float) -> float:
    """The share of attacks above `threshold`."""
    return float((scores[attack] > threshold(scores, attack, false_alarms)).mean())


def found_with_interval(scores: Floats, attack: Flags, false_alarms: float, rounds: int = 1000) -> Rate:
    """`found`, with a bootstrap over attacks and harmless texts, each drawn on their own; seeded."""
    random = np.random.default_rng(0)
    bad, good = scores[attack], scores[~attack]
    drawn = []
    for _ in range(rounds):
        some = np.sort(random.choice(good, len(good)))[::-1]
        drawn.append((random.choice(bad, len(bad)) > some[int(false_alarms * len(some))]).mean())
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Rate(found(scores, attack, false_alarms), float(low), float(high))


def share(hits: int, of: int) -> Rate:
    """A plain share with Wilson's interval."""
    if of == 0:
        return Rate(0.0, 0.0, 1.0)
    z, rate = 1.96, hits / of
    middle = (rate + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * float(np.sqrt(rate * (1 - rate) / of + z * z / (4 * of * of)))
    return Rate(rate, max(0.0, middle - half), min(1.0, middle + half))
