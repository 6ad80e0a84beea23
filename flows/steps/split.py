"""Splits rows into training and test rows by a hash of each row's identity: adding rows moves no other row."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from flows.steps.redact_rows import RedactedRow
from policies.expectations.same_text import normal_form


@dataclass(frozen=True)
class Parts:
    """The two sides, each in the order of the source."""

    train: tuple[RedactedRow, ...]
    test: tuple[RedactedRow, ...]


def split_rows(rows: Sequence[RedactedRow], test_share: float) -> Parts:
    """Holds out about `test_share` of the rows. The same row goes to the same side on every machine and in every
    run.
    """
    held_out = [_position(identity(row)) < test_share for row in rows]
    train = tuple(row for row, held in zip(rows, held_out, strict=True) if not held)
    test = tuple(row for row, held in zip(rows, held_out, strict=True) if held)
    return Parts(train, test)


def identity(row: RedactedRow) -> str:
    """What makes a row itself: the id that its source gives, else its text as it came, in normal form.

    Personal data may stand in it: it is hashed, with a key, before it goes anywhere.
    """
    clean = row.clean
    return f"id {clean.row_id}" if clean.row_id else f"text {normal_form(clean.text)}"


def _position(text: str) -> float:
    """A place in [0, 1) that depends on the text alone."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64
