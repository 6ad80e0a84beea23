"""The near index against brute force: the same pairs, whatever the threshold."""

from __future__ import annotations

import itertools
import random

import pytest

from flows.steps.near_index import NearIndex, sketches
from policies.expectations.same_text import jaccard, shingles


def texts(count: int, seed: int) -> list[str]:
    """Texts of which many are a word or two away from others, so that pairs lie at every similarity."""
    rng = random.Random(seed)
    words = [f"w{number}" for number in range(60)]
    found: list[str] = []
    while len(found) < count:
        base = [rng.choice(words) for _ in range(rng.randint(4, 30))]
        for _ in range(4):
            copy = list(base)
            for _ in range(rng.randint(0, 3)):
                copy[rng.randrange(len(copy))] = rng.choice(words)
            found.append(" ".join(copy))
    return found[:count]


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7, 0.8, 0.9, 0.99])
def test_finds_the_pairs_that_brute_force_finds(threshold: float) -> None:
    all_texts = texts(240, seed=3)
    sets = [shingles(text) for text in all_texts]
    expected = {
        (a, b) for a, b in itertools.combinations(range(len(sets)), 2) if jaccard(sets[a], sets[b]) >= threshold
    }
    index, found = NearIndex(threshold), set()
    for number, sketch in enumerate(sketches(all_texts)):
        for near in index.near(sketch):
            assert near.jaccard == jaccard(sets[number], sets[near.number]) >= threshold
            found.add((near.number, number))
        index.add(number, sketch)
    assert found <= expected, "nothing that is not there"
    assert len(expected) > 20
    assert len(found) >= len(expected) - 1, "a pair at the very threshold is missed once in a thousand"


def test_the_same_in_every_run_and_whatever_the_batches() -> None:
    all_texts = texts(50, seed=5) * 30
    first = [sketch.minhash.hashvalues.tolist() for sketch in sketches(all_texts)]
    assert first == [next(sketches([text])).minhash.hashvalues.tolist() for text in all_texts[:50]] * 30


def test_among_many_rows_of_one_template_the_nearest_are_found() -> None:
    shared = " ".join(f"word{number}" for number in range(40))
    index = NearIndex(0.9)
    for number, sketch in enumerate(
        sketches(f"{shared} a{number} b{number} c{number} d{number}" for number in range(400))
    ):
        assert index.near(sketch) == []
        index.add(number, sketch)
    [copy] = sketches([f"hello {shared} a399 b399 c399 d399"])
    assert [near.number for near in index.near(copy)] == [399], "though 400 rows are candidates"
