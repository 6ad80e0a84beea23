"""The filter of a segment's values denies none that it has, few that it has not denied, and decides nothing else."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.home import Home
from infra.ledger.archive.bloom import Bloom, Value
from infra.ledger.archive.place import DamagedFile, FolderPlace
from infra.ledger.archive.segment import SegmentFile, segment_name
from infra.ledger.expiry import ExpiryRule
from infra.ledger.log import Ledger
from infra.ledger.query import AuditFilter
from infra.ledger.retention import expire
from infra.ledger.walked_rows import ArchivedRows

_VALUES = st.tuples(st.sampled_from(["tenant", "subject", "version"]), st.text(max_size=30) | st.integers(0, 2**63 - 1))
_SEGMENT = f"archive/{segment_name(0)}"
_UNTIL = 1_024
"""Where it ends."""
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


def _answers(root: Path) -> list[Any]:
    ledger = Ledger.open(Home(root))
    return [ledger.query(AuditFilter(**asked, limit=5_000)) for asked in _ASKED]


def _with_filter(root: Path, change: Callable[[bytes], bytes | None], version: Any = None) -> None:
    """The same file in small row groups with another filter; its versions as `version` where that is a type."""
    data = change(b64decode(pyarrow.parquet.read_metadata(root / _SEGMENT).metadata[b"sluice.bloom"]))
    table = pyarrow.parquet.read_table(root / _SEGMENT)
    if version is not None:
        place = table.schema.get_field_index("version")
        table = table.set_column(place, "version", table.column(place).cast(version))
    with pyarrow.parquet.ParquetWriter(root / _SEGMENT, table.schema) as writer:
        writer.write_table(table, row_group_size=100)
        if data is not None:
            writer.add_key_value_metadata({"sluice.bloom": b64encode(data)})


def _values(root: Path) -> list[Value]:
    """Everything that the filter is of, in the order of the entries."""
    with SegmentFile(FolderPlace(root / "archive"), segment_name(0), 0, _UNTIL) as file:
        return list(dict.fromkeys(value for one in file.stored(0, _UNTIL) for value in one.derived.values))


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
    assert problem.what.startswith("its filter denies what it has") and (problem.index, problem.last) == (0, _UNTIL - 1)


@pytest.mark.parametrize("number", [0, 3, 100, 400])
def test_a_filter_that_denies_a_single_value_is_found(copied: Path, number: int) -> None:
    """In whatever row group it stands, and by whoever walks over the part that has it."""
    hidden = ("response_id", f"resp-{number}")
    _with_filter(copied, lambda _: Bloom.of([value for value in _values(copied) if value != hidden]).data)
    ledger = Ledger.open(Home(copied))
    assert not ledger.of_response(hidden[1])
    (problem,) = ledger.verify().problems
    assert (problem.index, problem.last, problem.what[:35]) == (0, _UNTIL - 1, "its filter denies what it has: segm")
    with ledger.view() as view:
        for first, until in ((0, 512), (512, _UNTIL)):
            rows = ArchivedRows(view.connection, view.archived, first, until, 0)
            entries = [row[1] for row in rows]
            has = any(isinstance(one, bytes) and f'"{hidden[1]}"'.encode() in one for one in entries)
            assert [one[0] for one in rows.damage] == ([first] if has else [])


@pytest.mark.parametrize("version", [pyarrow.float64(), pyarrow.decimal128(21, 2), pyarrow.int32()])
def test_a_column_of_another_type_with_a_filter_of_its_own_is_found(copied: Path, version: Any) -> None:
    """2 is 2.0 to whoever compares them, and not to who hashes them."""
    own = [(name, f"{value}.0" if name == "version" else value) for name, value in _values(copied)]
    _with_filter(copied, lambda _: Bloom.of(own).data, version)
    found = Ledger.open(Home(copied)).verify()
    assert any("a file of the archive is damaged: TypeError" in one.what for one in found.problems)


def test_a_filter_of_other_spellings_is_found(copied: Path) -> None:
    own = [(name, f"{value}.0" if name == "version" else value) for name, value in _values(copied)]
    _with_filter(copied, lambda _: Bloom.of(own).data)
    (problem,) = Ledger.open(Home(copied)).verify().problems
    assert problem.what.startswith("its filter denies what it has")


def test_a_filter_that_cannot_be_read_is_damage(copied: Path) -> None:
    table = pyarrow.parquet.read_table(copied / _SEGMENT)
    with pyarrow.parquet.ParquetWriter(copied / _SEGMENT, table.schema) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({"sluice.bloom": "~"})
    with pytest.raises(DamagedFile, match="a file of the archive is damaged"):
        _answers(copied)
    problems = Ledger.open(Home(copied)).verify().problems
    assert [(one.index, one.last) for one in problems if "damaged" in one.what] == [(0, _UNTIL - 1)]


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
