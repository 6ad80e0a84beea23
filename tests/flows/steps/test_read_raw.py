"""Reading: every row comes out once, as a row or with the reason why it is none, and no file ends in a stack trace."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.pipeline import Columns
from flows.steps.read_csv import read_csv
from flows.steps.read_jsonl import read_jsonl
from flows.steps.read_raw import SourceReader, in_batches
from infra.errors import BadInput
from policies.expectations.rows import RawRow, UnreadableRow

COLUMNS = Columns(text="q", answer="a")
Seen = list[tuple[int, str | None, str | None]]


def read(tmp_path: Path, name: str, data: bytes, columns: Columns = COLUMNS) -> Seen:
    path = tmp_path / name
    path.write_bytes(data)
    return [shown(row) for row in SourceReader(path, "train", columns).rows()]


def shown(row: RawRow | UnreadableRow) -> tuple[int, str | None, str | None]:
    if isinstance(row, UnreadableRow):
        return (row.place.line, "!", row.reason)
    return (row.place.line, row.text, row.answer)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"q,a\nhi,x\n", [(2, "hi", "x")]),
        (b"\xef\xbb\xbfq,a\r\nhi,x\r\n\r\nho,y", [(2, "hi", "x"), (4, "ho", "y")]),
        ("q;a\n¿qué, tal?;x\n".encode(), [(2, "¿qué, tal?", "x")]),
        (b"q\ta\nhi\tx\n", [(2, "hi", "x")]),
        (b'"q";"a"\n"hi";"x"\n', [(2, "hi", "x")]),
        (b'other,a,q\n1,x,"two\nlines, ""quoted"""\n2,y,z\n', [(2, 'two\nlines, "quoted"', "x"), (4, "z", "y")]),
        (
            b"q,a\nhi\nx,y,z\nok,x\n",
            [(2, "!", "1 fields, the header has 2"), (3, "!", "3 fields, the header has 2"), (4, "ok", "x")],
        ),
        (b"q,a\nhi,\n,x\n", [(2, "hi", None), (3, "", "x")]),
        (b"q,a\nca\xf1a,x\nok,y\n", [(2, "!", "not UTF-8"), (3, "ok", "y")]),
        (b"q,a\nnu\0l,x\n", [(2, "!", "a NUL byte")]),
        # A stray quote costs its own line, not the rest of the file.
        (b'q,a\n"open,x\nok,y\n"fine",z\n', [(2, "!", "text after a closing quote"), (3, "ok", "y"), (4, "fine", "z")]),
        (b'q,a\nok,x\n"cut off in the mid', [(2, "ok", "x"), (3, "!", "a quote is opened and never closed")]),
        (b'q,a\n"o"pen,x\nok,y\n', [(2, "!", "text after a closing quote"), (3, "ok", "y")]),
    ],
)
def test_csv(tmp_path: Path, data: bytes, expected: Seen) -> None:
    assert read(tmp_path, "x.csv", data) == expected


@pytest.mark.parametrize(
    ("data", "line", "word"),
    [
        (b"", "", "empty"),
        (b"q,a\n", "", "no row"),
        (b"q,b\nhi,x\n", "line 1", "data.columns.answer"),
        (b"q,a,a\n1,2,3\n", "line 1", "twice"),
        ("q,a\nhi,x\n".encode("utf-16"), "line 1", "UTF-16"),
        ("q,a\nhi,x\n".encode("utf-16-le"), "line 1", "UTF-16"),
        (b"q,a\xf1o\nhi,x\n", "line 1", "UTF-8"),
        (b'"q,a\nhi,x\n', "line 1", "header"),
        (b"q,a\n" + b"x" * (17 << 20), "line 2", "16 MiB"),
    ],
)
def test_a_csv_that_cannot_be_read_at_all_is_one_clear_error(tmp_path: Path, data: bytes, line: str, word: str) -> None:
    with pytest.raises(BadInput) as caught:
        read(tmp_path, "x.csv", data)
    assert "x.csv" in caught.value.where and caught.value.where.endswith(line) and word in caught.value.what
    assert caught.value.cure and "hi" not in str(caught.value)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=12), st.text(min_size=1, max_size=6)), min_size=1, max_size=20))
def test_what_csv_writes_is_read_back_or_set_aside_for_a_reason(rows: list[tuple[str, str]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([("q", "a"), *rows])
    data = text.getvalue().encode("utf-8", "surrogatepass")
    seen = list(read_csv(io.BytesIO(data), "x", "train", COLUMNS))
    assert len(seen) == len(rows)
    for (question, answer), row in zip(rows, seen, strict=True):
        if isinstance(row, RawRow):
            assert (row.text, row.answer) == (question, answer)
        else:
            assert "\0" in question + answer or row.reason == "not UTF-8"


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200))
def test_nothing_of_any_csv_is_lost_and_nothing_breaks(data: bytes) -> None:
    seen = list(read_csv(io.BytesIO(b"q,a\n" + data), "x", "train", COLUMNS))
    lines = [row.place.line for row in seen]
    assert lines == sorted(set(lines))
    read_lines = sum(
        (row.text or "").count("\n") + (row.answer or "").count("\n") + 1 for row in seen if isinstance(row, RawRow)
    )
    aside = sum(row.content.count(b"\n") or 1 for row in seen if isinstance(row, UnreadableRow))
    filled = sum(bool(line.strip(b"\r\n")) for line in data.split(b"\n"))
    assert read_lines + aside >= filled


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'{"q":"hi","a":"x","more":[1]}', (1, "hi", "x")),
        ('{"q":"ñ","a":{"z":1,"b":"é"}}'.encode(), (1, "ñ", '{"z":1,"b":"é"}')),
        (b'{"q":"hi","a":7}', (1, "hi", "7")),
        (b'{"q":null,"a":"x"}', (1, None, "x")),
        (b'{"q":3,"a":"x"}', (1, "!", "'q' is not text")),
        (b'{"q":"hi","a":true}', (1, "!", "'a' is not text")),
        (b'{"q":"hi","a":"x"', (1, "!", "not JSON")),
        (b'{"q":"hi","a":NaN}', (1, "!", "not JSON")),
        (b"[1]", (1, "!", "JSON, but not an object")),
        (b'{"q":"hi","q":"ho","a":"x"}', (1, "!", "a key stands twice")),
        (b'{"q":"\\u0000","a":"x"}', (1, "!", "a NUL byte")),
        (b'{"q":"\\ud800","a":"x"}', (1, "!", "not UTF-8")),
        (b'{"q":"\xf1","a":"x"}', (1, "!", "not UTF-8")),
        (b"[" * 100_000, (1, "!", "JSON nested too deep")),
        (b'{"q":"hi","a":' + b"9" * 5_000 + b"}", (1, "!", "not JSON")),
    ],
)
def test_jsonl(tmp_path: Path, line: bytes, expected: tuple[int, str | None, str | None]) -> None:
    assert read(tmp_path, "x.jsonl", line + b'\n\n{"q":"next","a":"y"}') == [expected, (3, "next", "y")]


def test_a_column_that_no_line_has_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"data\.columns\.answer"):
        read(tmp_path, "x.jsonl", b'{"q":"hi"}\n{"q":"ho"}\n')


def test_optional_columns_that_are_empty_say_nothing() -> None:
    columns = Columns(text="q", answer="a", label="l", language="g", subject="s", row_id="i")
    line = json.dumps({"q": "hi", "a": "x", "l": "", "g": "es", "s": None, "i": 12}).encode()
    [row] = read_jsonl([line], "x", "train", columns)
    assert isinstance(row, RawRow)
    assert (row.label, row.language, row.subject, row.row_id) == (None, "es", None, "12")


def test_parquet(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    texts = pa.array(["hi", None, "ca\u00f1a"] * 4_000)
    table = pa.table({"q": texts, "a": pa.array([1, 2, None] * 4_000), "other": pa.array([[1]] * 12_000)})
    pq.write_table(table, tmp_path / "x.parquet")
    data = (tmp_path / "x.parquet").read_bytes()
    rows = read(tmp_path, "x.parquet", data)
    assert len(rows) == 12_000 and rows[:3] == [(1, "hi", "1"), (2, None, "2"), (3, "ca\u00f1a", None)]
    bad = pa.Array.from_buffers(pa.string(), 1, pa.array([b"ca\xf1a"]).buffers())
    pq.write_table(pa.table({"q": bad, "a": pa.array(["x"]).dictionary_encode()}), tmp_path / "y.parquet")
    assert read(tmp_path, "y.parquet", (tmp_path / "y.parquet").read_bytes()) == [(1, "!", "not UTF-8")]
    for name, broken in (("cut", data[:-20]), ("head", b"PAR1" + b"\xff" * 50 + data[54:]), ("text", b"q,a\nhi,x\n")):
        with pytest.raises(BadInput, match=r"not Parquet|damaged"):
            read(tmp_path, f"{name}.parquet", broken)
    pq.write_table(pa.table({"q": [1.5], "a": ["x"]}), tmp_path / "z.parquet")
    with pytest.raises(BadInput, match="not text"):
        read(tmp_path, "z.parquet", (tmp_path / "z.parquet").read_bytes())
    pq.write_table(pa.table({"q": ["x"]}), tmp_path / "z.parquet")
    with pytest.raises(BadInput, match=r"data\.columns\.answer"):
        read(tmp_path, "z.parquet", (tmp_path / "z.parquet").read_bytes())


def test_files_that_are_not_there_or_of_no_known_kind(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "x.xlsx").write_bytes(b"PK")
    for name in ("nowhere.csv", "folder.csv", "x.xlsx"):
        with pytest.raises(BadInput) as caught:
            SourceReader(tmp_path / name, "train", COLUMNS)
        assert name in caught.value.where


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"q,a\n" + b"hi,x\n" * 5)
    rows = SourceReader(path, "train", COLUMNS).rows()
    next(rows)
    path.write_bytes(b"q,a\n" + b"hi,x\n" * 6)
    with pytest.raises(BadInput, match="changed"):
        list(rows)


def test_reading_takes_the_memory_of_a_batch_not_of_the_file(tmp_path: Path) -> None:
    import tracemalloc

    path = tmp_path / "x.jsonl"
    with path.open("wb") as file:
        for number in range(10_000):
            file.write(json.dumps({"q": f"{number} " + "x" * 500, "a": "y"}).encode() + b"\n")
    tracemalloc.start()
    count = sum(len(batch) for batch in in_batches(SourceReader(path, "train", COLUMNS).rows(), 1_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 10_000 and path.stat().st_size > 5_000_000
    assert peak < 2_500_000


def test_banking77_reads_whole(shared_data: Path) -> None:
    for name, rows in (("train", 10_003), ("test", 3_080)):
        path = shared_data / "banking77" / f"{name}.csv"
        reader = SourceReader(path, "train", Columns(text="text", answer="category"))
        assert all(isinstance(row, RawRow) for row in reader.rows())
        assert reader.source_file().rows == rows
