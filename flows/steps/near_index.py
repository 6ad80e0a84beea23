"""Finds the texts of an index that are nearly the same as a given one: MinHash LSH for candidates, true Jaccard to
decide.

Bands are chosen so that a pair at the threshold is missed with a probability below 0.001 (Leskovec, Rajaraman, Ullman,
Mining of Massive Datasets, 3.4); every candidate is then verified, so nothing is found that is not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from infra.extras import need
from policies.expectations.same_text import jaccard, shingles

PERMUTATIONS = 128
_MISSED = 1e-3
_MOST_CANDIDATES = 100
"""Candidates verified for one text, the likeliest ones: rows that all share one template would cost a thousand each."""
_SEED = 1


@dataclass(frozen=True, slots=True)
class Sketch:
    """One text made ready to be compared: its 3-word shingles and their MinHash."""

    shingles: frozenset[int]
    minhash: Any


@dataclass(frozen=True, slots=True)
class Near:
    """A text of the index that is near: the number it was added under, and the Jaccard index."""

    number: int
    jaccard: float


def sketches(texts: Iterable[str]) -> Iterator[Sketch]:
    """One sketch per text, in order, made lazily."""
    minhash = need("datasketch", extra="train").MinHash
    sets = (shingles(text) for text in texts)
    while batch := list(islice(sets, 1_000)):
        # The lower half of each 64-bit shingle hash; sorted, since a set's order is nobody's promise.
        hashed = minhash.bulk(
            [sorted(value & 0xFFFFFFFF for value in one) for one in batch],
            num_perm=PERMUTATIONS,
            seed=_SEED,
            hashfunc=_same,
        )
        for one, signature in zip(batch, hashed, strict=True):
            yield Sketch(one, signature)


class NearIndex:
    """Texts by number, asked for those within a Jaccard threshold."""

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
        self._sketches: dict[int, Sketch] = {}
        self._lsh = need("datasketch", extra="train").MinHashLSH(num_perm=PERMUTATIONS, params=_bands(threshold))

    def add(self, number: int, sketch: Sketch) -> None:
        """Adds a text; numbers are unique."""
        self._sketches[number] = sketch
        self._lsh.insert(number, sketch.minhash, check_duplication=False)

    def near(self, sketch: Sketch) -> list[Near]:
        """The added texts whose Jaccard index with this one is at least the threshold, by number."""
        candidates = sorted(self._lsh.query(sketch.minhash))
        if len(candidates) > _MOST_CANDIDATES:
            candidates = self._likeliest(candidates, sketch)
        found = (Near(number, jaccard(sketch.shingles, self._sketches[number].shingles)) for number in candidates)
        return [near for near in found if near.jaccard >= self.threshold]

    def _likeliest(self, candidates: list[int], sketch: Sketch) -> list[int]:
        """Those whose MinHash agrees most, by number."""
        import numpy as np

        signatures = np.stack([self._sketches[number].minhash.hashvalues for number in candidates])
        agreeing = np.count_nonzero(signatures == sketch.minhash.hashvalues, axis=1)
        best = np.argsort(-agreeing, kind="stable")[:_MOST_CANDIDATES]
        return sorted(candidates[place] for place in best)


def _bands(threshold: float) -> tuple[int, int]:
    """Bands and rows per band: the most rows (fewest false candidates) that still find a pair at the threshold."""
    for rows in range(PERMUTATIONS // 2, 0, -1):
        bands = PERMUTATIONS // rows
        if (1 - threshold**rows) ** bands < _MISSED:
            return bands, rows
    return PERMUTATIONS, 1


def _same(value: int) -> int:
    """Shingles are hashed already."""
    return value
