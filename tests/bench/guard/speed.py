"""What the whole default policy costs per message, by direction, language and length, beside Presidio; how it grows.

.venv/bin/python tests/bench/guard/speed.py [--data ../shared/data] [--quick]

One core, one thread, processor time, so that other work on the machine counts little. Messages are rows of the `dev`
splits, joined or cut at words; each goes through the policy with all its checks, through the one without the checks
that need a model, and through Presidio's AnalyzerEngine with the same English model (pii_peer.py), one after the other.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import runpy
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from rich.console import Console
from rich.table import Table

Direction = Literal["input", "output"]
Language = Literal["en", "es"]
_MESSAGES = {200: 300, 1_000: 120, 4_000: 40}
"""Length in characters -> how many messages."""
_QUICK = {200: 6, 1_000: 3, 4_000: 2}
_GROWTH = (1_000, 4_000, 10_000, 25_000, 100_000)
_QUICK_GROWTH = (1_000, 4_000, 10_000)
_ROUNDS = 3
_MANY_STEPS = 4_000
"""From this length on an answer is checked in many steps, so that what one costs more than none is no growth."""
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_SLOPE = 1.1
"""Time may grow with this power of the length: 1 is linear, the rest is what caches and allocators do."""
_LIMITS_MS = {"whole": 12.0, "without models": 1.5}
"""At 200 characters, the median."""
_FILES: dict[Language, tuple[str, ...]] = {
    "en": ("pii/en_presidio_research.jsonl", "pii/en_near_miss.jsonl", "injection/injection.jsonl"),
    "es": ("pii/es_synthetic.jsonl", "injection/injection.jsonl"),
}


@dataclass(frozen=True)
class Cell:
    """Milliseconds per message of one way to check it."""

    times_ms: tuple[float, ...]

    def at(self, percent: int) -> float:
        """A percentile."""
        ordered = sorted(self.times_ms)
        return ordered[min(len(ordered) - 1, math.ceil(percent / 100 * len(ordered)) - 1)]

    def row(self) -> tuple[str, str, str]:
        """p50, p95 and p99."""
        return f"{self.at(50):.2f}", f"{self.at(95):.2f}", f"{self.at(99):.2f}"


def messages(data: Path, language: Language, length: int, count: int) -> list[str]:
    """Rows joined by spaces and cut at a word, none of them of an attack; the same for every run."""
    pool: list[str] = []
    for name in _FILES[language]:
        for line in (data / name).read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if row["split"] == "dev" and row["lang"] == language and row.get("label", "benign") == "benign":
                pool.append(" ".join(row["text"].split()))
    source = _endless(pool, random.Random(length))
    return [_cut(source, length) for _ in range(count)]


def _endless(pool: Sequence[str], rng: random.Random) -> Iterator[str]:
    while True:
        yield from rng.sample(pool, len(pool))


def _cut(source: Iterator[str], length: int) -> str:
    text = next(source)
    while len(text) < length:
        text += " " + next(source)
    if len(text) == length or text[length] == " ":
        return text[:length]
    return text[:length].rpartition(" ")[0] or text[:length]


def light(policy: Any) -> tuple[Any, list[str]]:
    """A policy without the checks that need a model, and what was left out of it."""
    left_out: list[str] = []
    changed = {}
    for direction in get_args(Direction):
        kept = []
        for check in getattr(policy, direction):
            lighter = _without_names(check) if check.detector == "pii" else check
            if getattr(lighter, "models", ()):
                left_out.append(f"{direction} {check.id}")
                continue
            if lighter is not check:
                left_out.append(f"{direction} {check.id}: PERSON")
            kept.append(lighter)
        changed[direction] = tuple(kept)
    return policy.model_copy(update=changed), left_out


def _without_names(check: Any) -> Any:
    from policies.checks import Entity

    entities = tuple(one for one in (check.options.entities or get_args(Entity)) if one != "PERSON")
    return check.model_copy(update={"options": check.options.model_copy(update={"entities": entities})})


def _unbounded(policy: Any) -> Any:
    """A policy that does not turn a message away for its length, which would spare it all the other checks."""
    return policy.model_copy(
        update={
            direction: tuple(check for check in getattr(policy, direction) if check.detector != "size")
            for direction in get_args(Direction)
        }
    )


def _check(guards: Any, direction: Direction) -> Callable[[str], Any]:
    return guards.check_input if direction == "input" else guards.check_output


def _time_ms(work: Callable[[str], Any], text: str) -> float:
    started = time.process_time_ns()
    work(text)
    return (time.process_time_ns() - started) / 1e6


def measure(texts: Sequence[str], works: dict[str, Callable[[str], Any]]) -> dict[str, Cell]:
    """Each way over each message, in turn, after a few to warm up."""
    for text in texts[:3]:
        for work in works.values():
            work(text)
    times: dict[str, list[float]] = {name: [] for name in works}
    for text in texts:
        for name, work in works.items():
            times[name].append(_time_ms(work, text))
    return {name: Cell(tuple(found)) for name, found in times.items()}


def slope(lengths: Sequence[int], times_ms: Sequence[float]) -> float:
    """The power of the length with which the time grows (least squares on logarithms)."""
    return statistics.linear_regression([math.log(one) for one in lengths], [math.log(one) for one in times_ms]).slope


def _speed_table(data: Path, counts: dict[int, int], guards: dict[str, Any], peers: dict[str, Any]) -> Table:
    names = [*guards, "Presidio"]
    table = Table("direction", "language", "characters", title="ms of one core per message", title_justify="left")
    for name in names:
        for percent in ("p50", "p95", "p99"):
            table.add_column(f"{name}\n{percent}", justify="right")
    table.add_column("Presidio /\nwhole", justify="right")
    for direction in get_args(Direction):
        for language in get_args(Language):
            for length, count in counts.items():
                works = {name: _check(one, direction) for name, one in guards.items()}
                works["Presidio"] = peers[language].find
                cells = measure(messages(data, language, length, count), works)
                figures = [text for name in names for text in cells[name].row()]
                ratio = cells["Presidio"].at(50) / cells["whole"].at(50)
                table.add_row(direction, language, f"{length:,}", *figures, f"{ratio:.1f} x")
                if length == min(counts):
                    _tell_limits(direction, language, cells)
    return table


def _tell_limits(direction: str, language: str, cells: dict[str, Cell]) -> None:
    for name, limit_ms in _LIMITS_MS.items():
        found = cells[name].at(50)
        verdict = "kept" if found <= limit_ms else "NOT kept"
        print(f"{direction} {language} {name}: {found:.2f} ms, limit {limit_ms:g} ms: {verdict}", file=sys.stderr)


def _growth_table(data: Path, lengths: Sequence[int], guards: dict[str, Any]) -> tuple[Table, float]:
    """One text of _MANY_STEPS characters, over and over up to each length: nothing but the length grows.

    Of varied text a long one would cost more than its share, since in a short one most detectors have nothing to do
    (pii.py tells that).
    """
    table = Table("policy", "direction", "language", title="growth: ms for one message", title_justify="left")
    for length in lengths:
        table.add_column(f"{length:,}", justify="right")
    table.add_column(f"power of the length\nfrom {_MANY_STEPS:,} on", justify="right")
    steepest = 0.0
    for name, one in guards.items():
        for direction in get_args(Direction):
            for language in get_args(Language):
                work = _check(one, direction)
                block = messages(data, language, _MANY_STEPS, 1)[0] + "\n"
                texts = [(block * (1 + length // len(block)))[:length] for length in lengths]
                _time_ms(work, block)
                times = [min(_time_ms(work, text) for _ in range(_ROUNDS)) for text in texts]
                long = [(at, ms) for at, ms in zip(lengths, times, strict=True) if at >= _MANY_STEPS]
                grows = slope([at for at, _ in long], [ms for _, ms in long])
                steepest = max(steepest, grows)
                table.add_row(name, direction, language, *(f"{ms:,.1f}" for ms in times), f"{grows:.2f}")
    return table, steepest


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints; 1 when the time grows faster than the length."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--quick", action="store_true", help="few messages: for the tests")
    chosen = parser.parse_args(arguments)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    for name in _THREADS:
        os.environ[name] = "1"  # before anything that starts threads is imported

    from flows.steps.load_guards import load_guards, read_policy

    policy = read_policy("default")
    lighter, left_out = light(policy)
    guards = {"whole": load_guards(policy), "without models": load_guards(lighter)}
    presidio = runpy.run_path(str(Path(__file__).with_name("pii_peer.py")))["Presidio"]
    peers = {language: presidio(language) for language in get_args(Language)}
    speed = _speed_table(chosen.data, _QUICK if chosen.quick else _MESSAGES, guards, peers)
    unbounded = {"whole": load_guards(_unbounded(policy)), "without models": load_guards(_unbounded(lighter))}
    lengths = _QUICK_GROWTH if chosen.quick else _GROWTH
    growth, steepest = _growth_table(chosen.data, lengths, unbounded)
    console = Console(width=150)
    console.print(speed)
    console.print(f"`without models` leaves out: {', '.join(left_out) or 'nothing'}", highlight=False)
    console.print(growth)
    verdict = "no faster than linearly" if steepest <= _SLOPE else "FASTER than linearly"
    console.print(f"The time grows {verdict}: at most with the power {steepest:.2f} (limit {_SLOPE}).", highlight=False)
    return 0 if steepest <= _SLOPE or chosen.quick else 1


if __name__ == "__main__":
    sys.exit(main())
