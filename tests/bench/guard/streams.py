"""Streams against the whole: at least 20,000 cuts that must change nothing, and the recall that holding back costs.

.venv/bin/python -P tests/bench/guard/streams.py [--data ../shared/data] [--cuts 20000]

The peer of a stream is the same policy over the same text at once. Texts are rows of the `dev` splits, joined to
answers of some hundred characters, with entities in disguise, emoji, combining marks and halves of surrogate pairs
between them. What the name model says of a window is remembered, so that the 50 cuts of a text cost one run of it.
Exit 1: a cut changed something.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from infra.guard_models import load_models
from infra.ner import NameSpan
from infra.rules import read_rule
from policies.checks import Language
from policies.guardrails.compiled import Guards, compile_guards
from policies.guardrails.redact import Span
from policies.guardrails.stream import OutputStream
from policies.policy import parse_guardrails

_FILES = ("es_synthetic.jsonl", "en_near_miss.jsonl", "en_presidio_research.jsonl")
_NOT_ASKED = frozenset({"LOCATION", "ORGANIZATION", "DATE_TIME", "TITLE", "AGE", "NRP", "DOMAIN_NAME", "ZIP_CODE"})
"""Labels that the policy does not name."""
_WAYS = 50
"""Cuts of each text."""
_ROWS = (2, 7)
"""Rows that make a text, at least and at most."""
_AWKWARD = (
    "jane\u200b.roe@exa\u200bmple.org",
    "ｊａｎｅ@example.org",
    "j a n e @ e x a m p l e . o r g",
    "jane&#64;example.org",
    "4 5 3 9 1 4 8 8 0 3 4 3 6 4 6 7",
    "ES77\u00a00073\u20110288\u20103414 9675 1869",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467\U0001f3fd",
    "z\u0351\u036b\u0343\u036aa\u0300\u0301lgo\u0334\u0321",
    "n\u0303andu\u0301, cafe\u0301",
    "\ud83d",
    "\ude00x",
    "\u202eworc\u202c",
    "a" * 230,
    "https://ana:s3cr3t0@repo.example/" + "path/" * 12,
    "AKIAQ3EGRZ7PLMN2VW4X",
    '{"to": "kim\\u0040example.org"}',
    "\n\n- one\n- two\n",
    "<EMAIL_ADDRESS>",
)


@dataclass(frozen=True)
class Text:
    """A made answer with what is labelled in it."""

    text: str
    language: Language
    spans: tuple[Span, ...]


class Remembering:
    """A name model that answers the same text once. All else is the model's own."""

    def __init__(self, finder: Any) -> None:
        self._finder = finder
        self._known: dict[str, tuple[NameSpan, ...]] = {}

    def find(self, text: str, _owner: str | None = None) -> tuple[NameSpan, ...]:
        if text not in self._known:
            self._known[text] = self._finder.find(text)
        return self._known[text]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._finder, name)


def read_rows(data: Path) -> list[Text]:
    """The rows of the `dev` splits."""
    lines = [line for name in _FILES for line in (data / "pii" / name).read_text(encoding="utf-8").splitlines()]
    rows = [row for row in map(json.loads, lines) if row["split"] == "dev"]
    return [
        Text(row["text"], row["lang"], tuple(Span(one["start"], one["end"], one["type"], 1.0) for one in row["spans"]))
        for row in rows
    ]


def made_texts(rows: Sequence[Text], dice: random.Random, *, awkward: bool) -> Iterator[Text]:
    """Answers of several rows of one language each; `awkward`: with something unusual between two rows."""
    by_language = {language: [row for row in rows if row.language == language] for language in ("en", "es")}
    for language in ("en", "es"):
        dice.shuffle(by_language[language])
    left = {language: iter(found) for language, found in by_language.items()}
    while True:
        language = dice.choice(["en", "es"])
        chosen = list(islice(left[language], dice.randint(*_ROWS)))
        if not chosen:
            return
        text, spans = "", []
        for row in chosen:
            spans += [replace(span, start=span.start + len(text), end=span.end + len(text)) for span in row.spans]
            text += row.text + (f" {dice.choice(_AWKWARD)}" if awkward else "") + dice.choice(["\n", " ", "  "])
        yield Text(text, "en" if language == "en" else "es", tuple(spans))


def ways_to_cut(length: int, dice: random.Random, ways: int) -> Iterator[list[int]]:
    """Places to cut: after each character, then pieces of all sizes, then a single cut anywhere."""
    yield list(range(length))
    for way in range(1, ways):
        if way % 3 == 0:
            yield [dice.randint(0, length)]
        else:
            mean = dice.choice([1.5, 4, 12, 60, 300])
            places, place = [], 0
            while place < length:
                place += max(1, round(dice.expovariate(1 / mean)))
                places.append(place)
            yield places


def pushed(stream: OutputStream, text: str, cuts: Sequence[int]) -> tuple[str, str, tuple[Span, ...]]:
    """What leaves, the rule that blocked, and the finds."""
    edges = [0, *sorted({min(cut, len(text)) for cut in cuts}), len(text)]
    out = "".join(stream.push(text[start:end]) for start, end in pairwise(edges)) + stream.finish()
    return out, stream.rule, stream.spans


@dataclass
class Cuts:
    """What came of cutting."""

    texts: int = 0
    cuts: int = 0
    characters: int = 0
    redacted: int = 0
    blocked: int = 0
    different: int = 0


def cut_all(guards: Guards, rows: Sequence[Text], cuts: int) -> Cuts:
    """Compares each cut of each text with the text in one piece."""
    found, seed = Cuts(), 0
    while found.cuts < cuts:
        seed += 1
        dice = random.Random(seed)
        for text in made_texts(rows, dice, awkward=True):
            if found.cuts >= cuts:
                break
            whole = pushed(guards.stream(text.language), text.text, [])
            found.texts += 1
            found.characters += len(text.text)
            found.blocked += bool(whole[1])
            found.redacted += bool(whole[2])
            for places in ways_to_cut(len(text.text), dice, _WAYS):
                found.cuts += 1
                found.different += pushed(guards.stream(text.language), text.text, places) != whole
    return found


@dataclass
class Recall:
    """Labels of one kind: how many, and how many each way covers whole."""

    labels: int = 0
    stream: int = 0
    whole: int = 0
    both: int = 0


def recalls(guards: Guards, rows: Sequence[Text]) -> tuple[dict[str, Recall], Counter[str]]:
    """Recall of the stream and of the policy over the whole text, by kind; and what lay beside the differences."""
    found: dict[str, Recall] = {}
    why: Counter[str] = Counter()
    for text in made_texts(rows, random.Random(7), awkward=False):
        stream = pushed(guards.stream(text.language), text.text, range(0, len(text.text), 5))
        at_once = OutputStream(guards._outgoing, text.language, buffered=True)
        whole = pushed(at_once, text.text, [])
        if stream[1] or whole[1]:
            why[f"blocked: {stream[1] or '-'} in the stream, {whole[1] or '-'} at once"] += 1
            continue
        for label in text.spans:
            if label.entity in _NOT_ASKED:
                continue
            kind = found.setdefault(label.entity, Recall())
            in_stream, in_whole = _covered(label, stream[2]), _covered(label, whole[2])
            kind.labels += 1
            kind.stream += in_stream
            kind.whole += in_whole
            kind.both += in_stream and in_whole
            if in_stream != in_whole:
                where = "in the stream alone" if in_stream else "at once alone"
                why[f"{label.entity}, {where}: {_finder(label, stream[2] if in_stream else whole[2])}"] += 1
    return found, why


def _covered(label: Span, spans: Sequence[Span]) -> bool:
    """Whether every character of a label is in some find."""
    place = label.start
    for span in spans:
        if span.start <= place < span.end:
            place = span.end
    return place >= label.end


def _finder(label: Span, spans: Sequence[Span]) -> str:
    kinds = sorted({span.entity for span in spans if span.start < label.end and label.start < span.end})
    if "PERSON" in kinds:
        return "the name model read a window there, and the whole text here"
    return f"found as {', '.join(kinds)}: its context or the share of capitals differs in a window"


def main() -> int:
    """Prints the two tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("SLUICE_TEST_DATA", "../shared/data")))
    parser.add_argument("--cuts", type=int, default=20_000)
    given = parser.parse_args()
    rows, rule = read_rows(given.data), read_rule("guardrails", "default")
    policy = parse_guardrails(rule.text, source=rule.source)
    models = load_models(policy.models)
    assert models.names is not None  # the default policy looks for names
    names = models.names
    names = replace(names, en=names.en and Remembering(names.en), es=names.es and Remembering(names.es))  # type: ignore[arg-type]
    guards = compile_guards(policy, prompt=None, models=replace(models, names=names))
    console = Console()
    needs = guards.stream("en").most_held
    console.print(
        f"hold-back of the default policy: at most {needs} code points (about {round(needs / 4)} tokens of four "
        f"characters) and {policy.hold_back.most_ms / 1e3:g} s"
    )
    cuts = cut_all(guards, rows, given.cuts)
    table = Table("texts", "characters", "with a find", "blocked", "cuts", "different", title="streams: any cut")
    table.add_row(
        *(f"{n:,}" for n in (cuts.texts, cuts.characters, cuts.redacted, cuts.blocked, cuts.cuts, cuts.different))
    )
    console.print(table)
    found, why = recalls(guards, rows)
    table = Table(
        "kind", "labels", "recall, stream", "recall, whole", "in both", title="streams: recall on dev, joined rows"
    )
    total = Recall()
    for name, kind in [*sorted(found.items()), ("all", total)]:
        table.add_row(
            name, f"{kind.labels:,}", *(f"{n / max(1, kind.labels):.4f}" for n in (kind.stream, kind.whole, kind.both))
        )
        for field in ("labels", "stream", "whole", "both"):
            setattr(total, field, getattr(total, field) + (getattr(kind, field) if kind is not total else 0))
    console.print(table)
    for reason, count in why.most_common():
        console.print(f"  {count:4}  {reason}")
    return 1 if cuts.different else 0


if __name__ == "__main__":
    sys.exit(main())
