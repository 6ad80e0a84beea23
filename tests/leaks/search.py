"""Searches a folder for planted values in whatever form they may lie there, and says where by label, never by text.

Every file is read as bytes in every encoding of `planted_forms.py`; what is packed is opened (gzip, zlib, zip, tar,
Parquet, base64, hex), and SQLite databases are read cell by cell besides, with what waits in their WAL. What cannot be
opened is reported too: a search that skips finds nothing.

    python tests/leaks/search.py FOLDER VALUES.json     # {"label": "value", ...}; exit 1 when something was found
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import io
import json
import re
import shutil
import sqlite3
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from planted_forms import Needles, Planted

_DEPTH = 4
"""So many packings within each other are opened."""
_UNPACKED_BYTES = 1 << 28
_GZIP = 16 + zlib.MAX_WBITS
"""zlib's way of saying: with gzip's header."""
_BASE64_RUN = re.compile(rb"[A-Za-z0-9+/]{32,}={0,2}|[A-Za-z0-9_-]{32,}={0,2}")
_HEX_RUN = re.compile(rb"(?:[0-9a-fA-F]{2}){24,}")


@dataclass(frozen=True, order=True)
class Finding:
    """A planted value where it must not be."""

    file: str
    place: str
    """Where in the file: a table's cell, an archive's member, the encoding."""
    label: str


@dataclass(frozen=True)
class Report:
    """What a search found and what it could not read."""

    findings: tuple[Finding, ...]
    unread: tuple[str, ...]
    files: int
    cells: int

    def __str__(self) -> str:
        found = [f"{one.label} in {one.file} ({one.place})" for one in self.findings]
        return "\n".join([*found, *(f"cannot be read: {name}" for name in self.unread)]) or "nothing"


def search(root: Path, planted: tuple[Planted, ...]) -> Report:
    """Searches every regular file below a folder. Links are not followed."""
    looking = _Search(planted)
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.is_symlink():
            looking.file(path, str(path.relative_to(root)))
    return Report(tuple(sorted(looking.findings)), tuple(looking.unread), looking.files, looking.cells)


class _Search:
    def __init__(self, planted: tuple[Planted, ...]) -> None:
        self.needles = Needles(planted)
        self.findings: set[Finding] = set()
        self.unread: list[str] = []
        self.files = self.cells = 0

    def file(self, path: Path, name: str) -> None:
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return  # a live server removed it
        except OSError:
            self.unread.append(name)
            return
        self.files += 1
        self._name(name)
        if data.startswith(b"SQLite format 3\0"):
            self._database(path, name)
        self._data(data, name, "", _DEPTH)

    def _name(self, name: str) -> None:
        for value, form in self.needles.found_in(name.encode("utf-8", "surrogateescape")):
            self.findings.add(Finding("(a file's name)", form, value.label))

    def _data(self, data: bytes, name: str, place: str, depth: int) -> None:
        for value, form in self.needles.found_in(data):
            self.findings.add(Finding(name, " ".join(filter(None, (place, form))), value.label))
        if depth == 0:
            return
        try:
            for inner, content in _unpacked(data):
                self._data(content, name, f"{place} {inner}".strip(), depth - 1)
        except _DamagedError as error:
            self.unread.append(" ".join(filter(None, (name, place, str(error)))))

    def _database(self, path: Path, name: str) -> None:
        """Cell by cell, from a copy with its WAL, so that a live server is not disturbed."""
        with tempfile.TemporaryDirectory() as scratch:
            copy = Path(scratch) / path.name
            for suffix in ("", "-wal", "-shm"):
                source = path.with_name(path.name + suffix)
                if source.exists():
                    shutil.copyfile(source, copy.with_name(copy.name + suffix))
            try:
                with contextlib.closing(sqlite3.connect(copy)) as connection:
                    connection.text_factory = bytes
                    for place, cell in _cells(connection):
                        self.cells += 1
                        self._data(cell, name, place, _DEPTH - 1)
            except sqlite3.DatabaseError:
                self.unread.append(f"{name} as a database")


class _DamagedError(Exception):
    """Something that says it is packed and cannot be opened."""


def _cells(connection: sqlite3.Connection) -> Iterator[tuple[str, bytes]]:
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (table,) in tables:
        quoted = '"' + table.decode().replace('"', '""') + '"'
        try:
            rows = connection.execute(f"SELECT * FROM {quoted}")
        except sqlite3.OperationalError:  # a virtual table of an extension: its shadow tables hold what it holds
            continue
        columns = [column[0] for column in rows.description]
        for number, row in enumerate(rows, start=1):
            for column, cell in zip(columns, row, strict=True):
                if isinstance(cell, bytes) and cell:
                    yield f"{table.decode()}.{column} row {number}", cell


def _unpacked(data: bytes) -> Iterator[tuple[str, bytes]]:
    """What is packed in the data, by its own first bytes, or stands in them as base64 or hex."""
    if data.startswith(b"\x1f\x8b"):
        yield "gzip", _inflated(data, _GZIP)
    elif data[:2] in (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"):
        with contextlib.suppress(_DamagedError):  # two bytes are no proof
            yield "zlib", _inflated(data, zlib.MAX_WBITS)
    elif data.startswith(b"PK\x03\x04"):
        yield from _zip(data)
    elif data.startswith(b"PAR1") and data.endswith(b"PAR1"):
        yield from _parquet(data)
    elif data[257:262] == b"ustar":
        yield from _tar(data)
    for run in _BASE64_RUN.findall(data):
        body = run.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
        yield "base64", base64.b64decode(body[: len(body) // 4 * 4])
    for run in _HEX_RUN.findall(data):
        yield "hex", binascii.unhexlify(run)


def _inflated(data: bytes, bits: int) -> bytes:
    try:
        return zlib.decompressobj(bits).decompress(data, _UNPACKED_BYTES)
    except zlib.error:
        raise _DamagedError("as compressed") from None


def _zip(data: bytes) -> Iterator[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.infolist():
                yield f"member {member.filename}", member.filename.encode() + b"\n" + archive.read(member)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError):
        raise _DamagedError("as zip") from None


def _tar(data: bytes) -> Iterator[tuple[str, bytes]]:
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for member in archive:
                file = archive.extractfile(member)
                yield f"member {member.name}", member.name.encode() + b"\n" + (file.read() if file else b"")
    except tarfile.TarError:
        raise _DamagedError("as tar") from None


def _parquet(data: bytes) -> Iterator[tuple[str, bytes]]:
    import pyarrow
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(io.BytesIO(data))
        yield "Parquet metadata", repr((file.metadata.metadata, file.schema_arrow)).encode()
        for column in file.read().itercolumns():
            values = "\n".join(str(value) for value in column.to_pylist())
            yield "Parquet column", values.encode("utf-8", "surrogatepass")
    except pyarrow.ArrowException:
        raise _DamagedError("as Parquet") from None


def main(arguments: list[str]) -> int:
    """Searches a folder for the values of a JSON file."""
    folder, values = arguments
    planted = tuple(Planted(*item) for item in json.loads(Path(values).read_text(encoding="utf-8")).items())
    report = search(Path(folder), planted)
    print(f"{report.files:,} files, {report.cells:,} cells of databases: {report}")
    return bool(report.findings or report.unread)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
