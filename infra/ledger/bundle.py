"""A bundle: a folder of entries that anybody can check without Sluice, by the verifier that lies in it.

    events.jsonl        the entries' bytes, one in each line, in the log's order
    leaves              their hashes, 32 bytes each: by them a changed entry is named
    proof.json          which entries they are, the hashes that lead with them to the root, earlier checkpoints' proofs
    proofs/INDEX...     of few entries, each one's own proof (c2sp.org/tlog-proof), for other people's verifiers
    checkpoint          the newest signed checkpoint; checkpoints/SIZE are earlier ones
    documents/DIGEST    what a walk names (a receipt's contracts), each named by its SHA-256
    walk.json           a receipt's walk: its steps, each with the entries and the document behind it; else none
    verify.py           the verifier; README.txt says how to run it
    manifest.json       every file with its SHA-256

It is written under another name and then put in place: it is there whole or not at all.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from infra.contracts.base import now
from infra.digest import Digest, canonical_json, sha256_file
from infra.errors import BadInput, StoreError
from infra.ledger import verify
from infra.ledger.proofs import Proofs, Range, encoded
from infra.ledger.verify import LogKey

SCHEMA = "sluice/bundle/1"
_PROOFS_OF_ONE = 1_000
"""Up to so many entries each has a proof of its own beside the common one."""
_README = """\
Entries of the audit ledger {origin}, and the proof that they are in it.

    python verify.py . --key KEY

KEY is the log's public key, NAME+ID+BASE64. Take it from where you pinned it, not from this folder or from who gave
it to you. The verifier needs Python 3.11 and the package `cryptography`, and nothing of Sluice; read it first.

What this shows: these entries are the ones that the log signed for, unchanged and in their order. What it cannot show
alone: that the log showed the same history to everybody. Compare the checkpoint with one that a witness kept.
"""


@dataclass(frozen=True)
class WalkStep:
    """One step of a receipt: the entries that recorded it, and the document that it is about."""

    step: str
    digest: Digest | None
    entries: tuple[int, ...]


@dataclass(frozen=True)
class Walk:
    """A walk from an answer back to its data, with the documents that its steps name, by their digests."""

    response_id: str = ""
    steps: tuple[WalkStep, ...] = ()
    documents: Mapping[Digest, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class BundleMade:
    """What was written."""

    entries: int
    tree_size: int
    earlier: int
    checkpoint: str


def write_bundle(folder: Path, proofs: Proofs, origin: str, ranges: Sequence[Range], walk: Walk) -> BundleMade:
    """Writes a bundle into a folder that must not exist. Raises BadInput, StoreError; then there is no such folder."""
    goal = folder.expanduser().absolute()
    if goal.exists():
        raise BadInput("the folder exists; nothing was written", where=str(folder), cure="give the name of a new one")
    work = goal.with_name(f".{goal.name}.{secrets.token_hex(6)}.partial")
    try:
        work.mkdir(mode=0o700)
        made = _write(work, proofs, origin, ranges, walk)
        work.replace(goal)
    except OSError as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError(
            f"the bundle cannot be written: {error.strerror}",
            where=str(folder),
            cure="free some disk space or give a folder that is writable",
        ) from None
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return made


def _write(work: Path, proofs: Proofs, origin: str, ranges: Sequence[Range], walk: Walk) -> BundleMade:
    (work / "checkpoints").mkdir()
    (work / "documents").mkdir()
    with (work / "events.jsonl").open("wb") as events, (work / "leaves").open("wb") as leaves:
        for entry, leaf in proofs.entries(ranges):
            events.write(entry + b"\n")
            leaves.write(leaf)
    if sum(end - first for first, end in ranges) <= _PROOFS_OF_ONE:
        (work / "proofs").mkdir()
        for index in (index for first, end in ranges for index in range(first, end)):
            (work / "proofs" / f"{index}.tlog-proof").write_text(proofs.inclusion(index), "utf-8")
    (work / "checkpoint").write_text(proofs.edge.note, "utf-8")
    earlier = list(proofs.earlier(ranges[0][0], ranges[-1][1])) if ranges else []
    for one in earlier:
        (work / "checkpoints" / str(one.size)).write_text(one.note, "utf-8")
    proof = {
        "ranges": [list(one) for one in ranges],
        "hashes": [encoded(step) for step in proofs.subset(ranges)],
        "earlier": [{"size": one.size, "hashes": [encoded(step) for step in one.proof]} for one in earlier],
    }
    (work / "proof.json").write_bytes(canonical_json(proof) + b"\n")
    _write_walk(work, walk)
    shutil.copyfile(verify.__file__, work / "verify.py")
    (work / "README.txt").write_text(_README.format(origin=origin), "utf-8")
    count = sum(end - first for first, end in ranges)
    files = sorted(path for path in work.rglob("*") if path.is_file())
    manifest = {
        "schema": SCHEMA,
        "origin": origin,
        "made": now().isoformat(),
        "entries": count,
        "tree_size": proofs.size,
        "files": {str(path.relative_to(work)): sha256_file(path) for path in files},
    }
    (work / "manifest.json").write_bytes(canonical_json(manifest) + b"\n")
    for path in work.rglob("*"):
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
    return BundleMade(count, proofs.size, len(earlier), proofs.edge.note)


def _write_walk(work: Path, walk: Walk) -> None:
    for digest, data in walk.documents.items():
        assert hashlib.sha256(data).hexdigest() == digest.removeprefix("sha256:")
        (work / "documents" / digest.removeprefix("sha256:")).write_bytes(data)
    steps = [{"step": step.step, "digest": step.digest, "entries": list(step.entries)} for step in walk.steps]
    (work / "walk.json").write_bytes(canonical_json({"response_id": walk.response_id, "steps": steps}) + b"\n")


def check_bundle(folder: Path, keys: Sequence[LogKey]) -> str:
    """Checks a bundle with the verifier of this Sluice, and says what it holds. Raises CheckFailed, BadInput."""
    from infra.errors import CheckFailed

    try:
        return verify.verify_bundle(folder, keys)
    except verify.Wrong as wrong:
        raise CheckFailed(
            f"the bundle does not verify: {wrong}", where=str(folder), cure="ask for it anew, and keep this one"
        ) from None
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise BadInput(
            f"not a bundle: {type(error).__name__}", where=str(folder), cure="give a folder of `sluice audit export`"
        ) from None
