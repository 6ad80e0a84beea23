"""What is known of generated data before anything looks at it: which lines hold what was planted. Findings never read
it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from policies.expectations.rows import Language, Place

PlantedKind = Literal[
    "exact duplicate",
    "near duplicate",
    "leaked test row",
    "empty row",
    "malformed row",
    "over-long row",
    "unknown label",
    "contradicting labels",
]
PLANTED_KINDS: tuple[PlantedKind, ...] = get_args(PlantedKind)


@dataclass(frozen=True)
class PlantedRow:
    """One row that a kind was planted in."""

    kind: PlantedKind
    place: Place


@dataclass(frozen=True)
class PlantedSpan:
    """Personal data in the text of one row: code points, end exclusive."""

    place: Place
    language: Language
    entity: str
    start: int
    end: int


@dataclass(frozen=True)
class PlantedTruth:
    """Everything that was planted."""

    rows: tuple[PlantedRow, ...]
    spans: tuple[PlantedSpan, ...]
