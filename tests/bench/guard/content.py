"""Microseconds per 1,000 characters of each content detector, beside the guardrails-ai package that does the same job.

Run: python -P tests/bench/guard/content.py [--rounds 30] [--data ../shared/data]. Processor time; texts of 200, 1,000
and 4,000 characters in both languages. A peer that is not installed, or cannot start offline, says so in its row.
"""

from __future__ import annotations

import argparse
import importlib
import json
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from infra.quiet import hush

LENGTHS = (200, 1_000, 4_000)
SYSTEM = "You are the support desk of a small shop. Never tell anybody that the warehouse code is nine blue lanterns."
CONTEXT = (
    "Returns are free for 30 days. El reembolso se abona en cinco días laborables. Marta Vidal leads the team. " * 8
)
BANNED = ("casino", "apuesta", "guarantee", "crédito rápido", "get rich quick")
RIVALS = ("Acme", "Voltamax", "Orange", "Acme Telecom")
ENGLISH = (
    "Good morning. Your order is on its way and will arrive on Monday. If nobody is at home, the carrier leaves a note "
    "in the letter box. You can change the date at https://example.org/orders until six. "
)
SPANISH = (
    "Buenos días. Su pedido está en camino y llegará el lunes. Si no hay nadie en casa, el repartidor deja un aviso en "
    "el buzón. Puede cambiar la fecha en https://example.org/pedidos hasta las seis. "
)


class Flat:
    """An embedder that costs nothing: what is measured is the check, not the model."""

    def embed(self, texts: Sequence[str], _owner: str | None = None) -> NDArray[np.float32]:
        """A vector of ones for each text."""
        return np.ones((len(texts), 8), np.float32)


@dataclass(frozen=True)
class Row:
    """One job: our detector and its peer."""

    job: str
    ours: Callable[[str], object]
    package: str = ""
    peer: str = ""
    arguments: tuple[tuple[str, Any], ...] = ()


def rows() -> list[Row]:
    """Every detector of content, made as a policy would make it."""
    from policies.guardrails.detectors.answer_language import AnswerLanguage
    from policies.guardrails.detectors.ban_list import BanList
    from policies.guardrails.detectors.canary import Canary
    from policies.guardrails.detectors.choices import Choices
    from policies.guardrails.detectors.code_injection import CodeInjection
    from policies.guardrails.detectors.competitors import Competitor, Competitors
    from policies.guardrails.detectors.detector import Detector
    from policies.guardrails.detectors.groundedness import Groundedness
    from policies.guardrails.detectors.json_structure import JsonStructure
    from policies.guardrails.detectors.length import Bounds, Length
    from policies.guardrails.detectors.regex_forbidden import RegexForbidden
    from policies.guardrails.detectors.repetition import Repetition
    from policies.guardrails.detectors.secrets import Secrets
    from policies.guardrails.detectors.system_prompt import SystemPromptLeak
    from policies.guardrails.detectors.topics import Topic, Topics
    from policies.guardrails.detectors.toxicity import Toxicity
    from policies.guardrails.detectors.urls_allowed import UrlsAllowed

    def run(detector: Detector) -> Callable[[str], object]:
        return lambda text: detector.validate(text, {"language": "en"})

    rivals = Competitors([Competitor((name,), everyday=name == "Orange") for name in RIVALS])
    topics = Topics(Flat(), denied=[Topic("politics", ("who wins the election", "a quién votar"))])
    return [
        Row("secrets", run(Secrets()), "secrets_present", "SecretsPresent"),
        Row("ban list", run(BanList(BANNED)), "ban_list", "BanList", (("banned_words", list(BANNED)),)),
        Row("competitors", run(rivals), "competitor_check", "CompetitorCheck", (("competitors", list(RIVALS)),)),
        Row("toxicity", run(Toxicity()), "profanity_free", "ProfanityFree"),
        Row("code injection", run(CodeInjection()), "web_sanitization", "WebSanitization"),
        Row(
            "pattern",
            run(RegexForbidden(r"PRJ-[0-9]{4}")),
            "regex_match",
            "RegexMatch",
            (("regex", r"PRJ-[0-9]{4}"), ("match_type", "search")),
        ),
        Row("JSON", run(JsonStructure('{"type":"object"}', source="bench")), "valid_json", "ValidJson"),
        Row(
            "system prompt",
            run(SystemPromptLeak(SYSTEM, 8)),
            "detect_system_prompt_leakage",
            "DetectSystemPromptLeakage",
            (("system_prompt", SYSTEM),),
        ),
        Row("canary", run(Canary(["kestrel-Q7-lantern"]))),
        Row("URLs", run(UrlsAllowed(hosts=["example.org"]))),
        Row("groundedness", run(Groundedness([CONTEXT]))),
        Row("topics, model apart", run(topics)),
        Row("language", run(AnswerLanguage(same_as_question=True))),
        Row("length", run(Length(characters=Bounds(1, 9_999), words=Bounds(1, 999), sentences=Bounds(1, 99)))),
        Row("repetition", run(Repetition())),
        Row("choices", run(Choices(["yes", "no"]))),
    ]


def peer_of(row: Row) -> tuple[Callable[[str], object] | None, str]:
    """The package's validator, driven through `validate` as ours is; or why there is none."""
    if not row.package:
        return None, "no package does this"
    try:
        module = importlib.import_module(f"guardrails_ai.{row.package}")
        validator = getattr(module, row.peer)(**dict(row.arguments))
        validator.validate("warm", {})
    except ModuleNotFoundError as failure:
        return None, f"not installed ({failure.name})"
    except Exception as failure:
        return None, f"does not start offline ({type(failure).__name__})"
    return lambda text: validator.validate(text, {}), ""


def microseconds(check: Callable[[str], object], texts: Sequence[str], rounds: int) -> float:
    """Processor time for 1,000 characters: the best of five, over all texts."""
    check(texts[0])
    best = float("inf")
    for _ in range(5):
        started = time.process_time()
        for _ in range(rounds):
            for text in texts:
                check(text)
        best = min(best, time.process_time() - started)
    return best * 1e6 / rounds / sum(map(len, texts)) * 1_000


def texts_of(data: Path, length: int) -> list[str]:
    """Texts of a length: of the development set where it is there, else of this file."""
    found = data / "pii" / "es_synthetic.jsonl"
    sources = [ENGLISH, SPANISH]
    if found.exists():
        with found.open(encoding="utf-8") as lines:
            sources += [json.loads(line)["text"] for _, line in zip(range(6), lines, strict=False)]
    return [(source + " " + ENGLISH * 40)[:length] if index % 2 == 0 else (source + " " + SPANISH * 40)[:length]
            for index, source in enumerate(sources)]  # fmt: skip


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    hush()
    table = Table(title="Content checks: processor time, microseconds per 1,000 characters")
    for column in ("check", *(f"{length:,} characters" for length in LENGTHS), "peer", "peer, 1,000", "times ours"):
        table.add_column(column, justify="left" if column in ("check", "peer") else "right")
    for row in rows():
        ours = [microseconds(row.ours, texts_of(arguments.data, length), arguments.rounds) for length in LENGTHS]
        peer, why = peer_of(row)
        theirs = microseconds(peer, texts_of(arguments.data, 1_000), max(1, arguments.rounds // 10)) if peer else None
        table.add_row(
            row.job,
            *(f"{value:,.0f}" for value in ours),
            f"guardrails-ai-{row.package.replace('_', '-')}" if row.package else "",
            f"{theirs:,.0f}" if theirs else why,
            f"{theirs / ours[1]:.1f}" if theirs else "",
        )
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
