"""Findings are measured: a row counts as found when the right step took it out, a span when nothing of it is left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from flows.steps.dedupe import Deduped
from flows.steps.findings import Fates, compare
from flows.steps.leakage import Leakage
from flows.steps.redact_rows import RedactedRow
from flows.steps.tickets.truth import PlantedRow, PlantedSpan, PlantedTruth
from policies.expectations.rows import Place, QuarantinedRow, UnreadableRow

MakeRow = Callable[..., RedactedRow]


@dataclass(frozen=True)
class Hit:
    start: int
    end: int
    entity: str = "ANYTHING"


def place(line: int) -> Place:
    return Place("train", line)


def test_only_the_right_fate_counts(make_row: MakeRow) -> None:
    exact, near, leaked, odd = (make_row(f"text {line}", line=line) for line in (1, 2, 3, 4))
    aside = QuarantinedRow(UnreadableRow(place(5), "not JSON", b""), ("not JSON",))
    fates = Fates([aside], Deduped((), (exact,), (near,), (odd,)), Leakage((), (leaked,), ""))
    kinds = ["exact duplicate", "near duplicate", "leaked test row", "contradicting labels", "malformed row"]
    right = PlantedTruth(tuple(PlantedRow(kind, place(line)) for line, kind in enumerate(kinds, 1)), ())
    assert [(row.kind, row.planted, row.found) for row in compare(right, fates, [])] == [
        (kind, 1, 1) for kind in ("exact duplicate", "near duplicate", "leaked test row")
    ] + [("malformed row", 1, 1), ("contradicting labels", 1, 1)]
    shifted = PlantedTruth(tuple(PlantedRow(kind, place(line)) for line, kind in enumerate(kinds, 3)), ())
    assert sum(row.found for row in compare(shifted, fates, [])) == 0


@pytest.mark.parametrize(
    ("hits", "found"),
    [
        ([Hit(3, 11)], 1),
        ([Hit(0, 20)], 1),
        ([Hit(3, 6), Hit(7, 11)], 1),  # the blank between may stay
        ([Hit(3, 10)], 0),
        ([Hit(4, 11)], 0),
        ([], 0),
    ],
)
def test_personal_data_are_found_when_every_letter_is_gone(make_row: MakeRow, hits: list[Hit], found: int) -> None:
    row = replace(make_row("by ana ruiz 7, thanks", line=1), spans=tuple(hits))
    truth = PlantedTruth((), (PlantedSpan(place(1), "en", "PERSON", 3, 11),))
    nothing = Fates([], Deduped((), (), (), ()), Leakage((), (), ""))
    [figure] = compare(truth, nothing, [row])
    assert (figure.kind, figure.planted, figure.found) == ("personal data: PERSON", 1, found)
    [lost] = compare(truth, nothing, [])
    assert lost.found == 0, "a row that did not come this far was not redacted"
