"""A disk that forgets what was not synced: every acknowledged event of the ledger outlives it.

make soak, or .venv/bin/python tests/soak/unsynced.py --cuts 100 --seed 7

A kill -9 leaves the operating system's memory alive; a power cut does not. Here writers of a ledger in SQLite run under
strace. Their writes are then done again on an empty disk up to a random cut, and of them only those that a sync which
succeeded had reached; beside it, of the others, any of their sectors. The ledger is opened on what is left: each event
whose acknowledgement had begun to be written before the cut is there, everything verifies, and appending goes on. And
no acknowledgement begins before its own event's bytes are synced.

With --fail-every some syncs fail, and what they were to save is lost for good, as a real disk has it. With OFF or
NORMAL as --synchronous it must end with status 1. Names of files are taken to be durable at once. PostgreSQL:
unsynced_postgres.py.
"""

from __future__ import annotations

import argparse
import random
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from file_calls import SYNCS, Mark, marks, strace
from forgetful_disk import Disk
from ledger_writer import completed

from infra.errors import StoreError
from infra.home import Home
from infra.ledger.log import Ledger
from infra.ledger.store import reading

_FIRST_FAILS = 12
"""Opening a ledger syncs less often: a writer that cannot open it would end."""
_NOTHING, _EVERYTHING, _ANYTHING = (0.0,), (1.0,), (0.0, 0.5, 1.0)
Look = Callable[[Mapping[str, bytearray], Mapping[str, int]], Iterable[str]]
"""Opens the files that a cut left, and says what is wrong with them, given what was acknowledged before."""
_TWO = '"$@" --name w1 & "$@" --name w2 & wait'


def traced(root: Path, given: argparse.Namespace) -> Path:
    """Two processes write to a new ledger in `root`, until they are done. Returns what strace saw."""
    home, log = Home.open(root / "home"), root / "calls"
    paths = [root / "said", *(home.ledger.with_name(home.ledger.name + end) for end in ("", "-wal", "-journal"))]
    more = [part for path in paths for part in ("-P", str(path))]
    if given.fail_every:
        more += ["-e", f"inject=fsync,fdatasync:error=EIO:when={_FIRST_FAILS}+{given.fail_every}"]
    with (root / "said").open("wb") as out:
        subprocess.run([*strace(log, *more), *writers(home, given)], stdout=out, check=True)
    return log


def writers(home: Home, given: argparse.Namespace) -> list[str]:
    """The command that runs two writers to their ends."""
    program = str(Path(__file__).with_name("ledger_writer.py"))
    writer = [sys.executable, program, "--root", str(home.root), "--url", home.ledger_url]
    writer += ["--threads", str(given.threads), "--requests", str(given.requests), "--synchronous", given.synchronous]
    return ["sh", "-c", _TWO, "sh", *writer]


@dataclass
class Outcome:
    """What came of it."""

    acknowledged: dict[str, int] = field(default_factory=dict)
    cuts: int = 0
    syncs: int = 0
    failed: int = 0
    too_early: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def hear(self, said: bytes, synced: set[str]) -> None:
        """Takes in what a writer begins to say."""
        for line in said.decode().splitlines():
            word, *rest = line.split()
            if word == "ack":
                self.acknowledged[rest[0]] = int(rest[1])
                self.too_early += [rest[0]] if rest[0] not in synced else []


def replay(steps: Sequence[Mark], disk: Disk, look: Look, given: argparse.Namespace) -> Outcome:
    """Goes through the log, and looks at what random cuts leave."""
    outcome, dice = Outcome(), random.Random(given.seed)
    cuts = set(dice.sample(range(len(steps)), min(given.cuts, len(steps))))
    for step, mark in enumerate(steps):
        for shares in (_NOTHING, _ANYTHING) if step in cuts else ():
            outcome.cuts += 1
            left = disk.after_a_cut(dice, shares)
            outcome.problems += [f"cut at step {step}: {what}" for what in look(left, outcome.acknowledged)]
        if mark.call.path.endswith("/said"):
            if not mark.returns:
                outcome.hear(mark.call.data, disk.ids)
            continue
        disk.take(mark)
        if mark.returns and mark.call.name in SYNCS:
            outcome.syncs += 1
            outcome.failed += mark.call.result != 0
    for path, content in disk.after_a_cut(dice, _EVERYTHING).items():
        if not outcome.failed and content != Path(path).read_bytes():
            outcome.problems.append(f"the replay is wrong: {path} was changed by a call that it does not know")
    return outcome


def look(home: Home, acknowledged: Mapping[str, int]) -> Iterator[str]:
    """What is wrong with a ledger that a cut left."""
    try:
        ledger = Ledger.open(home)
        with reading(home) as connection:
            held = dict(connection.execute("SELECT event_id, idx FROM events").fetchall())
        lost = [event_id for event_id, index in acknowledged.items() if held.get(event_id) != index]
        if lost:
            yield f"{len(lost)} of {len(acknowledged)} acknowledged events are gone: {lost[:3]}"
        event, payload = completed("after")
        ledger.append(event, payload=payload)
        found = ledger.verify()
        if not found.ok:
            yield f"it does not verify: {found.problems[:3]}"
        ledger.close()
    except StoreError as error:
        yield f"it cannot be used: {error}"


def arguments(about: str | None, *, cuts: int) -> argparse.ArgumentParser:
    """What both programs are told."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cuts", type=int, default=cuts)
    parser.add_argument("--requests", type=int, default=200, help="of each thread")
    parser.add_argument("--threads", type=int, default=3, help="of each of the two processes")
    parser.add_argument("--synchronous", default="", help="instead of the ledger's own setting")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10_000), help="decides every cut")
    return parser


def tell(done: Outcome, root: Path, seed: int) -> int:
    """Prints what does not hold, and one sentence. Returns the exit status."""
    for problem in done.problems[:10]:
        print(f"does not hold: {problem}")
    if done.too_early:
        print(f"does not hold: {len(done.too_early)} acknowledgements began before their events were synced")
    held = not done.problems and not done.too_early and bool(done.acknowledged)
    print(
        f"{len(done.acknowledged):,} acknowledged events, {done.syncs:,} syncs, {done.failed} of them failed;"
        f" {done.cuts} states after a cut of the power, seed {seed};"
        f" {'everything held' if held else f'kept for a look: {root}'}"
    )
    if held:
        shutil.rmtree(root)
    return 0 if held else 1


def main() -> int:
    """Prints one sentence; 1 when something acknowledged was lost, or might have been."""
    parser = arguments(__doc__, cuts=100)
    parser.add_argument("--fail-every", type=int, default=0, help="of so many syncs of a thread one fails")
    given = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="sluice-unsynced-"))

    def opened(files: Mapping[str, bytearray], acknowledged: Mapping[str, int]) -> Iterator[str]:
        home = Home(root / "after")
        shutil.rmtree(home.root, ignore_errors=True)
        shutil.copytree(root / "home" / "keys", home.keys)
        home.folder(home.ledger.parent)
        for path, content in files.items():
            (home.ledger.parent / Path(path).name).write_bytes(content)
        return look(home, acknowledged)

    steps = list(marks(traced(root, given), lambda _: True))
    return tell(replay(steps, Disk(), opened, given), root, given.seed)


if __name__ == "__main__":
    raise SystemExit(main())
