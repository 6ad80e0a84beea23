"""How much of what was planted the chain found: what the steps did, compared with the truth afterwards."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from flows.steps.dedupe import Deduped
from flows.steps.leakage import Leakage
from flows.steps.redact_rows import RedactedRow
from flows.steps.redact_texts import Found
from flows.steps.tickets.truth import PLANTED_KINDS, PlantedKind, PlantedSpan, PlantedTruth
from infra.contracts.base import Frozen
from policies.expectations.rows import Place, QuarantinedRow

Fate = Literal["quarantined", "duplicate", "contradiction", "leaked"]
_RIGHT_FATE: dict[PlantedKind, Fate] = {
    "exact duplicate": "duplicate",
    "near duplicate": "duplicate",
    "leaked test row": "leaked",
    "empty row": "quarantined",
    "malformed row": "quarantined",
    "over-long row": "quarantined",
    "unknown label": "quarantined",
    "contradicting labels": "contradiction",
}


class PlantedFound(Frozen):
    """One kind of thing that was planted: how many, and how many of those were found."""

    kind: str
    planted: int
    found: int


@dataclass(frozen=True)
class Fates:
    """What became of the rows that did not stay."""

    quarantined: Sequence[QuarantinedRow]
    deduped: Deduped
    leakage: Leakage

    def by_place(self) -> Mapping[Place, Fate]:
        """The fate of every row that did not stay."""
        parts: tuple[tuple[Fate, Iterable[Place]], ...] = (
            ("quarantined", (aside.row.place for aside in self.quarantined)),
            ("duplicate", (row.place for row in (*self.deduped.exact, *self.deduped.near))),
            ("contradiction", (row.place for row in self.deduped.contradictions)),
            ("leaked", (row.place for row in self.leakage.leaked)),
        )
        return {place: fate for fate, places in parts for place in places}


def compare(truth: PlantedTruth, fates: Fates, rows: Sequence[RedactedRow]) -> tuple[PlantedFound, ...]:
    """One figure per kind of planted row, then one per entity type of planted personal data.

    A planted row is found when the step that is there for it took it out. Personal data are found when all of their
    letters and digits were replaced, under whatever name.
    """
    fate = fates.by_place()
    planted, found = Counter[str](), Counter[str]()
    for row in truth.rows:
        planted[row.kind] += 1
        found[row.kind] += fate.get(row.place) == _RIGHT_FATE[row.kind]
    kinds = [
        PlantedFound(kind=kind, planted=planted[kind], found=found[kind]) for kind in PLANTED_KINDS if planted[kind]
    ]
    return (*kinds, *_personal(truth.spans, rows))


def _personal(spans: Sequence[PlantedSpan], rows: Sequence[RedactedRow]) -> list[PlantedFound]:
    by_place = {row.place: row for row in rows}
    counts: defaultdict[str, list[bool]] = defaultdict(list)
    for span in spans:
        row = by_place.get(span.place)
        counts[span.entity].append(row is not None and _covered(span, row.clean.text, row.spans))
    return [
        PlantedFound(kind=f"personal data: {entity}", planted=len(finds), found=sum(finds))
        for entity, finds in sorted(counts.items())
    ]


def _covered(span: PlantedSpan, text: str, found: Sequence[Found]) -> bool:
    return all(
        any(one.start <= at < one.end for one in found) for at in range(span.start, span.end) if text[at].isalnum()
    )
