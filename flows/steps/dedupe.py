"""Drops duplicates and near duplicates from the training rows, and sets contradictions aside.

The first of several stays. Rows with the same text, or all but the same, and different answers contradict one another:
nobody can say which is right, so all of them are set aside. That bar is higher than the one for near duplicates, since
in short texts one word can be the class.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flows.steps.near_index import NearIndex, Sketch, sketches
from flows.steps.redact_rows import RedactedRow
from policies.expectations.same_text import normal_form

CONTRADICTION_JACCARD = 0.9


@dataclass(frozen=True)
class Deduped:
    """The training rows, parted; each part in the order of the source."""

    kept: tuple[RedactedRow, ...]
    exact: tuple[RedactedRow, ...]
    near: tuple[RedactedRow, ...]
    contradictions: tuple[RedactedRow, ...]


def dedupe(rows: Sequence[RedactedRow], near_jaccard: float, advance: Callable[[int], None]) -> Deduped:
    """Parts the rows. `near_jaccard` is the word 3-shingle Jaccard index from which two texts count as nearly the same.

    `advance` is told of every row that is done.
    """
    fates = ["kept"] * len(rows)
    singles = _part_exact(rows, fates)
    index = NearIndex(min(near_jaccard, CONTRADICTION_JACCARD))
    for number, sketch in zip(singles, sketches(rows[number].text for number in singles), strict=True):
        _part_near(rows, number, sketch, index, near_jaccard, fates)
        advance(1)
    advance(len(rows) - len(singles))

    def part(fate: str) -> tuple[RedactedRow, ...]:
        return tuple(row for row, own in zip(rows, fates, strict=True) if own == fate)

    return Deduped(part("kept"), part("exact"), part("near"), part("contradiction"))


def _part_exact(rows: Sequence[RedactedRow], fates: list[str]) -> list[int]:
    """Numbers of one row for each distinct text; the others of its group get their fate here."""
    groups: dict[int, list[int]] = {}
    for number, group in enumerate(_groups(rows)):
        groups.setdefault(group, []).append(number)
    for numbers in groups.values():
        answers = {rows[number].answer for number in numbers}
        for number in numbers if len(answers) > 1 else numbers[1:]:
            fates[number] = "contradiction" if len(answers) > 1 else "exact"
    return sorted(groups)


def _groups(rows: Sequence[RedactedRow]) -> list[int]:
    """For each row, the number of the first row with the same text.

    The text as it came and the text as it is redacted both count, since a detector may see a name in one of two
    spellings only. Without a class several answers to one text may all be right: then the answer must be the same, too.
    """
    first: dict[tuple[str, str], int] = {}
    group = list(range(len(rows)))

    def root(number: int) -> int:
        while group[number] != number:
            number = group[number]
        return number

    for number, row in enumerate(rows):
        for text in (row.clean.text, row.text):
            key = (normal_form(text), "" if row.label else row.answer)
            one, other = root(first.setdefault(key, number)), root(number)
            group[max(one, other)] = min(one, other)
    return [root(number) for number in range(len(rows))]


def _part_near(
    rows: Sequence[RedactedRow], number: int, sketch: Sketch, index: NearIndex, near_jaccard: float, fates: list[str]
) -> None:
    """Compares a row with the ones before it; a near duplicate is not added to the index, so one text stands for
    all.
    """
    row, duplicate = rows[number], False
    for near in index.near(sketch):
        other = rows[near.number]
        if other.label != row.label or fates[near.number] == "contradiction":
            if near.jaccard >= CONTRADICTION_JACCARD:
                fates[number] = fates[near.number] = "contradiction"
        elif near.jaccard >= near_jaccard and other.answer == row.answer:
            duplicate = True
    if duplicate and fates[number] == "kept":
        fates[number] = "near"
    else:
        index.add(number, sketch)
