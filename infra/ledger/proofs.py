"""Proofs: what the newest signed checkpoint vouches for, read within one transaction."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from infra.errors import StoreError
from infra.ledger.stored_tree import Edge, LedgerChanged, StoredHashes
from infra.ledger.tree import TILE, consistency_proof, inclusion_proof, ranges_of, root_of_entry, subset_proof
from infra.ledger.verify import leaf_hash
from infra.ledger.view import View

Range = tuple[int, int]
"""Indices, end exclusive."""
_PORTION = 65_536


@dataclass(frozen=True)
class Earlier:
    """A checkpoint of before, and the proof that its tree is the beginning of the newest one."""

    size: int
    note: str
    proof: tuple[bytes, ...]


@dataclass(frozen=True)
class Proofs:
    """One consistent view of the tree at its newest checkpoint."""

    hashes: StoredHashes
    edge: Edge

    @property
    def view(self) -> View:
        """The entries and payloads beside the tree."""
        return View(self.hashes.connection, self.hashes.archive.within(self.hashes.connection))

    @property
    def size(self) -> int:
        """How many entries the checkpoint covers."""
        return self.edge.frontier.size

    def vouches(self, index: int, entry: bytes) -> bool:
        """Whether these bytes are the entry of this index under the checkpoint."""
        if not 0 <= index < self.size:
            return False
        try:
            proof = inclusion_proof(self.hashes, index, self.size)
        except LedgerChanged:
            return False
        return root_of_entry(index, self.size, leaf_hash(entry), proof) == self.edge.frontier.root

    def inclusion(self, index: int) -> str:
        """The proof of one entry in the form of c2sp.org/tlog-proof, the checkpoint with it."""
        proof = inclusion_proof(self.hashes, index, self.size)
        lines = "".join(f"{encoded(step)}\n" for step in proof)
        return f"c2sp.org/tlog-proof@v1\nindex {index}\n{lines}\n{self.edge.note}"

    def subset(self, ranges: Sequence[Range]) -> list[bytes]:
        """The hashes that lead, with the entries in these ranges, to the root (`verify.root_of_some`)."""
        return subset_proof(self.hashes, ranges, self.size)

    def entries(self, ranges: Sequence[Range]) -> Iterator[tuple[bytes, bytes]]:
        """The bytes and the leaf of each entry in these ranges, in order. Raises StoreError where one has expired."""
        for part in _portions(ranges):
            entries = self.view.entries(part)
            for first, end in ranges_of(part):
                for start in range(first, end, TILE):
                    for index, leaf in enumerate(self.hashes.hashes(0, start, min(TILE, end - start)), start):
                        found, entry = next(entries, (-1, b""))
                        if found != index:
                            raise StoreError(f"entry {index} is gone", cure="ask again: it has expired by now")
                        yield entry, leaf

    def consistency(self, old: int) -> list[bytes]:
        """Shows that the tree of `old` entries is the beginning of the checkpoint's (`verify.check_consistency`)."""
        return consistency_proof(self.hashes, old, self.size)

    def earlier(self, first: int, end: int) -> Iterator[Earlier]:
        """The checkpoints that are kept of sizes from `first` to before `end`, with their proofs."""
        rows = self.hashes.connection.execute(
            "SELECT size, note FROM checkpoints WHERE size >= ? AND size < ? AND size < ? ORDER BY size",
            (first, end, self.size),
        ).fetchall()
        for size, note in rows:
            yield Earlier(int(size), str(note), tuple(consistency_proof(self.hashes, int(size), self.size)))


def _portions(ranges: Sequence[Range]) -> Iterator[list[int]]:
    """The indices of ranges, some thousand at a time."""
    indices = (index for first, end in ranges for index in range(first, end))
    while part := list(islice(indices, _PORTION)):
        yield part


def encoded(raw: bytes) -> str:
    """Base64, as notes and proofs write hashes."""
    return base64.b64encode(raw).decode()
