"""Figures over all rows of a data set, gathered batch by batch: balance, uniqueness, shares. No text is kept."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from hashlib import blake2b

from policies.expectations.rows import CleanRow, Judged, UnreadableRow
from policies.expectations.same_text import normal_form


@dataclass(frozen=True)
class Measures:
    """What the `whole` rules of a suite can ask for. Shares are of the training rows read, unless said otherwise."""

    rows: int
    """Training rows that are fit."""
    unreadable_share: float
    """Pieces of the training source that are no row."""
    quarantined_share: float
    """Training rows that were set aside, the unreadable ones among them."""
    labels: int
    """Distinct labels among the fit training rows."""
    smallest_label_share: float
    """Share of the rarest label among the fit training rows."""
    largest_label_share: float
    """Share of the commonest label among the fit training rows."""
    repeated_text_share: float
    """Fit training rows whose text, normalised, stood in an earlier one."""
    repeated_row_ids: int
    """Fit training rows whose id stood in an earlier one."""
    test_rows: int
    """Rows of the test set that can be asked and scored."""
    test_unreadable: int
    """Rows of the test set that cannot."""
    spanish_share: float
    """Fit training rows in Spanish."""


class Census:
    """Counts as batches pass. `measures` may be asked at any time."""

    def __init__(self) -> None:
        self._counts = Counter[str]()
        self._labels = Counter[str]()
        self._texts: set[bytes] = set()
        self._row_ids: set[bytes] = set()

    def add(self, judged: Judged) -> None:
        """Counts one batch."""
        for aside in judged.quarantined:
            self._counts[f"{aside.row.place.role} quarantined"] += 1
            if isinstance(aside.row, UnreadableRow):
                self._counts[f"{aside.row.place.role} unreadable"] += 1
        for row in judged.clean:
            self._counts[f"{row.place.role} clean"] += 1
            if row.place.role == "train":
                self._add_training_row(row)

    def _add_training_row(self, row: CleanRow) -> None:
        self._labels[row.label] += bool(row.label)
        self._counts["spanish"] += row.language == "es"
        self._counts["repeated texts"] += _seen(normal_form(row.text), self._texts)
        self._counts["repeated ids"] += bool(row.row_id) and _seen(row.row_id, self._row_ids)

    def measures(self) -> Measures:
        """The figures of everything counted so far; shares of nothing are 0."""
        count = self._counts
        clean, aside = count["train clean"], count["train quarantined"]
        labels = [number for number in self._labels.values() if number]
        return Measures(
            rows=clean,
            unreadable_share=_share(count["train unreadable"], clean + aside),
            quarantined_share=_share(aside, clean + aside),
            labels=len(labels),
            smallest_label_share=_share(min(labels, default=0), clean),
            largest_label_share=_share(max(labels, default=0), clean),
            repeated_text_share=_share(count["repeated texts"], clean + aside),
            repeated_row_ids=count["repeated ids"],
            test_rows=count["test clean"],
            test_unreadable=count["test quarantined"],
            spanish_share=_share(count["spanish"], clean),
        )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _seen(value: str, known: set[bytes]) -> bool:
    digest = blake2b(value.encode("utf-8", "surrogatepass"), digest_size=12).digest()
    found = digest in known
    known.add(digest)
    return found
