"""What unsynced.py does, for a ledger in PostgreSQL: a server on a disk that forgets what was not synced.

make soak, or .venv/bin/python tests/soak/unsynced_postgres.py --cuts 20 --seed 7

The whole server runs under strace, and so do two writers. From its last checkpoint on everything that it syncs is its
write-ahead log: a copy of its files at that checkpoint, with what of the log was synced before a random cut, is what a
power cut leaves. A server is started on it: it recovers, and the ledger is held against what was acknowledged. With off
as --synchronous it must end with status 1.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from file_calls import Call, marks, strace
from forgetful_disk import Disk
from ledger_postgres import Postgres
from unsynced import arguments, look, replay, tell, writers

from infra.home import Home
from infra.ledger.log import Ledger

_PAGE, _SEGMENT = 8_192, 16 * 1024 * 1024
_HEADER, _FIRST_HEADER = 24, 40
"""What stands at the head of a page of the log, and of a segment's first page: records go on after it."""
_WAIT_S = 60.0
_ONCE_READY = 'touch "$0/ready"; while [ ! -e "$0/go" ]; do sleep 0.02; done; "$@"; touch "$0/done"'


class _Log(Disk):
    """The write-ahead log, whose records may lie across pages."""

    def text(self, content: bytearray, call: Call) -> bytes:
        """The records of the pages that a write brought, and of the one before."""
        start = max(0, call.place // _PAGE - 1) * _PAGE
        pages = range(start, call.place + len(call.data), _PAGE)
        return b"".join(content[at + (_HEADER if at % _SEGMENT else _FIRST_HEADER) : at + _PAGE] for at in pages)


def traced(root: Path, server: Postgres, command: list[str]) -> Path:
    """Copies the server's files to `root/base` as they are, then runs the command. Returns what strace saw."""
    log, watched = root / "calls", [process.pid for process in server.processes()]
    more = [part for pid in watched for part in ("-p", str(pid))]
    with (root / "said").open("wb") as out:
        process = subprocess.Popen([*strace(log, *more), "sh", "-c", _ONCE_READY, str(root), *command], stdout=out)
    try:
        _wait(process, lambda: (root / "ready").exists() and all(_is_traced(pid) for pid in watched))
        subprocess.run(["cp", "-a", str(server.folder), str(root / "base")], check=True)
        (root / "go").touch()
        _wait(process, lambda: (root / "done").exists())
    finally:
        server.kill()
        process.wait(_WAIT_S)  # strace ends when nobody is left whom it follows
    return log


def _wait(process: subprocess.Popen[bytes], ready: Callable[[], bool]) -> None:
    give_up_s = time.monotonic() + _WAIT_S
    while not ready():
        if process.poll() is not None or time.monotonic() > give_up_s:
            raise RuntimeError("strace does not follow the server, or the writers do not end")
        time.sleep(0.02)


def _is_traced(pid: int) -> bool:
    return "TracerPid:\t0\n" not in Path(f"/proc/{pid}/status").read_text()


def main() -> int:
    """Prints one sentence; 1 when something acknowledged was lost, or might have been."""
    given = arguments(__doc__, cuts=20).parse_args()
    root = Path(tempfile.mkdtemp(prefix="sluice-unsynced-"))
    root.chmod(0o755)  # the server is another user where this one is root
    server = Postgres(root / "pg")
    home = Home(root / "home", server.create("ledger"))
    home.folder(home.root)
    Ledger.open(home).close()
    server.checkpoint()
    steps = list(marks(traced(root, server, writers(home, given)), lambda path: "/pg_wal/" in path or "/said" in path))
    segments = [path for path in (root / "base" / "pg_wal").iterdir() if path.is_file()]
    disk = _Log({str(server.folder / "pg_wal" / path.name): bytearray(path.read_bytes()) for path in segments})

    def recovered(files: Mapping[str, bytearray], acknowledged: Mapping[str, int]) -> Iterator[str]:
        folder = Path(tempfile.mkdtemp(prefix="cut-", dir=root))
        shutil.rmtree(folder)
        subprocess.run(["cp", "-a", str(root / "base"), str(folder)], check=True)
        (folder / "postmaster.pid").unlink()
        for path, content in files.items():
            (folder / Path(path).relative_to(server.folder)).write_bytes(content)
        again = Postgres(folder)
        try:
            yield from look(replace(home, ledger_url=again.of("ledger")), acknowledged)
        finally:
            again.close()
            shutil.rmtree(folder)

    return tell(replay(steps, disk, recovered, given), root, given.seed)


if __name__ == "__main__":
    raise SystemExit(main())
