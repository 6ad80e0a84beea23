"""How finds are scored against labels: hits, exact spans, false alarms, and F2 (recall counts four times precision)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_READ = frozenset(
    {"PERSON", "PHONE_NUMBER", "EMAIL_ADDRESS", "STREET_ADDRESS", "IBAN_CODE", "CREDIT_CARD", "IP_ADDRESS"}
)
_ANYWHERE = _READ | {"DATE_OF_BIRTH", "MAC_ADDRESS", "URL_CREDENTIALS", "CRYPTO"}
LABELLED: dict[str, frozenset[str]] = {
    "es_synthetic": _ANYWHERE
    | {"ES_NIF", "ES_NIE", "ES_CIF", "ES_NSS", "ES_CCC", "ES_PLATE", "ES_PASSPORT", "MX_CURP", "MX_RFC"},
    "en_near_miss": _ANYWHERE | {"US_SSN"},
    "en_presidio_research": _READ | {"US_SSN"},
}
"""The types that each file labels throughout (its README): a find of another type says nothing there."""


@dataclass(frozen=True)
class Find:
    """One find, or one label."""

    start: int
    end: int
    entity: str


@dataclass(frozen=True)
class Row:
    """One labelled text."""

    text: str
    language: str
    near_miss: bool
    labels: tuple[Find, ...]
    scored: frozenset[str]


@dataclass
class Tally:
    """Counts of one type, or of all."""

    labels: int = 0
    hit: int = 0
    exact: int = 0
    found: int = 0
    right: int = 0
    right_exact: int = 0

    def add(self, other: Tally) -> None:
        """Adds another one's counts."""
        for name in vars(self):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def recall(self) -> float:
        """Labels that a find of their type overlaps."""
        return self.hit / self.labels if self.labels else 1.0

    @property
    def precision(self) -> float:
        """Finds that overlap a label of their type."""
        return self.right / self.found if self.found else 1.0

    @property
    def f2(self) -> float:
        """Over overlaps."""
        return _f2(self.precision, self.recall)

    @property
    def f2_exact(self) -> float:
        """Over spans that are the same to the letter."""
        exact_precision = self.right_exact / self.found if self.found else 1.0
        return _f2(exact_precision, self.exact / self.labels if self.labels else 1.0)


def _f2(precision: float, recall: float) -> float:
    return 5 * precision * recall / (4 * precision + recall) if precision + recall else 0.0


@dataclass
class Scores:
    """All that is counted of one finder in one language."""

    by_type: dict[str, Tally] = field(default_factory=dict)
    false_alarms: Counter[str] = field(default_factory=Counter)

    def overall(self, types: Iterable[str] | None = None) -> Tally:
        """Of all types, or of some."""
        total = Tally()
        for entity, tally in self.by_type.items():
            if types is None or entity in types:
                total.add(tally)
        return total

    @property
    def alarms(self) -> int:
        """Finds in texts that hold nothing."""
        return sum(self.false_alarms.values())


def read_rows(folder: Path, split: str, every: int) -> list[Row]:
    """The labelled texts of a split, or each so manieth of them."""
    rows: list[Row] = []
    for name, scored in LABELLED.items():
        with (folder / f"{name}.jsonl").open(encoding="utf-8") as lines:
            parsed: list[dict[str, Any]] = [row for row in map(json.loads, lines) if row["split"] == split]
        for row in parsed[::every]:
            labels = (Find(span["start"], span["end"], span["type"]) for span in row["spans"] if span["type"] in scored)
            rows.append(Row(row["text"], row["lang"], row.get("kind") == "near-miss", tuple(labels), scored))
    return rows


def score(rows: Sequence[Row], find: Callable[[Row], Iterable[Find]]) -> Scores:
    """Scores a finder on rows."""
    scores = Scores()
    for row in rows:
        finds = [each for each in find(row) if each.entity in row.scored]
        if row.near_miss:
            scores.false_alarms.update(each.entity for each in finds)
        for label in row.labels:
            tally = scores.by_type.setdefault(label.entity, Tally())
            tally.labels += 1
            tally.hit += any(_overlap(label, each) for each in finds)
            tally.exact += label in finds
        for each in finds:
            tally = scores.by_type.setdefault(each.entity, Tally())
            tally.found += 1
            tally.right += any(_overlap(label, each) for label in row.labels)
            tally.right_exact += each in row.labels
    return scores


def _overlap(left: Find, right: Find) -> bool:
    return left.entity == right.entity and left.start < right.end and right.start < left.end
