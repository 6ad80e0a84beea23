"""What the views of a text find, what they cost, and how often they are wrong; beside the same detectors without them.

.venv/bin/python tests/bench/guard/bench_evasion.py [--data ../shared/data] [--rounds 3]

Three tables: entities planted in every form; rows of the near-miss sets with a find (nothing in them is personal data);
processor time for 1,000 characters of everyday rows, with and without views in turn, in one process.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[2] / "soak"))

from evasion_forms import FORMS, Form, entity
from rich.console import Console
from rich.table import Table

from infra.ner import NameFinders, load_name_lists
from infra.quiet import hush
from policies.guardrails.detectors.detector import PASSAGE, Detector
from policies.guardrails.detectors.registry import ALL_ENTITIES, personal_data
from policies.guardrails.detectors.secrets import Secrets
from policies.guardrails.passage import Passage
from policies.guardrails.redact import Span, settle

_PLANTED = 100
_SETS = ("en_near_miss", "es_synthetic")
_LIMIT = 0.002
"""The share of near-miss rows that may have a find more because of the views."""


class _NoViews(Passage):
    """A passage that is looked at once, as before there were views."""

    views = ()  # type: ignore[assignment]


def _found(detectors: Sequence[Detector], passage: Passage) -> tuple[Span, ...]:
    results = [detector.validate(passage.original, {PASSAGE: passage}) for detector in detectors]
    return settle(span for result in results for span in result.metadata.get("spans", ()))


def _planted(detectors: Sequence[Detector], form: Form, kind: type[Passage]) -> int:
    random = Random(form.name)
    right = tried = 0
    while tried < _PLANTED:
        value = entity(random)
        if value.kind not in form.fits:
            continue
        tried += 1
        written = form.write(value.text, random)
        text = f"Es este: {written}, dijo."
        right += [(span.entity, text[span.start : span.end]) for span in _found(detectors, kind(text, "es"))] == [
            (value.kind, written)
        ]
    return right


def _forms(detectors: Sequence[Detector]) -> Table:
    table = Table(title=f"Redacted exactly where they were planted, of {_PLANTED}")
    for heading in ("form", "without views", "with views"):
        table.add_column(heading, justify="left" if heading == "form" else "right")
    for form in FORMS:
        table.add_row(form.name, *(str(_planted(detectors, form, kind)) for kind in (_NoViews, Passage)))
    return table


def _rows(data: Path, name: str) -> list[tuple[str, str, str]]:
    rows = map(json.loads, (data / "pii" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines())
    return [(row["text"], row["lang"], row["kind"]) for row in rows]


def _near_misses(detectors: Sequence[Detector], data: Path) -> tuple[Table, bool]:
    table = Table(title="Near-miss rows with a find (identifiers and secrets, no names)")
    for heading in ("set", "rows", "rows with a view", "without views", "with views", "more"):
        table.add_column(heading, justify="left" if heading == "set" else "right")
    met = True
    for name in _SETS:
        rows = [(text, language) for text, language, kind in _rows(data, name) if kind == "near-miss"]
        counts = [
            sum(bool(_found(detectors, kind(text, language))) for text, language in rows)
            for kind in (_NoViews, Passage)
        ]  # type: ignore[arg-type]
        seen = sum(bool(Passage(text, language).views) for text, language in rows)  # type: ignore[arg-type]
        more = (counts[1] - counts[0]) / len(rows)
        met = met and more <= _LIMIT
        table.add_row(name, str(len(rows)), str(seen), str(counts[0]), str(counts[1]), f"{more:.2%}")
    return table, met


def _cost(detectors: Sequence[Detector], data: Path, rounds: int) -> Table:
    table = Table(title="Processor time for 1,000 characters of rows without personal data, us")
    for heading in ("text", "detectors", "without views", "with views", "more"):
        table.add_column(heading, justify="left" if heading in ("text", "detectors") else "right")
    rows = [(text, language) for name in _SETS for text, language, kind in _rows(data, name) if kind == "near-miss"][
        ::3
    ]
    long = [(" ".join(text for text, _ in rows[at : at + 12]), "es") for at in range(0, len(rows), 12)]
    for name, texts in (("a row (about 100 characters)", rows), ("twelve rows", long)):
        for label, used in (("all patterns", detectors), ("none: the views alone", ())):
            took = {_NoViews: 9e9, Passage: 9e9}
            for _ in range(rounds):
                for kind in took:
                    started = time.process_time()
                    for text, language in texts:
                        passage = kind(text, language)  # type: ignore[arg-type]
                        _ = passage.text, passage.views, _found(used, passage)
                    took[kind] = min(took[kind], time.process_time() - started)
            characters = sum(len(text) for text, _ in texts)
            one, two = (took[kind] / characters * 1e9 for kind in (_NoViews, Passage))
            table.add_row(name, label, f"{one:,.0f}", f"{two:,.0f}", f"{two - one:,.0f} ({two / one - 1:+.0%})")
    return table


def main() -> int:
    """Prints the tables; 1 where views make more false alarms than they may."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    hush()
    names = NameFinders(None, None, load_name_lists())
    identifiers = ALL_ENTITIES - {"PERSON"}
    detectors = (*personal_data(identifiers, names, threshold=0.5, redacts=True), Secrets())
    console = Console()
    near, met = _near_misses(detectors, given.data)
    console.print(near)
    console.print(_forms(detectors))
    console.print(_cost(detectors, given.data, given.rounds))
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
