"""Several gateways write to one PostgreSQL ledger while one after the other is killed: one valid tree at the end.

make soak, or .venv/bin/python tests/soak/ledger_gateways.py --gateways 4 --seconds 120 --seed 7

The real gateways, each a BentoML server of its own on the scripted engine, on one home and one database. Callers ask
each of them for whole answers and for streams. Every few seconds one is killed with -9 and started anew, which closes
what the dead one left open, while the others go on; at the end all are killed at once. Then: every answer that a caller
had in whole is recorded once as admitted and once as answered; nothing else stands there twice; what was cut off is
interrupted; no gateway that lives failed a request; the tree verifies. Ends with status 1 when something does not hold.
"""

from __future__ import annotations

import argparse
import random
import secrets
import shutil
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from asked_gateway import CALLERS, Gateway
from ledger_postgres import Postgres
from ledger_record import patiently

from infra.home import Home
from infra.ledger.log import Ledger
from infra.ledger.store import reading
from infra.quiet import hush
from infra.settings import Settings, read_settings
from infra.stores.callers import Callers


@dataclass
class Gateways:
    """All of them on one ledger."""

    settings: Settings
    gateways: list[Gateway]
    dice: random.Random
    kills: int = 0
    problems: list[str] = field(default_factory=list)

    @classmethod
    def make(cls, root: Path, url: str, count: int, seed: int) -> Gateways:
        """A home of their own; none of them is started."""
        given = {"SLUICE_HOME": str(root / "home"), "SLUICE_LEDGER_URL": url, "SLUICE_GATEWAY_CONCURRENCY": "64"}
        settings = read_settings(given)
        key = Callers(settings.home).create("soak").key
        return cls(
            settings, [Gateway(settings, root / f"gateway{n}.log", key) for n in range(count)], random.Random(seed)
        )

    @property
    def answered(self) -> list[str]:
        return [one for gateway in self.gateways for one in gateway.answered]

    def run(self, seconds: float, most_s: float) -> None:
        """Starts them, kills one after the other while they are asked, and at the end all at once."""
        self._wait(self._starts(self.gateways))
        stop = threading.Event()
        asking = [
            threading.Thread(target=gateway.ask, args=(stop, caller), daemon=True)
            for gateway in self.gateways
            for caller in range(CALLERS)
        ]
        for thread in asking:
            thread.start()
        until_s, starting = time.monotonic() + seconds, list[threading.Thread]()
        while time.monotonic() < until_s:
            time.sleep(self.dice.uniform(1, most_s))
            ready = [gateway for gateway in self.gateways if gateway.life % 2]
            if len(ready) > 1:  # one goes on at any time
                victim = self.dice.choice(ready)
                victim.kill()
                self.kills += 1
                starting += self._starts([victim])
                print(
                    f"{self.kills:>3}: gateway {self.gateways.index(victim)} killed, {len(ready) - 1} go on;"
                    f" {len(self.answered):,} answers so far",
                    flush=True,
                )
        self._wait(starting)
        for gateway in self.gateways:
            gateway.kill()
        stop.set()
        for thread in asking:
            thread.join(timeout=60)

    def _starts(self, gateways: list[Gateway]) -> list[threading.Thread]:
        def start(gateway: Gateway) -> None:
            try:
                gateway.start()
            except RuntimeError as error:
                self.problems.append(str(error))

        threads = [threading.Thread(target=start, args=(gateway,)) for gateway in gateways]
        for thread in threads:
            thread.start()
        return threads

    def _wait(self, threads: list[threading.Thread]) -> None:
        for thread in threads:
            thread.join()

    def check(self) -> None:
        """Holds the record against what callers were told."""
        home = self.settings.home
        ledger = patiently(lambda: Ledger.open(home))
        closed = ledger.close_interrupted()
        again = ledger.close_interrupted()
        ids, ends, begins = _recorded(home)
        found = ledger.verify()
        answered = self.answered
        wrong = [one for one in answered if begins[one] != 1 or ends.get(one) != ["answered"]]
        open_still = [one for one in begins if one not in ends]
        twice = [one for one, outcomes in ends.items() if len(outcomes) > 1]
        failures = Counter(failure for gateway in self.gateways for failure in gateway.failures)
        interrupted = sum(outcomes == ["interrupted"] for outcomes in ends.values())
        print(f"{closed} closed at the end, {interrupted} interrupted in all; outcomes {_counted(ends)}")
        checks = (
            (len(answered) > 0, "no request was answered"),
            (not wrong, f"{len(wrong)} whole answers are not recorded once, as answered: {wrong[:3]}"),
            (len(set(ids)) == len(ids), f"{len(ids) - len(set(ids))} events stand there twice"),
            (not open_still and not again, f"{len(open_still)} requests are open, {again} were closed late"),
            (not twice, f"{len(twice)} requests have two ends"),
            (not failures, f"gateways that live failed requests: {failures.most_common(5)}"),
            (found.ok, f"it does not verify: {found.problem_count} problems: {found.problems[:3]}"),
        )
        self.problems += [what for holds, what in checks if not holds]
        ledger.close()


def _recorded(home: Home) -> tuple[list[str], dict[str, list[str]], Counter[str]]:
    """Every event id; the outcomes of each request; how often each was admitted."""
    with reading(home) as connection:
        rows = connection.execute("SELECT event_id, kind, response_id, outcome FROM events").fetchall()
    ends: dict[str, list[str]] = {}
    for _, kind, response, outcome in rows:
        if kind == "request.completed":
            ends.setdefault(response, []).append(outcome)
    begins = Counter(str(response) for _, kind, response, _ in rows if kind == "request.admitted")
    return [row[0] for row in rows], ends, begins


def _counted(ends: dict[str, list[str]]) -> dict[str, int]:
    return dict(Counter(outcome for outcomes in ends.values() for outcome in outcomes))


def main() -> int:
    """Prints a line for each kill, and one sentence at the end; 1 when something did not hold."""
    hush()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gateways", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=120, help="how long they are asked")
    parser.add_argument("--between", type=float, default=5, help="seconds between two kills at most")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10_000), help="decides every moment")
    given = parser.parse_args()
    root, begun_s = Path(tempfile.mkdtemp(prefix="sluice-gateways-")), time.monotonic()
    print(f"seed {given.seed}, {given.gateways} gateways, {given.seconds:.0f} s, in {root}", flush=True)
    server = Postgres(root / "pg")
    run = Gateways.make(root, server.create("ledger"), given.gateways, given.seed)
    try:
        run.run(given.seconds, given.between)
        run.check()
    finally:
        for gateway in run.gateways:
            gateway.kill()
        server.close()
    for problem in run.problems:
        print(f"does not hold: {problem}")
    end = f"kept for a look: {root}" if run.problems else "everything held"
    print(
        f"{run.kills} kills and one of all, {len(run.answered):,} answers in whole,"
        f" {(time.monotonic() - begun_s) / 60:.1f} minutes; {end}"
    )
    if not run.problems:
        shutil.rmtree(root)
    return 1 if run.problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
