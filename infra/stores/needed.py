"""Which blobs and snapshot rows somebody still needs: marked by walking the contracts from what is signed or recorded.

Roots are every signed manifest (released, waiting for its review or put aside) and every contract that the ledger
names. From a manifest everything is needed. From the ledger alone all papers are (contracts, policies, figures, curves,
items, answers), but not the weights of an adapter that no manifest names, nor the rows of a snapshot.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from infra.contracts.adapter import Adapter
from infra.contracts.dataset import DatasetSnapshot, SplitManifest
from infra.contracts.signed import Signed
from infra.digest import Digest
from infra.errors import BadInput, StoreError
from infra.home import Home
from infra.ledger.log import Ledger
from infra.ledger.query import ALL_ENTRIES, AuditFilter
from infra.ledger.store import has_record
from infra.stores.blobs import Blobs

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_CONTRACT = b'{"'
_CONTRACT_BYTES = 64 << 20
"""No contract is larger; what is larger is bytes that name nothing."""
_LEAVES = frozenset({SplitManifest.schema_id})
"""Contracts whose digests are not of blobs: a row's digest names no file."""
_NAMING = (
    "stage.finished",
    "stage.reused",
    "review.decided",
    "release.written",
    "release.refused",
    "model.served",
    "policy.put",
)


@dataclass
class Needed:
    """What must stay."""

    blobs: set[Digest] = field(default_factory=set)
    splits: set[Digest] = field(default_factory=set)
    """Split manifests whose rows are needed, and not only the manifest."""
    recipes: set[Digest] = field(default_factory=set)
    """Recipes of trainings that ended: an adapter says so."""


def find_needed(home: Home, blobs: Blobs) -> Needed:
    """Marks everything that is needed. Raises StoreError when a root or a contract cannot be read."""
    needed = Needed()
    for digest in _signed(home):
        _mark(digest, blobs, needed, whole=True)
    for digest in _recorded(home):  # second: what is marked already was marked with all that it names
        _mark(digest, blobs, needed, whole=False)
    return needed


def _signed(home: Home) -> Iterator[Digest]:
    """What the signed files name, verified or not: what cannot be verified today may be evidence tomorrow."""
    for path in sorted(home.releases.glob("*/*/**/*.json")):
        try:
            yield from _digests(Signed.from_json(path.read_bytes()).payload)
        except (OSError, BadInput):
            raise StoreError(
                "the signed file cannot be read, so that nobody knows what it needs; nothing was removed",
                where=str(path),
                cure="restore it from a backup",
            ) from None


def _recorded(home: Home) -> Iterator[Digest]:
    if not has_record(home):
        return
    ledger = Ledger.open(home)
    try:
        for entry in ledger.query(AuditFilter(kinds=_NAMING, limit=ALL_ENTRIES)):
            yield from _digests(entry.event.to_json().decode())
    finally:
        ledger.close()


def _mark(start: Digest, blobs: Blobs, needed: Needed, *, whole: bool) -> None:
    waiting = [start]
    while waiting:
        digest = waiting.pop()
        if digest in needed.blobs:
            continue
        needed.blobs.add(digest)
        waiting += _children(digest, blobs, needed, whole=whole)


def _children(digest: Digest, blobs: Blobs, needed: Needed, *, whole: bool) -> Iterable[Digest]:
    """What a contract names; nothing for bytes that are no contract, or that are not here."""
    data = _contract_bytes(blobs.path(digest))
    if data is None:
        return ()
    try:
        schema = str(json.loads(data).get("schema", ""))
    except (ValueError, AttributeError):
        return ()
    if not schema.startswith("sluice/") or schema in _LEAVES:
        return ()
    blobs.check(digest)
    if whole and schema == DatasetSnapshot.schema_id:
        needed.splits |= {split.manifest for split in DatasetSnapshot.from_json(data).splits}
    found = set(_digests(data.decode()))
    if schema == Adapter.schema_id:
        adapter = Adapter.from_json(data)
        needed.recipes.add(adapter.recipe)
        if not whole:
            found -= {file.digest for file in adapter.files}
    return found


def _contract_bytes(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            start = file.read(len(_CONTRACT))
            if start != _CONTRACT or path.stat().st_size > _CONTRACT_BYTES:
                return None
            return start + file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(
            f"a blob cannot be read, so that nobody knows what it needs; nothing was removed: {error.strerror}",
            where=str(path),
            cure="make it readable to its owner",
        ) from None


def _digests(text: str) -> Iterator[Digest]:
    return (Digest(found) for found in _DIGEST.findall(text))
