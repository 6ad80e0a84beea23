"""Faults of the machine in words: a full disk, a read-only folder, a part that is missing, a server that is gone.

They surface as exceptions of the standard library or of a part, anywhere; here each gets its sentence and its cure. The
exception's own text is never repeated: it may quote what was being written.
"""

from __future__ import annotations

import errno
import re
import sqlite3
from importlib.metadata import PackageNotFoundError

from infra.errors import MissingPart, PartFailed, SluiceError, StoreError

_DISK: dict[int, tuple[str, str]] = {
    errno.ENOSPC: ("the disk is full", "free some disk space, then run the same command again"),
    errno.EDQUOT: ("the disk quota is used up", "free some disk space, then run the same command again"),
    errno.EFBIG: ("a file grew beyond what this process may write", "raise `ulimit -f`, then run it again"),
    errno.EROFS: ("the file system is read-only", "mount it writable, or set SLUICE_HOME to a folder that is"),
    errno.EACCES: ("no permission", "run as the owner of SLUICE_HOME, or make the path readable and writable"),
    errno.EPERM: ("not permitted", "run as the owner of SLUICE_HOME, or make the path readable and writable"),
    errno.ENOTDIR: ("a file stands where a folder must be", "move that file away"),
    errno.EISDIR: ("a folder stands where a file must be", "move that folder away"),
    errno.EMFILE: ("too many open files", "raise `ulimit -n`, then run it again"),
    errno.ENFILE: ("the machine has too many open files", "end other programs, then run it again"),
    errno.ENOMEM: ("the machine's memory is used up", "end other programs, then run it again"),
    errno.EIO: ("the disk reports an error", "check the disk (dmesg), and restore SLUICE_HOME from a backup"),
    errno.ENOENT: ("a file or folder is gone", "sluice doctor"),
}
_SERVE = frozenset({"bentoml", "fastapi", "guardrails", "openvino", "openvino_genai", "presidio_analyzer", "re2"})
_SERVE_TOO = frozenset({"spacy", "stdnum", "phonenumbers", "tokenizers", "prometheus_client", "jsonschema"})
_UNREACHED = frozenset({"ConnectError", "ConnectTimeout", "ReadTimeout", "ReadError", "RemoteProtocolError"})


def named_fault(error: BaseException) -> SluiceError | None:
    """The error as one of ours where its kind or a cause of it says enough; None for anything unexpected."""
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        found = one if isinstance(one, SluiceError) else _named(one)
        if found is not None:
            return found
        one = one.__cause__ or one.__context__
    return None


def _named(error: BaseException) -> SluiceError | None:
    if isinstance(error, MemoryError):
        return PartFailed("the machine's memory is used up", cure="end other programs, then run it again")
    if isinstance(error, PackageNotFoundError | ModuleNotFoundError):
        return _missing(error.name or "", gone=True)
    if isinstance(error, ImportError):
        return _missing(error.name or "", gone=False)
    if isinstance(error, sqlite3.Error):
        return StoreError("a database of the home failed", cure="sluice doctor names the file that is damaged or full")
    if isinstance(error, ConnectionError) or (_module(error) in ("httpx", "httpcore", "requests") and _reached(error)):
        return _server_gone()
    if isinstance(error, RuntimeError) and str(error).startswith("Failed to reach API at"):
        return _server_gone()
    number = _errno(error)
    if number in _DISK:
        what, cure = _DISK[number]
        return StoreError(what, where=str(getattr(error, "filename", None) or ""), cure=cure)
    return None


def _errno(error: BaseException) -> int:
    """The system's number of an error, 0 where it has none. Rust's parts (safetensors) write it into their text."""
    if isinstance(error, OSError):
        return error.errno or 0
    found = re.search(r"\(os error (\d+)\)", str(error)) if _module(error).startswith("safetensors") else None
    return int(found[1]) if found else 0


def _module(error: BaseException) -> str:
    return type(error).__module__.partition(".")[0]


def _reached(error: BaseException) -> bool:
    return type(error).__name__ in _UNREACHED or "Connection" in type(error).__name__


def _server_gone() -> PartFailed:
    return PartFailed(
        "Prefect or MLflow stopped answering; what was finished is kept",
        cure="run the same command again: it starts the servers and goes on (why: sluice logs)",
    )


def _missing(name: str, *, gone: bool) -> MissingPart:
    """`gone`: the package is not there. Else it is, but not in the version that the rest needs."""
    top = name.partition(".")[0] or "a package"
    extra = "serve" if top in _SERVE | _SERVE_TOO else "train"
    again = f"pip install 'sluicegate[{extra}]', or `make install` in the project's folder"
    what = f"{top!r} is not installed" if gone else f"{top!r} is installed in a version that does not fit"
    return MissingPart(what, cure=again)
