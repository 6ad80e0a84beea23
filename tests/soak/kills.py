"""Kills each part of a running Sluice at random moments, lets it go on, and holds the end against an unbroken run.

make soak, or .venv/bin/python tests/soak/kills.py --times 10 --seed 7 --only training

A chain is one retraining from nothing that is killed several times, a part at a time, and taken up again by the very
same command until it ends. After each kill: no recorded event is lost, and `sluice audit verify` agrees. At the end of
a chain: the adapter's files are those of the unbroken run, bit by bit. Ends with status 1 when something does not hold.
"""

from __future__ import annotations

import argparse
import json
import random
import secrets
import shutil
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from requests_under_way import kill_gateway
from rich.console import Console
from rich.table import Table
from soak_home import Attempt, SoakHome
from victims import GATEWAY, VICTIMS, Victim, kill

from infra.processes import stop
from infra.quiet import hush

_REFUSED = 1
"""How a run on the scripted engine ends well: no gate lets its model pass."""
_FAILED_PART = 3
_KEEPS_DATA = 0.7
"""The share of chains that find the data set done, so that most kills come later."""
_QUICKER = 0.6
_CHAINS_FOR_ONE = 3
"""A run may end before its moment has come; so many chains are begun for each kill at most."""


@dataclass
class Kill:
    """One line of the table. `then` and `seconds` are known once what was started next has ended, or was killed."""

    what: str
    where: str
    then: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Unbroken:
    """The run that was left alone."""

    files: dict[str, str]
    seconds: float
    stages: dict[str, float]

    def left(self, done: set[str]) -> float:
        """Seconds that a run is expected to take where these stages are found done."""
        return self.seconds - sum(self.stages.get(stage, 0.0) for stage in done)


@dataclass
class Soak:
    """All rounds on one home."""

    soak: SoakHome
    dice: random.Random
    console: Console
    kills: list[Kill] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    pace: float = 1.0
    """Moments are drawn from this share of the expected time: less where runs ended before their moment had come."""

    def gateway(self, times: int) -> None:
        """Kills the gateway under requests."""
        for _ in range(times):
            begun_s = time.monotonic()
            done = kill_gateway(self.soak, self.dice)
            self.problems += [f"gateway: {problem}" for problem in done.problems]
            self._verified(GATEWAY)
            where = f"under requests, {done.cut_off} of them under way"
            then = f"up; {done.cut_off} interrupted, all {done.acknowledged} acknowledged answers kept"
            self._tell(Kill(GATEWAY, where, then, time.monotonic() - begun_s))

    def unbroken(self) -> Unbroken:
        """Runs once undisturbed. Raises SystemExit when that fails."""
        attempt = self.soak.retrain()
        result = self._result(attempt)
        if result is None:
            raise SystemExit(self.problems[-1])
        files = self.soak.adapter_files(result["digests"]["adapter"])
        stages = {stage["name"]: float(stage["seconds"]) for stage in result["stages"]}
        weights = files["adapter_model.safetensors"]
        self.console.print(f"unbroken: {attempt.seconds:.0f} s {stages}, weights {weights}", highlight=False)
        return Unbroken(dict(files), attempt.seconds, stages)

    def chains(self, left: Counter[str], unbroken: Unbroken) -> None:
        """Runs chains until each victim was killed as often as `left` asks."""
        for _ in range(_CHAINS_FOR_ONE * max(left.values(), default=0)):
            due = [victim for victim in VICTIMS if left[victim.name] > 0]
            if not due:
                return
            self.dice.shuffle(due)
            # Later kills may find the training done.
            due.sort(key=lambda victim: victim.name != "training")
            self._chain(due, left, unbroken)
        self.problems += [f"{name}: {count} kills came too late" for name, count in left.items() if count > 0]

    def _chain(self, victims: list[Victim], left: Counter[str], unbroken: Unbroken) -> None:
        keep_data = self.dice.random() < _KEEPS_DATA
        self.soak.begin_anew(keep_data=keep_data)
        done = {"dataset"} if keep_data else set()
        attempt, open_kill = self.soak.retrain(), None
        for victim in victims:
            struck = self._strike(victim, attempt, unbroken.left(done))
            if struck is None:
                break
            self._went_on(open_kill, attempt)
            left[victim.name] -= 1
            done |= set(self.soak.stages_since(attempt.events))
            if victim.is_server:
                self.soak.up()
            attempt, open_kill = self.soak.retrain(), struck
        result = self._result(attempt)
        self._went_on(open_kill, attempt)
        if result and dict(self.soak.adapter_files(result["digests"]["adapter"])) != unbroken.files:
            self.problems.append(f"killed {[victim.name for victim in victims]}: the adapter is another one")

    def _strike(self, victim: Victim, attempt: Attempt, expected_s: float) -> Kill | None:
        """Kills at a random moment of the attempt and waits for its end; None where the attempt ended before."""
        in_time = victim.wait(self.soak, attempt, self.dice, self.pace * expected_s)
        before = self.soak.recorded()
        if not in_time or not kill(victim.find(self.soak, attempt)):
            self.pace *= _QUICKER
            return None
        struck = Kill(victim.name, self._where(attempt))
        about = f"{struck.what} killed at {struck.where}"
        status = attempt.wait()
        if status is None:
            self.problems.append(f"{about}: the run hangs")
        if victim.name == "training" and status != _FAILED_PART:
            self.problems.append(f"{about}: the run ended with status {status}: {attempt.said[-400:]}")
        if victim.is_server:
            struck.where += f" (the run ended with {status})"
        if "Traceback (most recent call last)" in attempt.said:
            self.problems.append(f"{about}: the run ended in a stack trace: {attempt.said[-300:]}")
        if self.soak.recorded()[: len(before)] != before:
            self.problems.append(f"{about}: recorded events are gone")
        self._verified(about)
        return struck

    def _went_on(self, struck: Kill | None, attempt: Attempt) -> None:
        """Says of an attempt that is over from where it went on; the kill before it is complete then."""
        begun = attempt.trained_from
        if begun is not None and begun < attempt.checkpoint:
            self.problems.append(f"training began after step {begun}, though step {attempt.checkpoint} was kept")
        if struck is None:
            return
        found = f"found done: {', '.join(attempt.reused) or 'nothing'}"
        trained = "" if begun is None else f"; training {f'goes on after step {begun}' if begun else 'from its start'}"
        struck.then, struck.seconds = found + trained, attempt.seconds
        self._tell(struck)

    def _where(self, attempt: Attempt) -> str:
        """The stage under way, and the newest checkpoint where that is the training."""
        done = self.soak.stages_since(attempt.events)
        if not done:
            return "start or dataset"
        if len(done) == 1:
            checkpoint = self.soak.checkpoint()
            return f"finetune, {f'checkpoint {checkpoint}' if checkpoint else 'no checkpoint yet'}"
        return {"finetune": "evaluate", "evaluate": "gate", "gate": "log refused"}.get(done[-1], "the end")

    def _result(self, attempt: Attempt) -> dict[str, Any] | None:
        """What a run that nobody disturbs any more prints; None, and a problem, when it does not end well."""
        status = attempt.wait()
        if status != _REFUSED:
            self.problems.append(f"a run that was left alone ended with {status}: {attempt.said[-400:]}")
            return None
        result: dict[str, Any] = json.loads(attempt.out.read_text(encoding="utf-8"))
        return result

    def _verified(self, about: str) -> None:
        done = self.soak.run("audit", "verify", "--json")
        if done.returncode:
            self.problems.append(f"{about}: sluice audit verify says {done.stdout[-400:]}{done.stderr[-400:]}")

    def _tell(self, one: Kill) -> None:
        self.kills.append(one)
        self.console.print(f"{one.what}: {one.where} -> {one.then} ({one.seconds:.0f} s)", highlight=False)


def table(kills: list[Kill]) -> Table:
    """One line for each kill."""
    made = Table("#", "kill -9 of", "at", "what went on from where", "seconds", title_justify="left")
    for number, one in enumerate(kills, start=1):
        made.add_row(str(number), one.what, one.where, one.then, f"{one.seconds:.0f}")
    return made


def soaked(root: Path, times: int, seed: int, only: list[str], console: Console) -> Soak:
    """Makes the home, runs every round, and ends the servers."""
    made = SoakHome.make(root)
    run = Soak(made, random.Random(seed), console)
    left = Counter({name: times for name in only if name != GATEWAY})
    try:
        made.up()
        if GATEWAY in only:
            run.gateway(times)
        if left:
            run.chains(left, run.unbroken())
        return run
    finally:
        stop(made.home)


def main() -> int:
    """Prints the table; 1 when something did not hold, and the home is kept then."""
    hush()
    names = [*(victim.name for victim in VICTIMS), GATEWAY]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=10, help="kills of each part")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10_000), help="decides every moment")
    parser.add_argument("--only", choices=names, action="append", help="this part alone; may be given several times")
    given = parser.parse_args()
    console = Console(width=150)
    root, begun_s = Path(tempfile.mkdtemp(prefix="sluice-soak-")), time.monotonic()
    console.print(f"seed {given.seed}, {given.times} kills each, in {root}", highlight=False)
    run = soaked(root, given.times, given.seed, given.only or names, console)
    console.print(table(run.kills))
    for problem in run.problems:
        console.print(f"[red]does not hold:[/red] {problem}", highlight=False)
    minutes = (time.monotonic() - begun_s) / 60
    state = f"kept for a look: {root}" if run.problems else "everything held"
    console.print(f"{len(run.kills)} kills in {minutes:.1f} minutes, {len(run.problems)} problems; {state}")
    if not run.problems:
        shutil.rmtree(root)
    return 1 if run.problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
