"""Other people's clients: the layout is that of c2sp.org/tlog-tiles, read here by a client written from its text."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pymerkle import InmemoryTree

from infra.contracts.base import now
from infra.home import Home
from infra.ledger.archive.closing import archive
from infra.ledger.archive.tiles import tile_name
from infra.ledger.log import Ledger
from infra.ledger.query import AuditFilter
from infra.ledger.verify import open_checkpoint

_LATER = timedelta(days=1)


@pytest.mark.parametrize(
    ("level", "number", "width", "name"),
    [
        (0, 0, 256, "tile/0/000"),
        (0, 1, 256, "tile/0/001"),
        (3, 999, 256, "tile/3/999"),
        (0, 1_000, 256, "tile/0/x001/000"),
        (5, 1_234_067, 256, "tile/5/x001/x234/067"),
        (1, 1_234_067, 8, "tile/1/x001/x234/067.p/8"),
    ],
)
def test_the_specifications_names(level: int, number: int, width: int, name: str) -> None:
    assert tile_name(level, number, width) == name


class _Client:
    """Reads a log of tiles as the specification tells it: no code of Sluice's."""

    def __init__(self, root: Path) -> None:
        self._root = root
        lines = (root / "checkpoint").read_text("utf-8").split("\n")
        self.size = int(lines[1])

    def hash(self, level: int, index: int) -> bytes:
        """The root of the whole subtree `index` of 2**level leaves."""
        tile_level, above = divmod(level, 8)
        first = index << above
        data = self._tile(tile_level, first // 256)
        start = first % 256
        nodes = [data[32 * at : 32 * at + 32] for at in range(start, start + (1 << above))]
        while len(nodes) > 1:
            nodes = [hashlib.sha256(b"\x01" + a + b).digest() for a, b in zip(nodes[::2], nodes[1::2], strict=True)]
        return nodes[0]

    def root(self, first: int, until: int) -> bytes:
        count = until - first
        if count & (count - 1) == 0:
            return self.hash(count.bit_length() - 1, first // count)
        half = 1 << (count - 1).bit_length() - 1
        both = self.root(first, first + half) + self.root(first + half, until)
        return hashlib.sha256(b"\x01" + both).digest()

    def _tile(self, level: int, number: int) -> bytes:
        width = min(256, (self.size >> 8 * level) - 256 * number)
        name = f"{number % 1000:03d}"
        while number >= 1000:
            number //= 1000
            name = f"x{number % 1000:03d}/{name}"
        return (self._root / "tile" / str(level) / (name if width == 256 else f"{name}.p/{width}")).read_bytes()


def test_a_client_of_other_people_reads_and_checks_the_archived_log(
    home: Home, ledger: Ledger, fill: Callable[..., int]
) -> None:
    fill(ledger, 600)
    at = ledger.query(AuditFilter(from_index=600, limit=5_000))[0].event.at
    entries = [entry for _, entry in ledger.raw_entries(0, 5_000)]
    for before in (at, now() + _LATER):  # a log of two tiles, then of five
        archive(home, ledger, before)
        tip = open_checkpoint((home.archive / "checkpoint").read_text("utf-8"), ledger.keys)
        client, peer = _Client(home.archive), InmemoryTree()
        for entry in entries[: tip.size]:
            peer.append(entry)
        assert client.root(0, client.size) == tip.root == peer.get_state()
        for index in (0, 255, 256, tip.size - 1):
            assert client.hash(0, index) == hashlib.sha256(b"\x00" + entries[index]).digest()
    assert tip.size == 5 * 256


@pytest.mark.slow
def test_a_log_of_more_than_one_tile_of_tiles(home: Home, ledger: Ledger, events: Any) -> None:
    """Beyond 65,536 entries a third level begins, and a second segment."""
    made = [(events.completed(number), None) for number in range(66_200)]
    for start in range(0, len(made), 5_000):
        ledger.append_many(made[start : start + 5_000])
    done = archive(home, ledger, now() + _LATER)
    assert (done.segments, done.entries) == (2, 66_048)
    client = _Client(home.archive)
    tip = open_checkpoint((home.archive / "checkpoint").read_text("utf-8"), ledger.keys)
    assert client.root(0, client.size) == tip.root and client.size == 66_048
    assert (home.archive / "tile" / "2" / "000.p" / "1").exists()
    check = ledger.verify()
    assert check.ok and check.archived == 66_048, check.problems
    newest = ledger.query(AuditFilter(kinds=("request",), before_index=65_600, limit=200))
    assert [entry.index for entry in newest] == list(range(65_400, 65_600))
