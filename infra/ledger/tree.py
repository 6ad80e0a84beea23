"""The Merkle tree of RFC 6962 as a log computes it: grown leaf by leaf, proofs out of stored hashes. No store.

Hashes are kept in the tiles of c2sp.org/tlog-tiles: tile level 0 are the leaves, and each hash of level L + 1 is the
root of 256 whole hashes of level L. What anybody can check of it stands in `verify`, which needs nothing of Sluice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from infra.ledger.verify import EMPTY_ROOT, Wrong, node_hash, split

TILE = 256
_TILE_HEIGHT = 8


@dataclass(frozen=True)
class TileHash:
    """The root of a whole tile: hash `number` of a tile level above 0."""

    level: int
    number: int
    hash: bytes


class Hashes(Protocol):
    """Where the hashes of a tree are kept."""

    def hashes(self, level: int, first: int, count: int) -> Sequence[bytes]:
        """So many hashes of a tile level, in order. Raises StoreError when one is missing."""


@dataclass
class Frontier:
    """The right edge of a tree: what growing it needs to know, and its root. 32 bytes for each doubling."""

    size: int = 0
    _peaks: list[bytes] = field(default_factory=list)
    """The roots of the whole subtrees, one for each 1 in the binary form of the size, largest first."""

    @classmethod
    def of(cls, size: int, stored: Hashes) -> Frontier:
        """The right edge of a tree of which every hash is stored."""
        peaks, low = [], 0
        for height in reversed(range(size.bit_length())):
            if size >> height & 1:
                peaks.append(subtree(stored, low, low + (1 << height)))
                low += 1 << height
        return cls(size, peaks)

    def copy(self) -> Frontier:
        """Another one to grow, while this one stays as it is."""
        return Frontier(self.size, list(self._peaks))

    @property
    def whole_tiles(self) -> Frontier:
        """The right edge of the tree without the leaves after its last whole tile."""
        whole = self.size >> _TILE_HEIGHT
        return Frontier(whole << _TILE_HEIGHT, self._peaks[: whole.bit_count()])

    def append(self, leaf: bytes) -> tuple[TileHash, ...]:
        """Adds a leaf's hash; returns the hashes of the tiles that it made whole, smallest first."""
        node, height, whole = leaf, 0, []
        while self.size >> height & 1:
            node = node_hash(self._peaks.pop(), node)
            height += 1
            if height % _TILE_HEIGHT == 0:
                whole.append(TileHash(height // _TILE_HEIGHT, self.size >> height, node))
        self._peaks.append(node)
        self.size += 1
        return tuple(whole)

    @property
    def root(self) -> bytes:
        """RFC 6962, 2.1: the root of the tree of this size."""
        if not self._peaks:
            return EMPTY_ROOT
        found = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            found = node_hash(peak, found)
        return found


def subtree(stored: Hashes, low: int, high: int) -> bytes:
    """RFC 6962, 2.1: the root over the leaves from `low` to before `high`, a range that splitting the tree gives."""
    count = high - low
    if count & (count - 1):
        middle = low + split(count)
        return node_hash(subtree(stored, low, middle), subtree(stored, middle, high))
    level, above = divmod(count.bit_length() - 1, _TILE_HEIGHT)
    hashes = list(stored.hashes(level, low >> level * _TILE_HEIGHT, 1 << above))
    while len(hashes) > 1:
        hashes = [node_hash(left, right) for left, right in zip(hashes[::2], hashes[1::2], strict=True)]
    return hashes[0]


def inclusion_proof(stored: Hashes, index: int, size: int) -> list[bytes]:
    """RFC 6962, 2.1.1: the hashes from the leaf's sibling up to the root's child."""
    low, high, found = 0, size, []
    while high - low > 1:
        middle = low + split(high - low)
        if index < middle:
            found.append(subtree(stored, middle, high))
            high = middle
        else:
            found.append(subtree(stored, low, middle))
            low = middle
    return found[::-1]


def root_of_entry(index: int, size: int, leaf: bytes, proof: Sequence[bytes]) -> bytes:
    """RFC 6962, 2.1.1: the root to which an inclusion proof leads. Raises Wrong when it is not one of this place."""
    if not 0 <= index < size or (size > 1) != bool(proof):
        raise Wrong("the inclusion proof is not one of this index and size")
    if size == 1:
        return leaf
    middle = split(size)
    if index < middle:
        return node_hash(root_of_entry(index, middle, leaf, proof[:-1]), proof[-1])
    return node_hash(proof[-1], root_of_entry(index - middle, size - middle, leaf, proof[:-1]))


def consistency_proof(stored: Hashes, old: int, new: int) -> list[bytes]:
    """RFC 6962, 2.1.2: shows that the tree of `old` leaves is the beginning of the one of `new`."""
    if old in (0, new):
        return []
    low, high, found, whole = 0, new, [], True
    while old != high:
        middle = low + split(high - low)
        if old <= middle:
            found.append(subtree(stored, middle, high))
            high = middle
        else:
            found.append(subtree(stored, low, middle))
            low, whole = middle, False
    if not whole:
        found.append(subtree(stored, low, high))
    return found[::-1]


def subset_proof(stored: Hashes, ranges: Sequence[tuple[int, int]], size: int) -> list[bytes]:
    """What `verify.root_of_some` needs beside the leaves in these ranges (ascending, end exclusive, not touching)."""
    return list(_others(stored, list(ranges), 0, size)) if size else []


def _others(stored: Hashes, ranges: list[tuple[int, int]], low: int, high: int) -> Iterator[bytes]:
    inside = [(first, end) for first, end in ranges if first < high and end > low]
    if not inside:
        yield subtree(stored, low, high)
    elif high - low > 1 and not (inside[0][0] <= low and inside[0][1] >= high):
        middle = low + split(high - low)
        yield from _others(stored, inside, low, middle)
        yield from _others(stored, inside, middle, high)


def ranges_of(indexes: Sequence[int]) -> list[tuple[int, int]]:
    """Ascending indexes as ranges, end exclusive."""
    found: list[tuple[int, int]] = []
    for index in indexes:
        if found and found[-1][1] == index:
            found[-1] = (found[-1][0], index + 1)
        else:
            found.append((index, index + 1))
    return found
