"""A full, read-only or damaged disk: one sentence, nothing recorded is lost, the same command goes on afterwards."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
import torch

from flows.training.checkpoint import CheckpointState, last_checkpoint, save_checkpoint
from flows.training.trainer import TrainerState
from infra.contracts.record_events import KeyChanged
from infra.digest import sha256
from infra.errors import StoreError
from infra.faults import named_fault
from infra.home import Home
from infra.home_state import HOME_VERSION, write_state
from infra.ledger.log import Ledger
from infra.stores.blobs import Blobs


def event(number: int) -> KeyChanged:
    return KeyChanged(
        event_id=f"key-{number}/created",
        at=datetime(2026, 1, 2, tzinfo=UTC),
        pipeline="",
        key_id=f"key-{number}",
        purpose="caller",
        action="created",
        owner="acme" * 400,
    )


def test_a_full_disk_costs_no_blob(disk, tmp_path: Path) -> None:
    blobs = Blobs(disk.root / "blobs")
    kept = blobs.put(b"a" * 1000)
    source = tmp_path / "large"
    source.write_bytes(b"c" * 100_000)
    stone = disk.fill(leave=8192)
    for write in (lambda: blobs.put(b"b" * 100_000), lambda: blobs.put_file(source)):
        with pytest.raises(StoreError, match="No space left") as caught:
            write()
        assert "free some disk space" in caught.value.cure or "has room" in caught.value.cure
    assert blobs.get(kept) == b"a" * 1000
    assert not [path for path in blobs.root.rglob("*") if path.is_file() and path != blobs.path(kept)]
    stone.unlink()
    assert blobs.get(blobs.put(b"b" * 100_000)) and blobs.get(blobs.put_file(source))


def test_a_full_disk_costs_no_entry_of_the_ledger(disk, tell) -> None:
    home = Home.open(disk.root / "home")
    ledger = Ledger.open(home)
    ledger.append(event(0))
    stone = disk.fill(leave=4096)
    written = 1
    with pytest.raises(StoreError, match="full") as caught:
        for written in range(1, 500):
            ledger.append(event(written))
    assert "nothing was recorded" in caught.value.cure
    assert ledger.verify().ok
    told = tell("keys", "create", "--tenant", "acme", SLUICE_HOME=home.root)
    assert told.code == 3 and "cure: free some disk space" in told.err and told.out == ""
    stone.unlink()
    ledger.append(event(written))
    check = ledger.verify()
    assert check.ok and check.events == written + 1
    assert tell("keys", "create", "--tenant", "acme").code == 0


def test_a_full_disk_costs_no_checkpoint(disk) -> None:
    recipe = sha256(b"recipe")

    def save(step: int) -> Path:
        first, second, weights = ({"a": torch.full((13_000,), float(step))} for _ in range(3))
        state = CheckpointState(
            recipe=recipe, step=step, precision="fp32", seconds=1.5, label_tokens=9, curve=(), tensors=recipe
        )
        return save_checkpoint(disk.root, TrainerState(weights, first, second, step), state)

    save(1)
    stone = disk.fill(leave=100_000)
    with pytest.raises(StoreError, match="cannot write a checkpoint: the disk is full"):
        save(2)
    found = last_checkpoint(disk.root, recipe)
    assert found is not None and found.state.step == 1
    assert not list(disk.root.glob(".step-*"))
    stone.unlink()
    save(2)
    found = last_checkpoint(disk.root, recipe)
    assert found is not None and found.state.step == 2


def test_a_read_only_home_is_told(disk, tell) -> None:
    home = Home.open(disk.root / "home")
    ledger = Ledger.open(home)
    ledger.append(event(0))
    ledger.close()
    disk.read_only()
    told = tell("keys", "create", "--tenant", "acme", SLUICE_HOME=home.root)
    assert told.code == 3 and "cure: " in told.err and str(disk.root) in told.err
    found = {one["what"]: one for one in json.loads(tell("doctor", "--json").out)["findings"]}
    assert found["home"]["level"] == "FAIL" and "Read-only file system" in found["home"]["found"]


@pytest.mark.parametrize("place", ["file", "file/below", "/proc/nowhere"])
def test_a_home_that_cannot_be_made_is_told(tell, tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    told = tell("status", SLUICE_HOME=tmp_path / place)
    assert told.code == 3 and "cannot make the folder" in told.err and "set SLUICE_HOME" in told.err


def test_a_damaged_database_is_told_by_name_and_its_backup_goes_on(tell, home: Home) -> None:
    write_state(home, HOME_VERSION)
    ledger = Ledger.open(home)
    ledger.append(event(0))
    ledger.close()
    for part in home.ledger.parent.glob(f"{home.ledger.name}-*"):
        part.unlink()
    good = home.ledger.read_bytes()
    home.ledger.write_bytes(b"no database at all" * 400)
    told = tell("audit", "query", SLUICE_HOME=home.root)
    assert told.code == 3 and f"{home.ledger}: the file is damaged\n  cure: restore it from a backup" in told.err
    checked = tell("doctor")
    assert checked.code == 1 and "FAIL databases: damaged: ledger/ledger.sqlite" in checked.out
    home.ledger.write_bytes(good)
    assert tell("audit", "query").code == 0


def test_a_damaged_blob_is_told_and_made_whole_by_the_next_put(home: Home) -> None:
    blobs = Blobs(home.blobs)
    digest = blobs.put(b"weights")
    blobs.path(digest).write_bytes(b"weighty")
    with pytest.raises(StoreError, match="was changed") as caught:
        blobs.get(digest)
    assert "backup" in caught.value.cure
    assert blobs.put(b"weights") == digest and blobs.get(digest) == b"weights"


def test_a_full_disk_is_known_whoever_says_it(disk) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    disk.fill()
    with pytest.raises(SafetensorError) as caught:
        save_file({"a": torch.zeros(100_000)}, disk.root / "weights.safetensors")
    fault = named_fault(caught.value)
    assert fault is not None and fault.what == "the disk is full"
