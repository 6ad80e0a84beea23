"""A writer of the audit ledger that is to be killed, and the handle on it of whoever kills it.

    python tests/soak/ledger_writer.py --root HOME --url "" --name w1 --threads 3 --requests 100

It appends requests from several threads, each thread in a way of its own, as fast as it can. To its standard output it
writes `opening`, `open`, then `ack EVENT_ID INDEX` for each event after its append has returned, and `taken EVENT_ID`
when another event stands under that id. What could not be written is handed in again: the same event, until it is.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zlib import crc32

from infra.contracts.audit import AuditEvent
from infra.contracts.base import now
from infra.contracts.request_events import RequestAdmitted, RequestCompleted
from infra.digest import sha256
from infra.errors import StoreError
from infra.home import Home
from infra.ledger.log import Ledger

_BATCH = 6
_NEVER_ENDS = 7
"""Of so many requests in a row the last one is never completed."""
_AGAIN_S = 0.05
_FOR_EVER = 10**9
_SAID = "another event was written"
_FOLDER = Path(__file__).parent

Item = tuple[AuditEvent, bytes | None]


def payload_of(response_id: str) -> bytes:
    """The sealed bytes of a request, known to whoever checks: of any length up to some pages of the file."""
    return f"{response_id}|".encode() * (1 + crc32(response_id.encode()) % 500)


def admitted(response_id: str) -> Item:
    """The event of a request that passed the door."""
    event = RequestAdmitted(
        event_id=f"{response_id}/admitted", at=now(), pipeline="p", response_id=response_id, tenant="t", key_id="k",
        subject="s", engine="e", scripted=True, version=0, release=None, manifest=None, guardrails=sha256(b""),
        streamed=False,
    )  # fmt: skip
    return event, None


def completed(response_id: str) -> Item:
    """The event of its end, with its payload."""
    payload = payload_of(response_id)
    event = RequestCompleted(
        event_id=f"{response_id}/completed", at=now(), pipeline="p", response_id=response_id, tenant="t", key_id="k",
        subject="s", version=0, manifest=None, guardrails=sha256(b""), outcome="answered", refusal_rule="", checks=(),
        prompt_tokens=1, completion_tokens=1, seconds=0.1, sealed=sha256(payload),
    )  # fmt: skip
    return event, payload


def say(*lines: str) -> None:
    """One write for all lines: a kill cannot come in between."""
    os.write(1, "".join(f"{line}\n" for line in lines).encode())


def _append(ledger: Ledger, items: Sequence[Item], *, together: bool) -> None:
    """Appends until every event is acknowledged, and says so."""
    left = list(items)
    while left:
        try:
            outcomes: list[int | Exception] = list(ledger.append_many(left)) if together else ledger.append_each(left)
        except StoreError as error:
            outcomes = [error] * len(left)
        told, again = [], []
        for item, outcome in zip(left, outcomes, strict=True):
            if isinstance(outcome, int):
                told.append(f"ack {item[0].event_id} {outcome}")
            elif _SAID in str(outcome):
                told.append(f"taken {item[0].event_id}")
            else:
                again.append(item)
        if told:
            say(*told)
        if again:
            time.sleep(_AGAIN_S)
        left = again


def _requests(ledger: Ledger, name: str, thread: int, count: int) -> None:
    """One by one; or whole requests, all or none; or, as the gateway does, what came meanwhile in one batch."""
    size, whole = (_BATCH, False) if thread % 3 == 2 else (1, thread % 3 == 1)
    for first in range(0, count, size):
        ids = [f"{name}-{thread}-{number}" for number in range(first, first + size)]
        ended = [one for number, one in enumerate(ids, first) if number % _NEVER_ENDS != _NEVER_ENDS - 1]
        begins, ends = [admitted(one) for one in ids], [completed(one) for one in ended]
        if whole:
            _append(ledger, begins + ends, together=True)
            continue
        _append(ledger, begins, together=False)
        _append(ledger, ends, together=False)


def _weaken(ledger: Ledger, synchronous: str) -> None:
    """Takes durability away, to show that whoever checks for it notices."""
    database: Any = ledger._database
    if hasattr(database, "_writing"):
        database._writing().execute(f"SET synchronous_commit = {synchronous}")
    else:
        database._connection.execute(f"PRAGMA synchronous = {synchronous}")


def main() -> None:
    """Writes until it is killed, or until each thread has written so many requests."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--url", default="")
    parser.add_argument("--name", required=True, help="of this writer; its requests' ids begin with it")
    parser.add_argument("--threads", type=int, default=3)
    parser.add_argument("--requests", type=int, default=_FOR_EVER)
    parser.add_argument("--synchronous", default="", help="instead of the ledger's own setting")
    given = parser.parse_args()
    say("opening")
    while True:
        try:
            ledger = Ledger.open(Home(given.root, given.url))
            break
        except StoreError as error:  # the server may just have been killed
            if not given.url:
                raise
            sys.stderr.write(f"cannot open yet: {error}\n")
            time.sleep(_AGAIN_S)
    say("open")
    if given.synchronous:
        _weaken(ledger, given.synchronous)
    threads = [
        threading.Thread(target=_requests, args=(ledger, given.name, number, given.requests))
        for number in range(given.threads)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@dataclass
class Writer:
    """A writer that runs, or ran."""

    name: str
    process: subprocess.Popen[bytes]
    said: Path
    acknowledged: dict[str, int] = field(default_factory=dict)
    """The index of each event whose append returned."""
    taken: list[str] = field(default_factory=list)
    state: str = ""
    _read: int = 0

    @classmethod
    def start(cls, folder: Path, home: Home, name: str, *, threads: int, before: Sequence[str] = ()) -> Writer:
        """Starts one; `before` stands before its command."""
        said = folder / f"{name}.said"
        command = [*before, sys.executable, str(_FOLDER / "ledger_writer.py"), "--root", str(home.root)]
        command += ["--name", name, "--threads", str(threads)]
        if home.ledger_url:
            command += ["--url", f"{home.ledger_url}&application_name={name}"]
        with said.open("ab") as out, said.with_suffix(".err").open("ab") as err:
            return cls(name, subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err), said)

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    @property
    def complaint(self) -> str:
        """The end of what it wrote to its standard error."""
        return self.said.with_suffix(".err").read_text(encoding="utf-8", errors="replace")[-600:]

    def listen(self) -> list[str]:
        """Takes in what it has said since the last time; returns the ids that were acknowledged meanwhile."""
        with self.said.open("rb") as file:
            file.seek(self._read)
            lines, _, _ = file.read().rpartition(b"\n")
        self._read += len(lines) + bool(lines)
        new = []
        for line in lines.decode().splitlines():
            word, *rest = line.split()
            if word == "ack":
                self.acknowledged[rest[0]] = int(rest[1])
                new.append(rest[0])
            elif word == "taken":
                self.taken.append(rest[0])
            else:
                self.state = word
        return new

    def kill(self) -> None:
        """`kill -9`; returns once it is gone."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


if __name__ == "__main__":
    main()
