"""Files redacted: only what was found changes, to the byte; bad rows are told without their text; all or nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet as parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.progress import Silent
from flows.steps.csv_records import CsvRecord, CsvSource
from flows.steps.redact_csv import _written
from flows.steps.redact_file import RedactedFile, plan_jobs, redact_file
from flows.steps.redact_texts import InTurn
from infra.errors import BadInput, PartFailed

MAIL = "ana@example.com"


@pytest.fixture
def run(tmp_path: Path, mail_redactor: Any) -> Any:
    """Redacts one file, given by name and bytes, and gives what was written and what was said."""

    def redact(name: str, data: bytes, *columns: str, language: Any = None) -> tuple[bytes, RedactedFile, list[Any]]:
        source = tmp_path / "in" / name
        source.parent.mkdir(exist_ok=True)
        source.write_bytes(data)
        out = tmp_path / "out"
        out.mkdir(exist_ok=True)
        [job] = plan_jobs([source], out, force=True)
        done = redact_file(job, InTurn(mail_redactor), Silent(), columns=columns, language=language)
        told = [json.loads(line) for line in job.rejects.read_bytes().splitlines()] if job.rejects.exists() else []
        assert sorted(path.name for path in out.glob(".*")) == [], "no draft is left"
        return job.out.read_bytes(), done, told

    return redact


def test_a_csv_keeps_its_dialect_and_every_byte_that_nothing_was_found_in(run: Any) -> None:
    before = (
        b'\xef\xbb\xbfid;"text";note\r\n'
        b'1;"mail ana@example.com; now ""please""";plain\r\n'
        b"\r\n"
        b'"2";ana@example.com;"kept as it "" is"\r\n'
        b'3;"two\r\nlines, ana@example.com";\r\n'
        b"4;no mail;ana@example.com"
    )
    after, done, told = run("rows.csv", before)
    assert after == before.replace(b"\r\n\r\n", b"\r\n").replace(MAIL.encode(), b"<EMAIL_ADDRESS>")
    assert (done.rows, done.rejected, told) == (4, 0, [])
    assert [(found.entity, found.finds) for found in done.finds] == [("EMAIL_ADDRESS", 4)]
    assert done.columns == ("id", "text", "note")


def test_only_the_named_columns_of_a_csv_are_looked_at(run: Any, mail_redactor: Any) -> None:
    after, done, _ = run("rows.csv", b"a,b\nana@example.com,ana@example.com\n", "b")
    assert after == b"a,b\nana@example.com,<EMAIL_ADDRESS>\n" and done.columns == ("b",)
    assert mail_redactor.asked == [MAIL]
    with pytest.raises(BadInput, match="no column 'c'"):
        run("rows.csv", b"a,b\n1,2\n", "c")


def test_rows_that_cannot_be_read_are_told_by_number_and_the_others_are_done(run: Any) -> None:
    after, done, told = run(
        "rows.csv",
        b'id,text\n1,ana@example.com\n2,a,secret\n3,"open secret\n4,\xff\xfe secret\n5,nul\0secret\n6,fine\n',
    )
    assert after == b"id,text\n1,<EMAIL_ADDRESS>\n6,fine\n"
    assert [row["row"] for row in told] == [3, 4, 5, 6] and (done.rows, done.rejected) == (2, 4)
    assert [row["reason"] for row in told] == [
        "3 fields, the header has 2",
        "a quote is opened and never closed",
        "not UTF-8",
        "a NUL byte",
    ]
    assert "secret" not in json.dumps(told)


def test_a_jsonl_keeps_every_byte_that_nothing_was_found_in(run: Any) -> None:
    before = (
        b'{"id": 1.50, "text":"mail ana@example.com", "n": 12345678901234567890, "deep": {"a": ["ana@example.com"]}}\n'
        b'\n{"text" : "\\u00f1 ana@example.com \\ud83d\\ude00", "ana@example.com": true}\n'
        b'{"text": "\xc3\xb1 ana@example.com"}\r\n'
        b'{"text": null, "other": "a \\" quote, {brace: ana@example.com"}'
    )
    after, done, told = run("rows.jsonl", before)
    expected = before.replace(b"\n\n", b"\n").replace(MAIL.encode(), b"<EMAIL_ADDRESS>")
    assert after == expected.replace(b'"<EMAIL_ADDRESS>": true', b'"ana@example.com": true'), "keys stay"
    assert (done.rows, told) == (4, []) and done.columns == ("text", "deep", "other")
    assert sum(found.finds for found in done.finds) == 5


def test_a_named_column_of_a_jsonl_must_hold_text(run: Any) -> None:
    after, done, told = run("rows.jsonl", b'{"a": "ana@example.com", "b": 1}\n{"a": 600123456}\n{"b": 2}\n', "a")
    assert after == b'{"a": "<EMAIL_ADDRESS>", "b": 1}\n{"b": 2}\n'
    assert told == [{"row": 2, "reason": "'a' is not text"}] and done.rejected == 1
    with pytest.raises(BadInput, match="no column 'z'"):
        run("other.jsonl", b'{"a": "x"}\n', "z")


def test_lines_of_a_jsonl_that_are_no_rows_cost_no_other(run: Any) -> None:
    after, _, told = run(
        "rows.jsonl", b'[1]\nnope\n{"t": "\\ud800"}\n{"t": 1, "t": 2}\n{"t": "x\\u0000"}\n{"t": "fine"}\n'
    )
    assert after == b'{"t": "fine"}\n'
    assert [row["reason"] for row in told] == [
        "JSON, but not an object",
        "not JSON",
        "not UTF-8",
        "a key stands twice",
        "a NUL byte",
    ]


def table_bytes(tmp_path: Path, table: Any, **more: Any) -> bytes:
    path = tmp_path / "table.parquet"
    parquet.write_table(table, path, **more)
    return path.read_bytes()


def test_a_parquet_keeps_schema_types_metadata_and_every_other_column(run: Any, tmp_path: Path) -> None:
    rows = 1_000
    table = pyarrow.table(
        {
            "id": pyarrow.array(range(rows), pyarrow.int16()),
            "text": pyarrow.array([f"mail {MAIL} {n}" if n % 2 else None for n in range(rows)], pyarrow.large_string()),
            "class": pyarrow.array(["a" if n % 3 else MAIL for n in range(rows)]).dictionary_encode(),
            "turns": pyarrow.array(
                [[{"role": "user", "content": f"{MAIL}"}]] * rows,
                pyarrow.list_(pyarrow.struct([("role", pyarrow.string()), ("content", pyarrow.string())])),
            ),
            "tags": pyarrow.array([[("k", MAIL)]] * rows, pyarrow.map_(pyarrow.string(), pyarrow.string())),
            "raw": pyarrow.array([b"\xff" + MAIL.encode()] * rows),
            "when": pyarrow.array([1_700_000_000_123_456_789] * rows, pyarrow.timestamp("ns", tz="Europe/Madrid")),
        }
    ).replace_schema_metadata({"made": "here"})
    after, done, _ = run("t.parquet", table_bytes(tmp_path, table, compression="zstd", row_group_size=300))
    table = parquet.read_table(tmp_path / "table.parquet")
    copy = tmp_path / "copy.parquet"
    copy.write_bytes(after)
    found = parquet.read_table(copy)
    assert found.schema.equals(table.schema, check_metadata=True)
    for untouched in ("id", "raw", "when"):
        assert found[untouched].equals(table[untouched])
    assert done.columns == ("text", "class", "turns", "tags") and done.rows == rows
    assert found["text"][0].as_py() is None and found["text"][1].as_py() == "mail <EMAIL_ADDRESS> 1"
    assert found["class"].to_pylist()[:2] == ["<EMAIL_ADDRESS>", "a"]
    assert found["turns"][5].as_py() == [{"role": "user", "content": "<EMAIL_ADDRESS>"}]
    assert found["tags"][5].as_py() == [("k", "<EMAIL_ADDRESS>")], "keys are texts of a map's entries as well"
    assert parquet.ParquetFile(copy).metadata.row_group(0).column(0).compression == "ZSTD"


def test_a_parquet_row_that_is_not_utf8_is_told_and_left_out(run: Any, tmp_path: Path) -> None:
    bad = pyarrow.array([b"fine", b"\xff", MAIL.encode()], pyarrow.binary()).view(pyarrow.string())
    after, _, told = run("t.parquet", table_bytes(tmp_path, pyarrow.table({"t": bad, "n": [1, 2, 3]})))
    copy = tmp_path / "copy.parquet"
    copy.write_bytes(after)
    assert parquet.read_table(copy).to_pylist() == [{"t": "fine", "n": 1}, {"t": "<EMAIL_ADDRESS>", "n": 3}]
    assert told == [{"row": 2, "reason": "not UTF-8"}]
    with pytest.raises(BadInput, match="holds int64, not text"):
        run("t.parquet", table_bytes(tmp_path, pyarrow.table({"n": [1]})), "n")
    with pytest.raises(BadInput, match="not Parquet"):
        run("t.parquet", b"no")


class Failing:
    """Fails on a batch that holds the word, and on that text alone."""

    policy = None

    def redact_rows(self, texts: Sequence[str], languages: Sequence[str]) -> list[Any]:
        if any("boom" in text for text in texts):
            raise ValueError(f"a detector quotes {texts}")
        return [type("Done", (), {"text": text.upper(), "spans": ()})() for text in texts]


def test_a_row_on_which_a_check_fails_does_not_go_on(tmp_path: Path) -> None:
    source = tmp_path / "a.jsonl"
    source.write_text('{"t": "one"}\n{"t": "boom"}\n{"t": "two"}\n')
    (tmp_path / "out").mkdir()
    [job] = plan_jobs([source], tmp_path / "out", force=False)
    redact_file(job, InTurn(Failing()), Silent())  # type: ignore[arg-type]
    assert job.out.read_text() == '{"t": "ONE"}\n{"t": "TWO"}\n'
    assert job.rejects.read_text() == '{"row": 2, "reason": "a check failed on it"}\n'


def test_what_ends_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    class Ending(InTurn):
        def redact_batches(self, batches: Any) -> Any:
            yield next(super().redact_batches(batches))
            raise PartFailed("a redaction process ended")

    source = tmp_path / "a.jsonl"
    source.write_text('{"t": "one"}\n' * 1_000)
    (tmp_path / "out").mkdir()
    [job] = plan_jobs([source], tmp_path / "out", force=False)
    with pytest.raises(PartFailed):
        redact_file(job, Ending(Failing()), Silent())  # type: ignore[arg-type]
    assert list((tmp_path / "out").iterdir()) == []


def test_nothing_is_overwritten_unless_asked_and_never_a_source(tmp_path: Path) -> None:
    source, out = tmp_path / "a.csv", tmp_path / "out"
    out.mkdir()
    source.write_text("a\n1\n")
    (out / "a.csv").write_text("mine")
    with pytest.raises(BadInput, match="such a file already"):
        plan_jobs([source], out, force=False)
    assert plan_jobs([source], out, force=True)
    with pytest.raises(BadInput, match="place of a source"):
        plan_jobs([source], tmp_path, force=True)
    with pytest.raises(BadInput, match="two files"):
        plan_jobs([source, out / "a.csv"], tmp_path / "new", force=False)
    with pytest.raises(BadInput, match="names no format"):
        plan_jobs([tmp_path / "a.txt"], out, force=False)


def test_a_draft_of_a_run_that_was_killed_is_cleared_by_the_next(run: Any, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    left = tmp_path / "out" / ".rows.csv.999999999.draft"
    left.write_text("half")
    run("rows.csv", b"a\n1\n")
    assert not left.exists()


FIELD = st.text(alphabet=st.sampled_from("ab \";,\t\n'ñ"), max_size=6)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(FIELD, min_size=2, max_size=4),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["\n", "\r\n", ""]),
    st.data(),
)
def test_a_changed_field_is_read_back_and_no_other_field_changes(
    fields: list[str], delimiter: str, end: str, data: Any
) -> None:
    quoted = [
        f'"{field.replace(chr(34), chr(34) * 2)}"'
        if re.search(r'[";,\t\n]', field) or not field or data.draw(st.booleans())
        else field
        for field in fields
    ]
    index = data.draw(st.integers(0, len(fields) - 1))
    text = data.draw(FIELD)
    line = delimiter.join(quoted) + end
    written = _written(CsvRecord(2, tuple(fields), line), {index: text}, delimiter)
    header = delimiter.join(f"c{n}" for n in range(len(fields))) + "\n"
    source = CsvSource(
        (header + written).encode().splitlines(keepends=True), "t", [f"c{n}" for n in range(len(fields))]
    )
    [record] = list(source.records()) if any([*fields[:index], *fields[index + 1 :], text]) else [None]
    if isinstance(record, CsvRecord):
        assert list(record.fields) == [*fields[:index], text, *fields[index + 1 :]]
        raw_before, raw_after = line.split(quoted[index]), written
        assert raw_after.startswith(delimiter.join([*quoted[:index], ""])) and raw_before
