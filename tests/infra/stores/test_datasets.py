"""Datasets: rows come back as they were, encrypted on disk, and any change to them is noticed."""

from __future__ import annotations

import stat
from dataclasses import dataclass

import pytest

from infra.contracts.dataset import DatasetSnapshot, Split, SplitManifest
from infra.contracts.row import SnapshotRow
from infra.digest import sha256
from infra.errors import StoreError
from infra.home import Home
from infra.ledger.vault import Vault
from infra.stores.blobs import Blobs
from infra.stores.datasets import Datasets


@dataclass
class Stores:
    home: Home
    blobs: Blobs
    vault: Vault
    datasets: Datasets


@pytest.fixture
def stores(home: Home) -> Stores:
    blobs, vault = Blobs(home.blobs), Vault.open(home)
    return Stores(home, blobs, vault, Datasets(home, blobs, vault))


def row(number: int, split: str = "train", subject: str = "") -> SnapshotRow:
    return SnapshotRow(
        row_id=f"row-{number}",
        split="train" if split == "train" else "test",
        subject=subject or f"sub-{number}",
        language="es",
        text=f"¿dónde está mi pedido {number}?",
        answer="delivery",
        label="delivery",
        salt=f"{number:032x}",
    )


def keep(stores: Stores, rows: list[SnapshotRow]) -> DatasetSnapshot:
    with stores.datasets.writer("triage") as writer:
        for one in rows:
            writer.add(one)
        splits = writer.publish()
    return snapshot(splits)


def snapshot(splits: tuple[Split, ...]) -> DatasetSnapshot:
    return DatasetSnapshot(
        pipeline="triage",
        sources=(),
        expectations=sha256(b"suite"),
        redaction_policy=sha256(b"policy"),
        splits=splits,
        rows_in=0,
        quarantined=(),
        duplicates_exact=0,
        duplicates_near=0,
        leaked=0,
        leakage_measure="none",
        redacted=(),
    )


def rows_file(stores: Stores, kept: DatasetSnapshot, split: str = "train"):
    digest = kept.split("train" if split == "train" else "test").manifest
    return stores.home.datasets / "triage" / f"{digest.removeprefix('sha256:')}.rows"


def test_rows_come_back_in_their_order_with_their_digests(stores: Stores) -> None:
    train = [row(number, subject="sub-shared" if number % 3 else "") for number in range(1_300)]
    test = [row(number, "test") for number in range(7)]
    kept = keep(stores, [*test, *train])
    assert list(stores.datasets.rows(kept, "train")) == train
    assert list(stores.datasets.rows(kept, "test")) == test
    assert [(split.name, split.rows) for split in kept.splits] == [("train", 1_300), ("test", 7)]
    manifest = stores.datasets.manifest(kept, "train")
    assert [one.digest for one in manifest.rows] == [one.digest for one in train]
    assert SplitManifest.from_json(stores.blobs.get(kept.split("train").manifest)) == manifest


def test_the_file_is_private_and_shows_no_text(stores: Stores) -> None:
    path = rows_file(stores, keep(stores, [row(1)]))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert b"pedido" not in path.read_bytes()


def test_an_empty_split_is_a_split(stores: Stores) -> None:
    kept = keep(stores, [row(1)])
    assert list(stores.datasets.rows(kept, "test")) == []


def test_what_is_not_published_leaves_no_trace(stores: Stores) -> None:
    with pytest.raises(RuntimeError), stores.datasets.writer("triage") as writer:
        writer.add(row(1))
        raise RuntimeError("killed")
    assert list((stores.home.datasets / "triage").iterdir()) == []


@pytest.mark.parametrize("damage", ["drop", "swap", "double", "cut", "garble"])
def test_every_change_is_noticed(stores: Stores, damage: str) -> None:
    kept = keep(stores, [row(number, subject="sub-shared") for number in range(3)])
    path = rows_file(stores, kept)
    lines = path.read_bytes().splitlines(keepends=True)
    first, second, third = lines
    changed = {
        "drop": [first, second],
        "swap": [second, first, third],
        "double": [first, second, third, third],
        "cut": [first, second, third[:-9]],
        "garble": [first, second, third.replace(b" ", b" AAAA")],
    }
    path.write_bytes(b"".join(changed[damage]))
    with pytest.raises(StoreError):
        list(stores.datasets.rows(kept, "train"))


def test_a_row_of_another_snapshot_does_not_pass(stores: Stores) -> None:
    one, other = keep(stores, [row(1, subject="sub-x")]), keep(stores, [row(2, subject="sub-x")])
    rows_file(stores, one).write_bytes(rows_file(stores, other).read_bytes())
    with pytest.raises(StoreError, match="not the one that the manifest names"):
        list(stores.datasets.rows(one, "train"))


def test_missing_rows_and_an_erased_subject_are_one_clear_error(stores: Stores) -> None:
    kept = keep(stores, [row(1), row(2)])
    stores.vault.destroy("sub-2")
    with pytest.raises(StoreError, match="destroyed"):
        list(stores.datasets.rows(kept, "train"))
    assert len(stores.datasets.manifest(kept, "train").rows) == 2, "the digests still verify"
    rows_file(stores, kept).unlink()
    with pytest.raises(StoreError, match="not here"):
        list(stores.datasets.rows(kept, "train"))
