"""Segments give back what they were given; what is no segment is told, whatever its bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.compute
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.digest import canonical_json
from infra.ledger.archive.place import DamagedFile, FolderPlace, MissingFile
from infra.ledger.archive.segment import Derived, Row, SegmentFile, encode

_ENTRIES = st.fixed_dictionaries(
    {"kind": st.sampled_from(["request.admitted", "release.written"]), "event_id": st.text(max_size=8)},
    optional={"tenant": st.text(max_size=5), "version": st.integers(0, 2**40), "extra": st.text(max_size=40)},
)


@settings(max_examples=40, deadline=None)
@given(
    made=st.lists(st.tuples(st.none() | _ENTRIES, st.none() | st.binary(max_size=50)), min_size=1, max_size=40),
    first=st.integers(0, 10**7),
    data=st.data(),
)
def test_rows_come_back(
    tmp_path_factory: pytest.TempPathFactory, made: list[Any], first: int, data: st.DataObject
) -> None:
    rows = [
        Row(first + number, None if fields is None else canonical_json(fields), payload)
        for number, (fields, payload) in enumerate(made)
    ]
    place = FolderPlace(tmp_path_factory.mktemp("segment"))
    place.write("one", encode(rows))
    with SegmentFile(place, "one", first, first + len(rows)) as file:
        stored = list(file.stored(0, 10**9))
        assert [one.row for one in stored] == rows
        assert [one.derived for one in stored] == [Derived.of(row.entry) for row in rows]
        asked = sorted(data.draw(st.sets(st.integers(0, len(rows) - 1)), label="asked"))
        assert list(file.rows([first + at for at in asked])) == [rows[at] for at in asked]
        assert [row.payload for row in file.rows([first], payloads=False)] == [None]
        field = pyarrow.compute.field("idx")
        tables = file.columns(["idx"], field > first, ["idx"], first, first + 10)
        assert [index for table in tables for index in table.column(0).to_pylist()] == [row.idx for row in rows[1:]]


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_bytes_end_in_anything_but_a_sentence(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    raw = bytearray(encode([Row(number, b'{"kind":"request.admitted"}', b"x") for number in range(300)]))
    how = data.draw(st.sampled_from(["flip", "cut", "any"]))
    if how == "flip":
        for _ in range(data.draw(st.integers(1, 8))):
            raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    elif how == "cut":
        del raw[data.draw(st.integers(0, len(raw) - 1)) :]
    else:
        raw = bytearray(data.draw(st.binary(max_size=400)))
    place = FolderPlace(folder)
    place.write("one", bytes(raw))
    try:
        with SegmentFile(place, "one", 0, 300) as file:
            list(file.stored(0, 1_000))
            list(file.rows([3, 250]))
            list(file.columns(["kind", "fired"], pyarrow.compute.field("idx") > 7, ["idx"], 0, 300))
    except DamagedFile as told:
        assert told.cure and str(folder) in str(told)


def test_what_is_not_there_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingFile):
        SegmentFile(FolderPlace(tmp_path), "segments/none", 0, 256)
