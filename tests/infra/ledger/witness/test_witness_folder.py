"""The folder: what lies in it, for whom, after a crash, and when somebody meddles with it."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

import infra.ledger.witness_folder
from infra.errors import Refused, StoreError
from infra.ledger.log import Ledger
from infra.ledger.verify import open_checkpoint
from infra.ledger.witness import publish
from infra.ledger.witness_folder import FolderWitness
from infra.ledger.witnessed_log import Forked, KnownLog


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    (tmp_path / "elsewhere").mkdir()
    return tmp_path / "elsewhere"


def opened(folder: Path, ledger: Ledger) -> FolderWitness:
    return FolderWitness(folder, KnownLog(ledger.origin, ledger.keys))


def append(ledger: Ledger, events: Any, *numbers: int) -> None:
    ledger.append_many([(events.admitted(number), None) for number in numbers])


def notes(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name.isdecimal())


def test_it_keeps_one_file_for_each_size_that_nobody_may_change(elsewhere: Path, ledger: Ledger, events: Any) -> None:
    before = os.umask(0o077)  # as every command has it
    try:
        for number in range(3):
            append(ledger, events, number)
            publish(ledger, opened(elsewhere, ledger))
    finally:
        os.umask(before)
    (of_log,) = elsewhere.iterdir()
    kept = notes(elsewhere)
    assert [str(path.relative_to(of_log)) for path in kept] == [
        f"checkpoints/000/000/000/000/00{size}" for size in (1, 2, 3)
    ]
    assert [open_checkpoint(path.read_text(), ledger.keys).size for path in kept] == [1, 2, 3]
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o444}
    newest = of_log / "checkpoint"
    assert newest.read_text() == kept[-1].read_text() and stat.S_IMODE(newest.stat().st_mode) == 0o644
    folders = [of_log, *(path for path in of_log.rglob("*") if path.is_dir())]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o755}


def test_two_logs_share_a_folder(elsewhere: Path, ledger: Ledger, events: Any, tmp_path: Path) -> None:
    from infra.home import Home

    other = Ledger.open(Home.open(tmp_path / "other"))
    for one, count in ((ledger, 3), (other, 5)):
        append(one, events, *range(count))
        publish(one, opened(elsewhere, one))
    for one, count in ((ledger, 3), (other, 5)):
        last = opened(elsewhere, one).latest()
        assert last is not None and last.size == count


def test_a_newest_that_was_put_back_does_not_hide_what_was_accepted(
    elsewhere: Path, ledger: Ledger, events: Any
) -> None:
    append(ledger, events, 0)
    publish(ledger, opened(elsewhere, ledger))
    (newest,) = elsewhere.glob("*/checkpoint")
    older = newest.read_text()
    append(ledger, events, *range(1, 1_500))  # the file lies in another folder
    publish(ledger, opened(elsewhere, ledger))
    for spoil in (lambda: newest.write_text(older), newest.unlink):
        spoil()
        last = opened(elsewhere, ledger).latest()
        assert last is not None and last.size == 1_500
    (elsewhere / newest.parent / "checkpoints/000/000/000/999").mkdir()  # of a crash: a folder without a note
    last = opened(elsewhere, ledger).latest()
    assert last is not None and last.size == 1_500
    append(ledger, events, 2_000)
    publish(ledger, opened(elsewhere, ledger))
    assert open_checkpoint(newest.read_text(), ledger.keys).size == 1_501


@pytest.mark.parametrize("garbage", [b"", b"\xff\xfe", b"nothing\n", b"x" * 100_000])
def test_a_note_that_was_changed_is_told(elsewhere: Path, ledger: Ledger, events: Any, garbage: bytes) -> None:
    append(ledger, events, 0)
    publish(ledger, opened(elsewhere, ledger))
    (newest,) = elsewhere.glob("*/checkpoint")
    newest.write_bytes(garbage)
    append(ledger, events, 1)
    with pytest.raises(Refused, match="does not verify") as caught:
        publish(ledger, opened(elsewhere, ledger))
    assert caught.value.where == str(elsewhere)


def test_a_crash_at_any_moment_leaves_a_witness_that_goes_on(
    elsewhere: Path,
    ledger: Ledger,
    events: Any,
    cut_off: Callable[[Callable[[], object], Callable[[], object]], Iterator[int]],
    tmp_path: Path,
) -> None:
    append(ledger, events, 0)
    publish(ledger, opened(elsewhere, ledger))
    kept = tmp_path / "kept"
    shutil.copytree(elsewhere, kept)
    append(ledger, events, *range(1, 1_200))

    def anew() -> None:
        shutil.rmtree(elsewhere)
        shutil.copytree(kept, elsewhere)

    deaths = 0
    for _ in cut_off(anew, lambda: publish(ledger, opened(elsewhere, ledger))):
        deaths += 1
        last = opened(elsewhere, ledger).latest()
        assert last is not None and last.size in (1, 1_200)
        publish(ledger, opened(elsewhere, ledger))
        last = opened(elsewhere, ledger).latest()
        assert last is not None and last.size == 1_200
    assert deaths >= 6


def test_a_folder_that_another_process_holds_is_told(
    elsewhere: Path, ledger: Ledger, events: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(ledger, events, 0)
    publish(ledger, opened(elsewhere, ledger))
    append(ledger, events, 1)
    monkeypatch.setattr(infra.ledger.witness_folder, "_WAIT_S", 0.1)
    (lock,) = elsewhere.glob("*/.lock")
    with FileLock(lock), pytest.raises(StoreError, match="another process has held"):
        publish(ledger, opened(elsewhere, ledger))
    assert publish(ledger, opened(elsewhere, ledger)) is not None


def test_what_cannot_be_written_is_one_sentence(elsewhere: Path, ledger: Ledger, events: Any) -> None:
    append(ledger, events, 0)
    witness = opened(elsewhere, ledger)
    publish(ledger, witness)
    shutil.rmtree(elsewhere)
    elsewhere.write_text("a file where the folder was")
    append(ledger, events, 1)
    with pytest.raises(StoreError, match="is not there"):
        publish(ledger, witness)
    elsewhere.unlink()
    elsewhere.mkdir()
    (elsewhere / witness._folder.name).write_text("a file where the log's folder would be")
    with pytest.raises(StoreError, match="cannot be used"):
        publish(ledger, witness)


def test_the_folder_itself_checks_what_it_is_handed(elsewhere: Path, ledger: Ledger, events: Any) -> None:
    append(ledger, events, 0, 1, 2)
    publish(ledger, opened(elsewhere, ledger))
    append(ledger, events, 3)
    with ledger.proofs() as proofs:
        note, proof = proofs.edge.note, proofs.consistency(3)
    for wrong in ([], proof[::-1], [*proof, proof[0]], [bytes(32)] * len(proof)):
        with pytest.raises(Forked):
            opened(elsewhere, ledger).accept(note, 3, wrong)
    assert opened(elsewhere, ledger).accept(note, 3, proof) == note
    before = [path.stat() for path in sorted(elsewhere.rglob("*")) if path.name != ".lock"]
    assert opened(elsewhere, ledger).accept(note, 4, []) == note
    after = [path.stat() for path in sorted(elsewhere.rglob("*")) if path.name != ".lock"]
    assert [(one.st_ino, one.st_mtime_ns) for one in before] == [(one.st_ino, one.st_mtime_ns) for one in after]
