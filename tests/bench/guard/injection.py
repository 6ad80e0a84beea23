"""Prompt injection on the development rows: our check beside the rules alone, a keyword list, and guardrails-ai's.

.venv/bin/python tests/bench/guard/injection.py [--data ../shared/data] [--texts 200]

The head never saw these rows. Peers that do not start offline are named with the reason. Processor time per message is
taken from all of them in this process, in turn, over the same texts.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from flows.injection.rates import Rate, area, found_with_interval, share
from infra.injection_model import load_injection_model
from infra.quiet import hush
from policies.guardrails.detectors.prompt_injection import PromptInjection
from policies.guardrails.passage import Passage

Score = Callable[[str], float]

KEYWORDS = (
    *("ignore all", "ignore the above", "ignore previous", "ignore your", "disregard", "system prompt", "jailbreak"),
    *("you are now", "pretend", "do anything now", "developer mode", "no restrictions", "bypass", "reveal", "password"),
    *("ignora", "olvida", "instrucciones anteriores", "prompt de sistema", "modo desarrollador", "sin restricciones"),
    *(
        "sin filtros",
        "finge",
        "contraseña",
        "a partir de ahora",
        "new instructions",
        "nuevas instrucciones",
        "override",
    ),
)
"""What somebody writes down in ten minutes: the baseline."""
_TRIED = ("detect_jailbreak", "detect_prompt_injection", "prompt_injection_detector", "unusual_prompt", "ban_list")


@dataclass(frozen=True)
class Row:
    """One development row."""

    text: str
    lang: str
    label: str
    kind: str


def read_rows(data: Path) -> list[Row]:
    """The development rows."""
    lines = (data / "injection" / "injection.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [Row(*(row[key] for key in ("text", "lang", "label", "kind"))) for row in rows if row["split"] == "dev"]


def keyword_score(text: str) -> float:
    """The share of the keywords that stand in a text, so that two say more than one."""
    lowered = text.lower()
    return sum(word in lowered for word in KEYWORDS) / len(KEYWORDS)


def detector_score(detector: PromptInjection) -> Score:
    """The highest score of a detector of ours."""
    return lambda text: max((span.score for span in detector.find(Passage(text, None))), default=0.0)


def peers() -> tuple[dict[str, Score], dict[str, str]]:
    """guardrails-ai's validators for this that start offline, and why the others do not."""
    started: dict[str, Score] = {}
    left_out: dict[str, str] = {}
    for name in _TRIED:
        try:
            started[f"guardrails-ai {name}"] = _peer(name)
        except BaseException as error:  # a validator that cannot start may do anything, exit included
            if isinstance(error, KeyboardInterrupt):
                raise
            left_out[name] = type(error).__name__
    return started, left_out


def _peer(name: str) -> Score:
    """A validator with its defaults; what it passes scores 0, what it fails 1."""
    import importlib

    module = importlib.import_module(f"guardrails_ai.{name}")
    kind = getattr(module, "".join(part.capitalize() for part in name.split("_")))
    validator = kind(banned_words=list(KEYWORDS)) if name == "ban_list" else kind()

    def score(text: str) -> float:
        result: Any = validator.validate(text, {})
        return 0.0 if result.outcome == "pass" else 1.0

    score("Where is my order?")
    return score


def _timed(score: Score, texts: list[str]) -> float:
    """Milliseconds of processor time per text."""
    for text in texts[:5]:
        score(text)
    started = time.process_time()
    for text in texts:
        score(text)
    return 1000 * (time.process_time() - started) / len(texts)


def _show(rate: Rate) -> str:
    return f"{rate.value:.3f} ({rate.low:.2f} to {rate.high:.2f})"


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("SLUICE_TEST_DATA", "../shared/data")))
    parser.add_argument("--texts", type=int, default=200, help="how many texts the times are taken over")
    given = parser.parse_args()
    hush()
    rows = read_rows(given.data)
    attack = np.array([row.label != "benign" for row in rows])
    ours = detector_score(PromptInjection(load_injection_model()))
    started, left_out = peers()
    scorers = {
        "Sluice, model and rules": ours,
        "Sluice, rules alone": detector_score(PromptInjection()),
        "keywords": keyword_score,
        **started,
    }
    scores = {name: np.array([score(row.text) for row in rows]) for name, score in scorers.items()}
    # 200 characters each, cut out of the rows; the number in front makes each a text that no cache has seen.
    texts = [f"{number} {row.text}"[:200] for number, row in enumerate(rows) if len(row.text) >= 200][: given.texts]
    console = Console(width=150)
    console.print(_overall(rows, attack, scores, {name: _timed(score, texts) for name, score in scorers.items()}))
    console.print(_by_kind(rows, scores["Sluice, model and rules"]))
    for name, why in left_out.items():
        console.print(f"guardrails-ai {name}: not installed, or does not start offline ({why})")


def _overall(
    rows: list[Row], attack: np.ndarray, scores: dict[str, np.ndarray], milliseconds: dict[str, float]
) -> Table:
    """One line for each scorer; both languages together, then Spanish alone."""
    table = Table(
        "scorer", "AUROC", "found at 1 %", "found at 5 %", "es AUROC", "es found at 5 %", "ms per 200 characters"
    )
    spanish = np.array([row.lang == "es" for row in rows])
    for name, each in scores.items():
        table.add_row(
            name,
            f"{area(each, attack):.3f}",
            _show(found_with_interval(each, attack, 0.01)),
            _show(found_with_interval(each, attack, 0.05)),
            f"{area(each[spanish], attack[spanish]):.3f}",
            _show(found_with_interval(each[spanish], attack[spanish], 0.05)),
            f"{milliseconds[name]:.2f}",
        )
    return table


def _by_kind(rows: list[Row], scores: np.ndarray) -> Table:
    """The share that the default policy (0.5) and a strict one (0.3) block, by language, label and kind."""
    table = Table("language", "label", "kind", "rows", "blocked from 0.5", "blocked from 0.3")
    kinds = sorted({(row.lang, row.label, row.kind.partition(":")[0]) for row in rows})
    keys = [(lang, label, "all") for lang, label in sorted({key[:2] for key in kinds})] + kinds
    for lang, label, kind in keys:
        picked = np.array(
            [(row.lang, row.label) == (lang, label) and kind in ("all", row.kind.partition(":")[0]) for row in rows]
        )
        counts = [int((scores[picked] >= limit).sum()) for limit in (0.5, 0.3)]
        table.add_row(lang, label, kind, str(int(picked.sum())), *(_show(share(n, int(picked.sum()))) for n in counts))
    return table


if __name__ == "__main__":
    main()
