"""Takes leaked rows out of the training rows: those whose text a test row has too, or nearly. Test rows are never
touched.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flows.steps.near_index import PERMUTATIONS, NearIndex, sketches
from flows.steps.redact_rows import RedactedRow
from policies.expectations.same_text import SHINGLE_WORDS, normal_form


@dataclass(frozen=True)
class Leakage:
    """The training rows, parted, and the measure in words."""

    kept: tuple[RedactedRow, ...]
    leaked: tuple[RedactedRow, ...]
    measure: str


def remove_leakage(
    train: Sequence[RedactedRow], test: Sequence[RedactedRow], least_jaccard: float, advance: Callable[[int], None]
) -> Leakage:
    """Parts the training rows by whether a test row has the same text in normal form, or one with at least this
    Jaccard.

    `advance` is told of every training row that is done.
    """
    same = {normal_form(text) for row in test for text in (row.clean.text, row.text)}
    index = NearIndex(least_jaccard)
    for number, sketch in enumerate(sketches(row.text for row in test)):
        index.add(number, sketch)
    kept: list[RedactedRow] = []
    leaked: list[RedactedRow] = []
    for row, sketch in zip(train, sketches(row.text for row in train), strict=True):
        # As it came, too: a detector may see a name in one of two spellings only.
        found = not same.isdisjoint(map(normal_form, (row.clean.text, row.text))) or bool(index.near(sketch))
        (leaked if found else kept).append(row)
        advance(1)
    measure = f"same normalised text, or word {SHINGLE_WORDS}-shingle Jaccard >= {least_jaccard:g}"
    return Leakage(tuple(kept), tuple(leaked), f"{measure} (MinHash {PERMUTATIONS}, each candidate verified)")
