"""Bundles: they verify with nothing of Sluice on the machine, and no changed byte of evidence goes unseen."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.digest import sha256
from infra.errors import BadInput, CheckFailed
from infra.home import Home
from infra.ledger import verify
from infra.ledger.bundle import Walk, WalkStep, check_bundle, write_bundle
from infra.ledger.checkpoint import sign_checkpoint
from infra.ledger.log import Ledger
from infra.ledger.tree import ranges_of, root_of_entry
from infra.ledger.verify import Checkpoint, LogKey, leaf_hash, open_checkpoint
from infra.signing import Signer

_ENTRIES = 300


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory, events: Any) -> Iterator[Ledger]:
    ledger = Ledger.open(Home.open(tmp_path_factory.mktemp("log")))
    for number in range(_ENTRIES):
        if number == 120:
            ledger._earlier = ledger._earlier.min.replace(tzinfo=ledger._earlier.tzinfo)  # a minute later, as it were
        ledger.append(events.admitted(number))
    yield ledger
    ledger.close()


def bundle(log: Ledger, folder: Path, indices: list[int], walk: Walk | None = None) -> Path:
    with log.proofs() as proofs:
        made = write_bundle(folder, proofs, log.origin, ranges_of(indices), walk or Walk())
    assert (made.entries, made.tree_size) == (len(indices), _ENTRIES)
    return folder


@pytest.mark.parametrize("indices", [[], [0], [299], [3, 4, 5, 200], list(range(_ENTRIES))], ids=len)
def test_a_bundle_verifies(log: Ledger, tmp_path: Path, indices: list[int]) -> None:
    folder = bundle(log, tmp_path / "bundle", indices)
    assert f"{len(indices):,} entries of {log.origin} are in its tree of 300" in check_bundle(folder, log.keys)
    assert len((folder / "events.jsonl").read_bytes().splitlines()) == len(indices)
    assert {path.name for path in folder.iterdir()} >= {"verify.py", "README.txt", "manifest.json", "checkpoint"}
    if len(indices) == _ENTRIES:
        assert [path.name for path in sorted((folder / "checkpoints").iterdir())] == ["1", "121"]


def test_each_entry_of_a_small_bundle_has_a_proof_of_its_own_for_other_verifiers(log: Ledger, tmp_path: Path) -> None:
    folder = bundle(log, tmp_path / "bundle", [7, 200])
    lines = (folder / "events.jsonl").read_bytes().splitlines()
    for index, line in zip((7, 200), lines, strict=True):
        head, _, note = (folder / "proofs" / f"{index}.tlog-proof").read_text("utf-8").partition("\n\n")
        kind, place, *hashes = head.split("\n")
        assert (kind, place) == ("c2sp.org/tlog-proof@v1", f"index {index}")
        tip = open_checkpoint(note, log.keys)
        proof = [verify._base64(step) for step in hashes]
        assert root_of_entry(index, tip.size, leaf_hash(line), proof) == tip.root


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., subprocess.CompletedProcess[str]]:
    """An interpreter that has `cryptography` and nothing else: no path into the project or its packages."""
    site = tmp_path_factory.mktemp("site")
    packages = Path(sysconfig.get_path("platlib"))
    for name in ("cryptography", "cffi", "pycparser", *(path.name for path in packages.glob("_cffi_backend*"))):
        if (packages / name).exists():
            (site / name).symlink_to(packages / name)
    base = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"

    def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [base, "-S", "-P", *arguments],
            cwd=cwd,
            env={"PYTHONPATH": str(site), "PATH": os.defpath},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_the_verifier_runs_with_nothing_of_sluice(
    log: Ledger, tmp_path: Path, bare_python: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    folder = bundle(log, tmp_path / "bundle", [5, 6, 250])
    nothing = bare_python("-c", "import infra", cwd=tmp_path)
    assert "No module named 'infra'" in nothing.stderr
    pinned = tmp_path / "log.vkey"
    pinned.write_text(f"{log.keys[0]}\n")
    for key in (str(log.keys[0]), str(pinned)):
        good = bare_python("verify.py", ".", "--key", key, cwd=folder)
        assert (good.returncode, good.stderr) == (0, "")
        assert good.stdout.startswith("verified: 3 entries of sluice.local/")
    events = (folder / "events.jsonl").read_bytes()
    (folder / "events.jsonl").write_bytes(events.replace(b'"resp-6"', b'"resp-9"'))
    bad = bare_python("verify.py", ".", "--key", str(log.keys[0]), cwd=folder)
    assert (bad.returncode, bad.stderr) == (1, "DOES NOT VERIFY: entry 6 is not the one that was logged\n")
    for arguments in ((".", "--key", "nonsense"), ("elsewhere", "--key", str(pinned))):
        wrong = bare_python("verify.py", *arguments, cwd=folder)
        assert wrong.returncode == 2 and "Traceback" not in wrong.stderr


def test_the_verifier_is_short_and_needs_only_cryptography() -> None:
    lines = Path(verify.__file__).read_text("utf-8").splitlines()
    assert len(lines) < 250
    imported = {line.split()[1].split(".")[0] for line in lines if line.strip().startswith(("import ", "from "))}
    assert imported - set(sys.stdlib_module_names) == {"cryptography"}


@pytest.fixture(scope="module")
def evidence(log: Ledger, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle(log, tmp_path_factory.mktemp("evidence") / "bundle", [*range(100, 140), 280])


_EVIDENCE = ("events.jsonl", "leaves", "proof.json", "checkpoint", "checkpoints/121", "manifest.json", "walk.json")


@settings(max_examples=250, deadline=None)
@given(name=st.sampled_from(_EVIDENCE), data=st.data())
def test_no_changed_byte_goes_unseen(log: Ledger, evidence: Path, name: str, data: st.DataObject) -> None:
    raw = (evidence / name).read_bytes()
    place = data.draw(st.integers(0, len(raw) - 1))
    how = data.draw(st.sampled_from(("flip", "drop", "insert", "cut")))
    other = data.draw(st.integers(1, 255))
    changed = {
        "flip": raw[:place] + bytes([raw[place] ^ other]) + raw[place + 1 :],
        "drop": raw[:place] + raw[place + 1 :],
        "insert": raw[:place] + bytes([other]) + raw[place:],
        "cut": raw[:place],
    }[how]
    if changed == raw:
        return
    (evidence / name).write_bytes(changed)
    try:
        check_bundle(evidence, log.keys)
    except (CheckFailed, BadInput):
        return
    else:
        # What the manifest says of itself nobody signs: what it says of the other files counts.
        assert name == "manifest.json"
    finally:
        (evidence / name).write_bytes(raw)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_lines_dropped_repeated_or_swapped_are_named(log: Ledger, evidence: Path, data: st.DataObject) -> None:
    path = evidence / "events.jsonl"
    raw = path.read_bytes()
    lines = raw.splitlines(keepends=True)
    place = data.draw(st.integers(0, len(lines) - 2))
    how = data.draw(st.sampled_from(("drop", "repeat", "swap")))
    if how == "drop":
        del lines[place]
    elif how == "repeat":
        lines.insert(place, lines[place])
        place += 1
    else:
        lines[place], lines[place + 1] = lines[place + 1], lines[place]
    try:
        path.write_bytes(b"".join(lines))
        with pytest.raises(CheckFailed, match=f"entry {[*range(100, 140), 280][place]} "):
            check_bundle(evidence, log.keys)
    finally:
        path.write_bytes(raw)


def test_a_forger_without_the_key_cannot_make_it_fit(log: Ledger, evidence: Path, tmp_path: Path) -> None:
    """Every hash and digest recomputed, and signed with another key under the same name."""
    forged = tmp_path / "forged"
    shutil.copytree(evidence, forged)
    other = Signer.load_or_create(tmp_path / "other.key")
    line = (forged / "events.jsonl").read_bytes().splitlines()[0]
    note = sign_checkpoint(Checkpoint(log.origin, 1, leaf_hash(line)), other)
    (forged / "events.jsonl").write_bytes(line + b"\n")
    (forged / "leaves").write_bytes(leaf_hash(line))
    (forged / "checkpoint").write_text(note)
    (forged / "proof.json").write_text('{"ranges":[[0,1]],"hashes":[],"earlier":[]}')
    (forged / "manifest.json").write_text('{"files":{}}')
    with pytest.raises(CheckFailed, match="no signature by a key that is trusted"):
        check_bundle(forged, log.keys)
    assert "1 entries" in check_bundle(forged, [LogKey(log.origin, other.verify_key.raw)])


def test_a_fork_is_found_by_the_earlier_checkpoint(log: Ledger, evidence: Path, tmp_path: Path) -> None:
    """Who has the key can sign another history; a checkpoint that was given out before does not agree with it."""
    forged = tmp_path / "forged"
    shutil.copytree(evidence, forged)
    checkpoint = open_checkpoint((forged / "checkpoints" / "121").read_text("utf-8"), log.keys)
    note = sign_checkpoint(Checkpoint(log.origin, 121, leaf_hash(checkpoint.root)), log._signer)
    (forged / "checkpoints" / "121").write_text(note)
    with pytest.raises(CheckFailed, match="forked or cut"):
        check_bundle(forged, log.keys)


def _walk() -> Walk:
    named = sha256(b"policy")  # every admitted event of the fixture names it as its guardrails
    return Walk("resp-7", (WalkStep("answer", None, (7,)), WalkStep("guardrails", named, ())), {named: b"policy"})


def test_a_walk_leads_from_an_entry_to_the_documents_that_it_names(log: Ledger, tmp_path: Path) -> None:
    folder = bundle(log, tmp_path / "receipt", [7], _walk())
    assert "2 steps lead back from resp-7" in check_bundle(folder, log.keys)
    (document,) = (folder / "documents").iterdir()
    document.write_bytes(b"another policy")
    with pytest.raises(CheckFailed, match="not the file that the manifest names"):
        check_bundle(folder, log.keys)
    (folder / "manifest.json").write_text('{"files":{}}')
    with pytest.raises(CheckFailed, match="guardrails is not the one that the step before it names"):
        check_bundle(folder, log.keys)


@pytest.mark.parametrize(
    "walk",
    [
        Walk("resp-8", (WalkStep("answer", None, (7,)),)),
        Walk("resp-7", (WalkStep("answer", None, (7,)), WalkStep("release", sha256(b"x"), ())), {sha256(b"x"): b"x"}),
        Walk("resp-7", (WalkStep("guardrails", sha256(b"policy"), ()),), {sha256(b"policy"): b"policy"}),
    ],
    ids=["another answer", "a document that nothing names", "a document before what names it"],
)
def test_a_walk_that_does_not_lead_anywhere_is_refused(log: Ledger, tmp_path: Path, walk: Walk) -> None:
    folder = bundle(log, tmp_path / "receipt", [7], walk)
    with pytest.raises(CheckFailed):
        check_bundle(folder, log.keys)


def test_a_folder_that_exists_is_left_alone(log: Ledger, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(BadInput, match="exists"):
        bundle(log, tmp_path / "mine", [1])
    assert list((tmp_path / "mine").iterdir()) == []
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_what_is_no_bundle_is_bad_input(log: Ledger, tmp_path: Path) -> None:
    source = random.Random(1)
    for name in ("checkpoint", "proof.json", "manifest.json", "events.jsonl"):
        (tmp_path / name).write_bytes(source.randbytes(50))
    with pytest.raises((BadInput, CheckFailed)):
        check_bundle(tmp_path, log.keys)
    with pytest.raises(BadInput):
        check_bundle(tmp_path / "nowhere", log.keys)
