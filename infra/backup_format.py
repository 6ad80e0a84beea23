"""The form of a backup: one plain tar (GNU names, no compression), its last member a manifest with every file's digest.

Reading takes nothing for granted: the archive may come from anywhere. Only plain files with a relative path are let
through; links, devices, sparse files, extended headers and what reaches beyond the archive's end are refused.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import BinaryIO, ClassVar

from infra.contracts.base import Contract, DigestStr, Frozen, Utc
from infra.errors import BadInput

MANIFEST = "manifest.json"
MANIFEST_BYTES = 1 << 30
_BLOCK = 512
_NAME_BYTES = 4_096
_MOST_MEMBERS = 10_000_000
_FILE, _OLD_FILE, _LONG_NAME = b"0", b"\0", b"L"


class BackupFile(Frozen):
    """One file of the home; `name` is relative to it."""

    name: str
    digest: DigestStr
    size_bytes: int


class BackupManifest(Contract):
    """What a backup holds, in the order in which it was copied."""

    schema_id: ClassVar[str] = "sluice/backup/1"

    home_version: int
    sluice: str
    made: Utc
    files: tuple[BackupFile, ...]
    keys_left_out: tuple[str, ...]
    """Private keys that must be put back beside a restored home, relative to it."""


def check_structure(file: BinaryIO, where: Path) -> None:
    """Walks over the archive's headers before anything interprets them. Raises BadInput."""
    end = file.seek(0, 2)
    place, members = 0, 0
    while True:
        file.seek(place)
        block = file.read(_BLOCK)
        if len(block) < _BLOCK:
            raise not_a_backup(where, "it is cut short")
        if not block.strip(b"\0"):
            return
        try:
            size = _number(block[124:136])
        except ValueError:
            raise not_a_backup(where, "a header cannot be read") from None
        kind = block[156:157]
        if kind not in (_FILE, _OLD_FILE, _LONG_NAME):
            raise not_a_backup(where, "it holds something that is no plain file")
        if kind == _LONG_NAME and size > _NAME_BYTES:
            raise not_a_backup(where, "a name is too long")
        place += _BLOCK + -(-size // _BLOCK) * _BLOCK
        members += 1
        if size < 0 or place > end or members > _MOST_MEMBERS:
            raise not_a_backup(where, "a member reaches beyond its end")


def checked_path(name: str, where: Path) -> PurePosixPath:
    """A member's name as a path that stays below the folder that it is put into. Raises BadInput."""
    path = PurePosixPath(name)
    plain = name.isprintable() and "\\" not in name and str(path) == name
    if not plain or path.is_absolute() or not path.parts or any(part in ("..", ".") for part in path.parts):
        raise not_a_backup(where, "a member's name leads out of the folder, or is none")
    return path


def _number(field: bytes) -> int:
    """A header's number: octal digits, or from 8 GiB on GNU's form of plain bytes. Raises ValueError."""
    if field[0] & 0x80:
        return int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
    return int(field.strip(b" \0") or b"0", 8)


def not_a_backup(where: Path, why: str) -> BadInput:
    """The one error for an archive that cannot be used."""
    return BadInput(f"not a backup of a home: {why}", where=str(where), cure="give a file that `sluice backup` wrote")
