"""Blobs: what goes in comes out, and nothing else does."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.digest import sha256
from infra.errors import StoreError
from infra.stores.blobs import Blobs


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "blobs")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Blobs:
    return Blobs(tmp_path_factory.mktemp("blobs"))


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=3_000))
def test_bytes_come_back_by_their_digest(shared: Blobs, data: bytes) -> None:
    digest = shared.put(data)
    assert digest == sha256(data) == shared.put(data)
    assert shared.get(digest) == data
    assert shared.has(digest)
    assert shared.check(digest).read_bytes() == data


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3_000_000])
def test_a_file_is_copied_whole(blobs: Blobs, tmp_path: Path, size: int) -> None:
    source = tmp_path / "source"
    source.write_bytes(bytes(index % 251 for index in range(size % 1_000)).ljust(size, b"z"))
    digest = blobs.put_file(source)
    assert digest == sha256(source.read_bytes()) == blobs.put_file(source)
    assert blobs.check(digest) == blobs.path(digest)
    kept = blobs.path(digest)
    assert kept.stat().st_nlink == 1
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    source.write_bytes(b"changed afterwards")
    assert sha256(blobs.get(digest)) == digest
    assert [path for path in blobs.root.rglob("*") if path.is_file()] == [kept]


@settings(max_examples=30, deadline=None)
@given(st.binary(min_size=1, max_size=300), st.data())
def test_changed_bytes_are_never_handed_out(shared: Blobs, data: bytes, draw: st.DataObject) -> None:
    digest = shared.put(data)
    place = draw.draw(st.integers(0, len(data) - 1))
    path = shared.path(digest)
    path.write_bytes(data[:place] + bytes([data[place] ^ draw.draw(st.integers(1, 255))]) + data[place + 1 :])
    for read in (shared.get, shared.check):
        with pytest.raises(StoreError, match="changed"):
            read(digest)
    path.unlink()
    with pytest.raises(StoreError, match="missing"):
        shared.get(digest)


@pytest.mark.parametrize("damage", [b"who", b"whale", b""])
def test_a_damaged_blob_is_made_whole_by_the_next_put(blobs: Blobs, tmp_path: Path, damage: bytes) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"whole")
    for put in (lambda: blobs.put(b"whole"), lambda: blobs.put_file(source)):
        digest = put()
        blobs.path(digest).write_bytes(damage)
        assert put() == digest
        assert blobs.get(digest) == b"whole"


@pytest.mark.parametrize("wrong", ["", "sha256:", "../../etc/passwd", "sha256:../x", "md5:" + "0" * 64, "0" * 64])
def test_only_a_digest_is_a_place(blobs: Blobs, wrong: str) -> None:
    for ask in (blobs.path, blobs.get, blobs.has, blobs.check):
        with pytest.raises(StoreError, match="digest"):
            ask(wrong)


def test_threads_put_the_same_bytes_at_once(blobs: Blobs) -> None:
    with ThreadPoolExecutor(8) as pool:
        digests = set(pool.map(lambda _: blobs.put(b"the same" * 50_000), range(32)))
    assert len(digests) == 1
    assert blobs.get(digests.pop()) == b"the same" * 50_000


def test_a_place_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_bytes(b"a file where the folder should be")
    blobs = Blobs(tmp_path / "blobs")
    source = tmp_path / "source"
    source.write_bytes(b"x")
    with pytest.raises(StoreError):
        blobs.put(b"x")
    with pytest.raises(StoreError):
        blobs.put_file(source)
    with pytest.raises(StoreError):
        blobs.put_file(tmp_path / "nothing here")
