"""How likely a text attacks the instructions of a model: encoder, hashed words and the rules' evidence, by windows.

A long text is judged window by window, so that an order in the middle of a document counts as much as one alone; the
worst window is what is reported. Linear in the text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from infra.embeddings import BLOCK, Encoded, Encoder, load_encoder
from infra.injection_features import grams, windows
from infra.injection_head import Head, load_head
from infra.kept import Kept

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Judgement:
    """The score of a text, and its worst window (code points, end exclusive)."""

    score: float
    start: int
    end: int


@dataclass(frozen=True, eq=False)
class Voices:
    """What each window of a text says, before the head joins it."""

    spans: tuple[tuple[int, int], ...]
    """Where each window stands in the text (code points)."""
    vectors: Floats
    """[windows, 512]"""
    buckets: tuple[tuple[NDArray[np.int64], Floats], ...]
    """The buckets of each window, with their weights."""
    evidence: Floats
    """[windows]: what the rules say."""


class InjectionModel:
    """Encoder and head. Safe for any number of threads."""

    def __init__(self, encoder: Encoder, head: Head) -> None:
        self._encoder = encoder
        self._head = head
        self._kept: Kept[Judgement] = Kept()

    def judge(self, text: str, intent: str, evidence: Callable[[str], float], owner: str | None = None) -> Judgement:
        """Judges a text. `intent`, as long as it, is its lower case with disguises undone; `evidence` judges parts.

        The last judgements of an owner are kept: all else follows from the text.
        """
        return self._kept.of(owner, text, lambda read: self._judged(read, intent, evidence, owner))

    def _judged(self, text: str, intent: str, evidence: Callable[[str], float], owner: str | None) -> Judgement:
        voices = hear(self._encoder, text, intent, evidence, owner)
        words = np.array([(self._head.grams[each] * weight).sum() for each, weight in voices.buckets], np.float32)
        logits = self._head.logits(voices.vectors, words, voices.evidence)
        worst = int(logits.argmax())
        return Judgement(self._head.score(float(logits[worst]), len(logits)), *voices.spans[worst])


def hear(
    encoder: Encoder, text: str, intent: str, evidence: Callable[[str], float], owner: str | None = None
) -> Voices:
    """All that the head needs to know of a text; training uses it too."""
    encoded = encoder.encode(text, owner)
    parts = windows(encoded.tokens)
    sums = np.stack([encoded.blocks[first // BLOCK : -(-last // BLOCK)].sum(axis=0) for first, last in parts])
    counts = np.array([[last - first] for first, last in parts], np.float32)
    vectors = encoder.pooled(sums, counts) if len(parts) > 1 else encoded.vector[None, :]
    spans = tuple(_span(encoded, *part) for part in parts) if len(parts) > 1 else ((0, len(text)),)
    pieces = [intent[start:end] for start, end in spans]
    said = np.array([evidence(piece) for piece in pieces], np.float32)
    return Voices(spans, vectors, tuple(grams(piece) for piece in pieces), said)


def _span(encoded: Encoded, first: int, last: int) -> tuple[int, int]:
    """Where a window's tokens stand; the marks of the text's ends are empty and count for nothing."""
    real = encoded.ends[first:last] > encoded.starts[first:last]
    if not real.any():
        return 0, 0
    return int(encoded.starts[first:last][real].min()), int(encoded.ends[first:last][real].max())


def load_injection_model(encoder: Encoder | None = None) -> InjectionModel:
    """The shipped head on an encoder, which other checks may share. Takes seconds: once per process."""
    return InjectionModel(encoder or load_encoder(), load_head())
