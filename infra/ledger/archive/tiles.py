"""The archive's part of the tree in the layout of c2sp.org/tlog-tiles, for anybody's client that reads such logs.

    checkpoint              the signed note of the archived log, a beginning of the whole one
    tile/LEVEL/NNN          256 hashes of a tile level; a tile of fewer: tile/LEVEL/NNN.p/WIDTH

The entries themselves are in the segments (segment.py), not in entry bundles: what expires leaves a gap, and a bundle
has no way to say so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from infra.ledger.archive.place import ArchivePlace, DamagedFile, read_many
from infra.ledger.tree import TILE, Hashes

CHECKPOINT = "checkpoint"
HASH_BYTES = 32
_GROUP = 1_000


def tile_name(level: int, number: int, width: int = TILE) -> str:
    """The file of a tile: its number in groups of three digits, all but the last with an x before."""
    groups = [f"{number % _GROUP:03d}"]
    while number := number // _GROUP:
        groups.insert(0, f"x{number % _GROUP:03d}")
    partial = f".p/{width}" if width < TILE else ""
    return f"tile/{level}/{'/'.join(groups)}{partial}"


def write_tiles(place: ArchivePlace, hashes: Hashes, first: int, until: int) -> None:
    """Writes the tiles that a log of `until` entries has and one of `first` had not. Raises StoreError."""
    from concurrent.futures import ThreadPoolExecutor

    wanted = [(level, *tile) for level in _levels(until) for tile in _new_tiles(level, first, until)]
    with ThreadPoolExecutor(max_workers=16, thread_name_prefix="archive") as threads:
        files = [
            (tile_name(level, number, width), b"".join(hashes.hashes(level, number * TILE, width)))
            for level, number, width in wanted
        ]
        list(threads.map(lambda file: place.write(*file), files))


def read_leaves(place: ArchivePlace, first_tile: int, until_tile: int) -> Iterator[list[bytes]]:
    """The leaves' hashes of whole tiles, tile by tile. Raises StoreError."""
    for data in read_many(place, [tile_name(0, number) for number in range(first_tile, until_tile)]):
        yield split_tile(data)


def split_tile(data: bytes) -> list[bytes]:
    """The hashes of a whole tile. Raises DamagedFile when it has another length."""
    if len(data) != TILE * HASH_BYTES:
        raise DamagedFile("a tile of the archive has another length", cure="restore the archive from a backup")
    return [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]


def upper_tiles(until: int) -> Iterator[tuple[int, int, int]]:
    """Level, number and width of the tiles above the leaves' that a log of so many entries has."""
    for level in _levels(until):
        if level:
            yield from ((level, number, width) for number, width in _new_tiles(level, 0, until))


def _levels(size: int) -> Sequence[int]:
    return range(max(1, (size.bit_length() + 7) // 8))


def _new_tiles(level: int, first: int, until: int) -> Iterator[tuple[int, int]]:
    """Number and width of the tiles of a level in which hashes were added."""
    before, after = first >> 8 * level, until >> 8 * level
    for number in range(before // TILE, (after + TILE - 1) // TILE):
        yield number, min(TILE, after - number * TILE)
