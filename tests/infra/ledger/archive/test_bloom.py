"""The filter of a segment's values denies none that it has, few that it has not denied, and decides nothing else."""

from __future__ import annotations

import shutil
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.contracts.base import now
from infra.home import Home
from infra.ledger.archive.bloom import Bloom
from infra.ledger.archive.closing import archive
from infra.ledger.archive.place import FolderPlace
from infra.ledger.archive.segment import SegmentFile, segment_name
from infra.ledger.expiry import ExpiryRule
from infra.ledger.log import Ledger
from infra.ledger.query import AuditFilter
from infra.ledger.retention import expire

_VALUES = st.tuples(st.sampled_from(["tenant", "subject", "version"]), st.text(max_size=30) | st.integers(0, 2**63 - 1))
_SEGMENT = f"archive/{segment_name(0)}"
_ASKED = (
    {"response_id": "resp-7"},
    {"subject": "sub-1"},
    {"tenant": "tenant-2", "outcome": "blocked"},
    {"version": 2},
    {"response_id": "resp-none"},
    {"tenant": "tenant-2", "version": 7},
)


@given(values=st.sets(_VALUES, max_size=60), other=_VALUES)
def test_what_was_put_in_is_never_denied(values: set[Any], other: Any) -> None:
    bloom = Bloom.of(values)
    assert not any(bloom.denies(value) for value in values) and not bloom.denies_any(values)
    assert bloom.denies_any([*values, other]) == bloom.denies(other)


def test_few_of_what_was_not_put_in_pass() -> None:
    bloom = Bloom.of([("subject", number) for number in range(20_000)])
    passed = sum(not bloom.denies(("subject", number)) for number in range(20_000, 40_000))
    assert len(bloom.data) == 40_000 and 2 <= passed <= 30  # about 1 in 2,000


def test_a_filter_of_no_bytes_denies_nothing() -> None:
    assert not Bloom(b"").denies(("tenant", "acme")) and not Bloom(b"").denies_any([("tenant", "acme")])


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory, fill: Callable[..., int]) -> Path:
    root = tmp_path_factory.mktemp("evidence") / "home"
    ledger = Ledger.open(Home.open(root))
    fill(ledger, 300)
    archive(Home(root), ledger, now().replace(year=now().year + 1))
    ledger.close()
    return root


@pytest.fixture
def copied(evidence: Path, tmp_path: Path) -> Path:
    shutil.copytree(evidence, tmp_path / "copy")
    return tmp_path / "copy"


def _answers(root: Path) -> list[Any]:
    ledger = Ledger.open(Home(root))
    return [ledger.query(AuditFilter(**asked, limit=5_000)) for asked in _ASKED]


def _with_filter(root: Path, change: Callable[[bytes], bytes | None]) -> None:
    """The same file with another filter."""
    with SegmentFile(FolderPlace(root / "archive"), segment_name(0), 0, 512) as file:
        data = change(file._bloom.data)
    table = pyarrow.parquet.read_table(root / _SEGMENT)
    with pyarrow.parquet.ParquetWriter(root / _SEGMENT, table.schema) as writer:
        writer.write_table(table)
        if data is not None:
            writer.add_key_value_metadata({"sluice.bloom": b64encode(data)})


def test_what_a_segment_denies_is_answered_without_its_columns(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    columns = SegmentFile.columns

    def counted(self: SegmentFile, names: Any, *more: Any) -> Any:
        read.extend(names)
        return columns(self, names, *more)

    monkeypatch.setattr(SegmentFile, "columns", counted)
    ledger = Ledger.open(Home(copied))
    assert not ledger.query(AuditFilter(subject="sub-nobody")) and not ledger.query(AuditFilter(version=7)) and not read
    assert ledger.query(AuditFilter(subject="sub-1")) and read


@pytest.mark.parametrize("data", [None, b"", b"\xff" * 4_000])
def test_a_filter_that_is_gone_or_denies_too_little_changes_no_answer(copied: Path, data: bytes | None) -> None:
    before = _answers(copied)
    _with_filter(copied, lambda _: data)
    assert _answers(copied) == before
    assert Ledger.open(Home(copied)).verify().ok


@pytest.mark.parametrize("change", [lambda data: bytes(len(data)), lambda data: data[:-8], lambda data: data[::-1]])
def test_a_filter_that_denies_what_is_there_is_found(copied: Path, change: Callable[[bytes], bytes]) -> None:
    before = _answers(copied)
    _with_filter(copied, change)
    assert _answers(copied) != before  # what the change does to who asks
    (problem,) = Ledger.open(Home(copied)).verify().problems
    assert problem.what.startswith("its filter denies what it has") and (problem.index, problem.last) == (0, 511)


def test_what_expired_leaves_the_filter(copied: Path) -> None:
    home, ledger = Home(copied), Ledger.open(Home(copied))
    limit = ledger.query(AuditFilter(from_index=300, limit=5_000))[0].event.at
    gone, kept = ("response_id", "resp-3"), ("response_id", "resp-210")
    with ledger.view() as view, ledger.archive.file(view.archived.segments[0]) as file:
        assert not file.denies(gone) and not file.denies(kept)
    expire(home, ledger, ExpiryRule(200, "", limit))
    with ledger.view() as view, ledger.archive.file(view.archived.segments[0]) as file:
        assert file.denies(gone) and not file.denies(kept)
    assert ledger.verify().ok
