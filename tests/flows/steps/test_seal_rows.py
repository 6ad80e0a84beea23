"""Rows of a snapshot: the same ids and salts for the same input in one home, others in another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from flows.steps.redact_rows import RedactedRow
from flows.steps.seal_rows import snapshot_rows
from infra.home import Home
from infra.ledger.vault import Vault

MakeRow = Callable[..., RedactedRow]


def test_ids_subjects_and_salts(make_row: MakeRow, home: Home, tmp_path: Path) -> None:
    rows = [make_row("one", line=1), make_row("two", subject="ana@example.com", line=2)]
    rows += [make_row("three", row_id="12345678Z", line=3), make_row("One!", line=4)]
    vault, other = Vault.open(home), Vault.open(Home.open(tmp_path / "other"))
    sealed = list(snapshot_rows("triage", "test", rows, vault))
    assert sealed == list(snapshot_rows("triage", "test", rows, vault))
    assert len({row.row_id for row in sealed}) == 4, "the same text twice is two rows"
    assert sealed[0].subject == sealed[0].row_id and sealed[1].subject == vault.pseudonym("ana@example.com")
    assert all(len(row.salt) == 32 for row in sealed) and len({row.salt for row in sealed}) == 4
    elsewhere = list(snapshot_rows("triage", "test", rows, other))
    apart = list(snapshot_rows("triage", "train", rows, vault))
    for one, two, three in zip(sealed, elsewhere, apart, strict=True):
        assert len({one.row_id, two.row_id, three.row_id}) == len({one.salt, two.salt, three.salt}) == 3
    assert not any(secret in repr(sealed) for secret in ("ana@", "12345678Z"))


def test_an_earlier_row_that_goes_leaves_the_other_ids(make_row: MakeRow, home: Home) -> None:
    rows = [make_row(f"text {number}", line=number) for number in range(5)]
    vault = Vault.open(home)
    ids = [row.row_id for row in snapshot_rows("triage", "train", rows, vault)]
    assert [row.row_id for row in snapshot_rows("triage", "train", rows[1:], vault)] == ids[1:]
