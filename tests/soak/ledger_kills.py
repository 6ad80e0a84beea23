"""Kills writers of the audit ledger and its database server at random instants, and holds the record against its word.

make soak, or .venv/bin/python tests/soak/ledger_kills.py --times 30 --seed 7 --store postgres

Two to four processes append requests from several threads, as fast as they can. At a random instant one or all of them
are killed with -9, also while they open the ledger or make its tables; with PostgreSQL also the connections of one, and
the whole server. The others go on. After each kill: what was acknowledged is there, once, whole, where it was said to
be; everybody goes on; and what is closed as interrupted is what the dead left open. Every ten kills: the whole ledger
verifies, and the next one begins from nothing. Ends with status 1 when something does not hold.
"""

from __future__ import annotations

import argparse
import random
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ledger_postgres import Postgres
from ledger_record import Record, patiently
from ledger_writer import Writer

from infra.home import Home

KINDS = {
    "sqlite": ("early", "one", "all", "one", "early", "all", "one", "early", "one", "all"),
    "postgres": ("early", "one", "backends", "server", "all", "early", "one", "backends", "early", "all"),
}
"""The kills of one ledger. The first is always that of one that makes it; the others come in any order."""
_OPENING_S = {"sqlite": 0.06, "postgres": 0.3}
"""How long opening a new ledger takes, about: a random instant within it."""
_GOES_ON_S = 60.0
_LOOK_S = 0.01
_NEW = 12
"""So many more acknowledgements of each writer show that it goes on: with new requests, not only with open ones."""


@dataclass
class Ledgers:
    """All ledgers of one store, one after the other."""

    store: str
    folder: Path
    dice: random.Random
    load_s: float
    """A kill comes within so many seconds under load."""
    server: Postgres | None = None
    kills: int = 0
    acknowledged: int = 0
    problems: list[str] = field(default_factory=list)

    def soak(self, times: int) -> None:
        """So many kills."""
        for number in range(0, times, len(KINDS[self.store])):
            first, *others = KINDS[self.store][: times - number]
            self.dice.shuffle(others)
            with self._ledger(f"{self.store}{number // len(KINDS[self.store])}") as chapter:
                for kind in (first, *others):
                    begun_s = time.monotonic()
                    what = chapter.kill(kind)
                    self.kills += 1
                    running, known = len(chapter.running), chapter.record.known
                    print(
                        f"{self.kills:>4} {self.store}: {what}; {running} go on, {known:,} acknowledged"
                        f" ({time.monotonic() - begun_s:.1f} s)",
                        flush=True,
                    )
                chapter.end()
            self.acknowledged += chapter.record.known
            self.problems += chapter.record.problems
            if chapter.record.problems:
                print(*chapter.record.problems, sep="\n", flush=True)

    @contextmanager
    def _ledger(self, name: str) -> Iterator[Chapter]:
        """A new home; it is kept when something did not hold."""
        url = self.server.create(name) if self.server else ""
        home = Home(self.folder / name, url)
        home.folder(home.root)
        chapter = Chapter(self, Record(home), name)
        try:
            yield chapter
        finally:
            for writer in chapter.running:
                writer.kill()
            chapter.record.close()
        if not chapter.record.problems:
            shutil.rmtree(home.root)
            if self.server:
                self.server.drop(name)


@dataclass
class Chapter:
    """One ledger, and who writes to it."""

    ledgers: Ledgers
    record: Record
    name: str
    writers: list[Writer] = field(default_factory=list)

    @property
    def running(self) -> list[Writer]:
        return [writer for writer in self.writers if writer.name not in self.record.dead]

    def kill(self, kind: str) -> str:
        """Kills, looks, and returns once everybody who is left goes on."""
        dice = self.ledgers.dice
        missing = dice.randint(2, 4) - len(self.running)
        new = self._start(max(missing, 1 if kind == "early" else 0))
        if kind == "early":
            at_s = self._wait_for_opening(new) + dice.uniform(0, _OPENING_S[self.ledgers.store])
            victims = new if dice.random() < 0.5 else new[:1]
        else:
            self._all_go_on(1)
            at_s = time.monotonic() + dice.uniform(0, self.ledgers.load_s)
            victims = self.running if kind == "all" else [dice.choice(self.running)]
        time.sleep(max(0.0, at_s - time.monotonic()))
        what = self._strike(kind, victims)
        self._start(2 - len(self.running))
        self._all_go_on(_NEW)
        patiently(lambda: self.record.look(self.writers, dice))
        patiently(lambda: self.record.close_interrupted(self.running))
        return what

    def end(self) -> None:
        """Kills whoever is left, and checks everything."""
        for writer in self.running:
            self._dies(writer)
        patiently(lambda: self.record.check_all(self.writers))

    def _strike(self, kind: str, victims: list[Writer]) -> str:
        server, dice = self.ledgers.server, self.ledgers.dice
        if kind == "server" and server:
            server.kill()
            time.sleep(dice.uniform(0, 0.3))
            server.start()
            return "the server, and it was started again"
        if kind == "backends" and server:
            ended = server.end_backends(victims[0].name, dice.random())
            return f"{ended} connections of one"
        for writer in victims:
            writer.process.kill()  # all at about the same instant
        for writer in victims:
            self._dies(writer)
        return f"{len(victims)} {'that were opening it' if kind == 'early' else 'under load'}"

    def _dies(self, writer: Writer) -> None:
        writer.kill()
        writer.listen()
        self.record.dead.add(writer.name)

    def _start(self, count: int) -> list[Writer]:
        """Starts so many writers."""
        new = []
        for number in range(len(self.writers), len(self.writers) + count):
            threads = self.ledgers.dice.randint(2, 4)
            new.append(Writer.start(self.record.home.root, self.record.home, f"{self.name}w{number}", threads=threads))
        self.writers += new
        return new

    def _wait_for_opening(self, new: list[Writer]) -> float:
        give_up_s = time.monotonic() + _GOES_ON_S
        while not any(writer.state for writer in new) and time.monotonic() < give_up_s:
            time.sleep(0.002)
            for writer in new:
                writer.listen()
        return time.monotonic()

    def _all_go_on(self, count: int) -> None:
        """Waits until each has so many further acknowledgements; it is a problem when one does not get them."""
        waiting = {writer.name: (writer, len(writer.acknowledged)) for writer in self.running}
        give_up_s = time.monotonic() + _GOES_ON_S
        while waiting:
            for name, (writer, before) in list(waiting.items()):
                writer.listen()
                if len(writer.acknowledged) >= before + count:
                    del waiting[name]
                elif not writer.alive or time.monotonic() > give_up_s:
                    del waiting[name]
                    how = "waits for ever" if writer.alive else f"ended with {writer.process.returncode}"
                    self.record.problems.append(f"{name} does not go on, it {how}: {writer.complaint}")
                    self._dies(writer)
            time.sleep(_LOOK_S)


def soaked(root: Path, store: str, given: argparse.Namespace) -> Ledgers:
    """All kills of one store."""
    server = Postgres(root / "pg") if store == "postgres" else None
    made = Ledgers(store, root, random.Random(f"{given.seed} {store}"), given.load, server)
    try:
        made.soak(given.times)
        return made
    finally:
        if server:
            server.close()


def main() -> int:
    """Prints a line for each kill, and one sentence at the end; 1 when something did not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=300, help="kills of each store")
    parser.add_argument("--store", choices=[*KINDS, "both"], default="both")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10_000), help="decides every moment")
    parser.add_argument("--load", type=float, default=1.0, help="a kill comes within so many seconds under load")
    given = parser.parse_args()
    root, begun_s = Path(tempfile.mkdtemp(prefix="sluice-kills-")), time.monotonic()
    print(f"seed {given.seed}, {given.times} kills, in {root}", flush=True)
    stores = list(KINDS) if given.store == "both" else [given.store]
    done = [soaked(root, store, given) for store in stores]
    problems = [problem for one in done for problem in one.problems]
    kills = " and ".join(f"{one.kills} kills on {one.store}" for one in done)
    minutes = (time.monotonic() - begun_s) / 60
    end = f"{len(problems)} things did not hold, kept for a look in {root}" if problems else "everything held"
    print(f"{kills}: {sum(one.acknowledged for one in done):,} acknowledged events, {minutes:.1f} minutes; {end}")
    if not problems:
        shutil.rmtree(root)
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
