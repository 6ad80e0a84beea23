"""The search can fail: it finds a value in every form and container that it claims to read, and tells its label."""

from __future__ import annotations

import base64
import gzip
import io
import json
import sqlite3
import tarfile
import urllib.parse
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from planted_forms import Planted
from search import Finding, search

NAME = "Íñigo Echevarría-Quiñones"
VALUES = (
    Planted("name", NAME),
    Planted("card", "4539 1488 0343 6467"),
    Planted("sentence", 'the "heron" lamp arrived cracked\non Vashti street'),
)


def sqlite(path: Path, *, deleted: bool = False, wal: bool = False) -> None:
    connection = sqlite3.connect(path)
    if wal:
        connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE notes (id INTEGER, body BLOB)")
    connection.commit()
    connection.execute("INSERT INTO notes VALUES (1, ?)", (zlib.compress(NAME.encode()) if not deleted else NAME,))
    if deleted:
        connection.execute("INSERT INTO notes VALUES (2, 'stays')")
        connection.commit()
        connection.execute("PRAGMA secure_delete=OFF")
        connection.execute("DELETE FROM notes WHERE id = 1")
    connection.commit()
    if not wal:
        connection.close()
    else:
        HELD.append(connection)


HELD: list[sqlite3.Connection] = []
"""Connections that stay open, so that the WAL is not folded into the file."""


def tar(path: Path) -> None:
    with tarfile.open(path, "w") as archive:
        member = tarfile.TarInfo("inside.txt")
        member.size = len(NAME.encode())
        archive.addfile(member, io.BytesIO(NAME.encode()))


def zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.json", json.dumps({"x": NAME}))


def parquet(path: Path) -> None:
    import pyarrow
    from pyarrow import parquet as arrow_parquet

    arrow_parquet.write_table(pyarrow.table({"text": [NAME]}), path, compression="zstd")


def written(data: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(data) and None


FORMS: dict[str, Callable[[Path], None]] = {
    "plain": written(b"x " + NAME.encode() + b" y"),
    "utf-16-le": written(NAME.encode("utf-16-le")),
    "utf-16-be": written(NAME.encode("utf-16-be")),
    "json": written(json.dumps({"a": NAME}).encode()),
    "json in json": written(json.dumps(json.dumps({"a": NAME})).encode()),
    "repr of bytes": written(repr(NAME.encode()).encode()),
    "percent": written(urllib.parse.quote(NAME).encode()),
    "percent, small": written(urllib.parse.quote(NAME).lower().encode() + urllib.parse.quote_plus(NAME).encode()),
    "html": written(NAME.encode("ascii", "xmlcharrefreplace")),
    "upper case": written("íñigo ECHEVARRía-quiñones".replace("íñ", "Íñ").encode()),
    "broken by a line end": written(NAME.replace(" ", "\n    ").encode()),
    "hex": written(NAME.encode().hex().encode()),
    "base64, group 0": written(base64.b64encode(NAME.encode())),
    "base64, group 1": written(base64.b64encode(b"a" + NAME.encode() + b" and more")),
    "base64, group 2": written(base64.urlsafe_b64encode(b"aa" + NAME.encode() + b"+")),
    "base64 of JSON escapes": written(b"sealed:" + base64.b64encode(json.dumps({"text": NAME}).encode())),
    "gzip": written(gzip.compress(NAME.encode())),
    "zlib": written(zlib.compress(NAME.encode())),
    "gzip of base64": written(gzip.compress(base64.b64encode(NAME.encode()))),
    "zip": zipped,
    "tar": tar,
    "parquet": parquet,
    "a cell, compressed": sqlite,
    "a deleted row": lambda path: sqlite(path, deleted=True),
    "the WAL": lambda path: sqlite(path, wal=True),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_value_is_found_in_every_form(form: str, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    FORMS[form](tmp_path / "deep" / "file.bin")
    report = search(tmp_path, VALUES)
    assert {found.label for found in report.findings} == {"name"}, form
    assert not report.unread
    assert NAME not in str(report) and "Echevarr" not in repr(report), "a report shows no value"
    while HELD:
        HELD.pop().close()


def test_a_card_is_found_however_it_is_grouped_and_a_sentence_however_it_is_wrapped(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("card=4539148803436467;")
    (tmp_path / "two").write_text("│ THE HERON LAMP arrived  │\n│ cracked on Vashti street │".replace("│", "|"))
    report = search(tmp_path, VALUES)
    assert report.findings == (Finding("one", "squeezed", "card"), Finding("two", "squeezed", "sentence"))


def test_the_place_names_table_column_and_row(tmp_path: Path) -> None:
    sqlite(tmp_path / "a.db")
    assert [found.place for found in search(tmp_path, VALUES).findings] == ["notes.body row 1 zlib plain"]


def test_a_name_of_a_file_is_searched_too(tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.csv").write_text("nothing")
    assert [found.label for found in search(tmp_path, VALUES).findings] == ["name"]


def test_near_misses_are_not_found(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("Iñigo Echevarría-Quiñones, card 4539 1488 0343 6468, the heron lamp arrived")
    sqlite3.connect(tmp_path / "b").execute("CREATE TABLE t (x)").connection.close()
    report = search(tmp_path, VALUES)
    assert (report.findings, report.unread, report.files) == ((), (), 2)


def test_what_cannot_be_opened_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 200)
    (tmp_path / "b.gz").write_bytes(b"\x1f\x8b broken")
    assert search(tmp_path, VALUES).unread == ("a.db as a database", "b.gz as compressed")
