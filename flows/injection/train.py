"""Trains the injection head on labelled rows and made-up texts, and writes it with its card."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from flows.injection.card import Figures, write_card
from flows.injection.examples import read_examples
from flows.injection.fitting import Heard, by_source, fit
from flows.injection.synthetic import Example, synthetic
from infra.digest import sha256_file
from infra.embeddings import Encoder, load_encoder
from infra.errors import BadInput
from infra.injection_head import write_head
from infra.injection_model import hear
from policies.guardrails.detectors.injection_evidence import evidence
from policies.guardrails.normalise import fold, intent, plain

MADE = 3600
"""So many made-up texts are tried; those that come twice count once."""


@dataclass(frozen=True)
class Plan:
    """What to train on."""

    data: Path
    """JSONL; only the rows of `split: train` are read."""
    out: Path
    """A folder for the head and its card."""
    seed: int = 7
    made: int = MADE


def train(plan: Plan, progress: Callable[[str, float], None]) -> Figures:
    """Trains and writes. `progress` is told a stage and the share of it that is done.

    Raises BadInput when the file has no rows of both kinds to train on.
    """
    examples = distinct(chain(read_examples(plan.data, "train"), synthetic(plan.made, plan.seed)))
    real = [each for each in examples if each.source != "made"]
    if len({each.attack for each in real}) < 2:
        cure = "give rows of `split: train` with the label `benign` and others"
        raise BadInput("the file has no attacks or no harmless texts to train on", where=str(plan.data), cure=cure)
    heard = []
    for done, each in enumerate(listen(load_encoder(), examples), start=1):
        heard.append(each)
        progress("reading the texts", done / len(examples))
    return fit_and_write(heard, plan, progress)


def fit_and_write(heard: Sequence[Heard], plan: Plan, progress: Callable[[str, float], None]) -> Figures:
    """Fits the head on texts that were read, measures it on folds and sources held out, and writes it."""
    progress("fitting", 0.0)
    fitted = fit(heard, plan.seed)
    progress("leaving sources out", 0.0)
    sources = tuple(by_source(heard, fitted.joint, plan.seed))
    write_head(plan.out, fitted.head)
    figures = Figures.of(heard, fitted, sources, sha256_file(plan.data))
    write_card(plan.out / "CARD.md", figures)
    return figures


def listen(encoder: Encoder, examples: Iterable[Example]) -> Iterator[Heard]:
    """What the three voices need to know of each text, exactly as the detector asks for it."""
    for example in examples:
        text = fold(example.text).text
        yield Heard(example, hear(encoder, text, intent(plain(text)), evidence))


def distinct(examples: Iterable[Example]) -> list[Example]:
    """Each text once, the first time that it comes."""
    return list({example.text: example for example in reversed(list(examples))}.values())[::-1]
