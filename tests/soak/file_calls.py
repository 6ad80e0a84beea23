"""What a program does to some files, as strace saw it: each write with its bytes, each sync, in order."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

CHANGES = ("pwrite64", "write", "ftruncate", "unlink")
SYNCS = ("fsync", "fdatasync")
_OTHERS = "pwritev,pwritev2,writev,truncate,fallocate,rename,renameat,renameat2,unlinkat,copy_file_range,sendfile"
"""Other ways to change a file. None of them is used, or the replay would have to know it."""
_UNFINISHED = b" <unfinished ...>"
_PATH = re.compile(rb'[<"]((?:\\x[0-9a-f]{2})+)[>"]')
_LONGEST = 1_000_000


@dataclass(eq=False)
class Call:
    """One system call on one file."""

    name: str
    path: str
    data: bytes = b""
    place: int = -1
    """Where it writes, or the new length of the file; -1 at the end."""
    result: int | None = None
    """None as long as it has not returned."""


@dataclass(frozen=True)
class Mark:
    """A call begins, or returns."""

    call: Call
    returns: bool


def strace(log: Path, *more: str) -> list[str]:
    """What to put before a command, so that its calls stand in `log`; `more` are further arguments of strace."""
    wanted = ",".join((*CHANGES, *SYNCS, _OTHERS))
    return ["strace", "--seccomp-bpf", "-f", "-y", "-xx", "-s", str(_LONGEST), "-o", str(log), "-e", wanted, *more]


def marks(log: Path, wanted: Callable[[str], bool]) -> Iterator[Mark]:
    """The calls on the wanted paths in the order in which they began and returned. ValueError: one is not known."""
    begun: dict[bytes, Call | None] = {}
    with log.open("rb") as file:
        for line in file:
            thread, _, rest = line.rstrip().partition(b" ")
            rest = rest.lstrip()
            if rest.startswith((b"+++", b"---")):
                continue
            resumed = rest.startswith(b"<... ")
            call = begun.pop(thread) if resumed else _call(rest, wanted)
            if rest.endswith(_UNFINISHED):
                begun[thread] = call
            if call is None:
                continue
            if not resumed:
                yield Mark(call, returns=False)
            if not rest.endswith(_UNFINISHED):
                call.result = _result(rest)
                yield Mark(call, returns=True)


def _call(line: bytes, wanted: Callable[[str], bool]) -> Call | None:
    kind, _, arguments = line.partition(b"(")
    name = kind.decode()
    start, end = (b'"', b'"') if name == "unlink" else (b"<", b">")
    path, _, after = arguments.partition(start)[2].partition(end)
    if name not in CHANGES + SYNCS:
        if any(wanted(_bytes(found).decode()) for found in _PATH.findall(line[:2_000])):
            raise ValueError(f"{name} changes a file, and the replay does not know it")
        return None
    call = Call(name, _bytes(path).decode(errors="replace"))
    if not wanted(call.path):
        return None
    if name in ("pwrite64", "write"):
        _, text, after = after.split(b'"')
        call.data = _bytes(text)
        if after.startswith(b"..."):
            raise ValueError(f"strace cut a write off: it is longer than {_LONGEST} bytes")
    if name in ("pwrite64", "ftruncate"):
        call.place = int(after.partition(b")")[0].removesuffix(_UNFINISHED).rpartition(b",")[2])
    return call


def _bytes(text: bytes) -> bytes:
    return bytes.fromhex(text.replace(b"\\x", b"").decode()) if text.startswith(b"\\x") else text


def _result(line: bytes) -> int | None:
    """What a call returned; None where it was killed in it."""
    text = line.rpartition(b" = ")[2].split(b" ")[0]
    return None if text == b"?" else int(text)
