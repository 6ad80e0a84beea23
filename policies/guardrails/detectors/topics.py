"""Topics that a policy allows and denies, each given by examples; how near a text is to them, an embedding says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from infra.embeddings import Embedder
from infra.errors import ConfigError, Problem
from policies.guardrails.detectors.detector import Detector, Reach
from policies.guardrails.detectors.sentences import sentences, word_count
from policies.guardrails.passage import Passage
from policies.guardrails.redact import Span

_SHORT = 3
"""A text with no more words (a greeting, thanks) has no topic."""
_PART_LEAST = 24
"""Code points of a sentence that is looked at by itself."""
_PARTS_MOST = 24
"""So many sentences are looked at by themselves; of a longer text, evenly chosen ones."""


@dataclass(frozen=True)
class Topic:
    """A topic by its examples."""

    name: str
    examples: tuple[str, ...]


class Topics(Detector):
    """Finds DENIED_TOPIC, and OFF_TOPIC where topics are listed as allowed. Needs the whole message."""

    name = "topics"
    reach = Reach(span=0, context=0, whole=True)
    spares_placeholders = False
    views = frozenset()

    def __init__(
        self,
        embedder: Embedder | None,
        *,
        allowed: Sequence[Topic] = (),
        denied: Sequence[Topic] = (),
        threshold: float = 0.5,
        source: str = "topics",
    ) -> None:
        """Embeds the examples once. Raises ConfigError without an embedder: such a check cannot be compiled."""
        super().__init__(threshold=threshold, redacts=False)
        if embedder is None:
            cure = "hand an embedder in (infra/embeddings.py; it comes with the `serve` extra), or remove the check"
            raise ConfigError(source, (Problem(0, "detector", "topics need sentence embeddings", cure),))
        self._embedder = embedder
        self.leaves_python_free = True
        self._allowed = _unit(embedder, [example for topic in allowed for example in topic.examples])
        self._denied = _unit(embedder, [example for topic in denied for example in topic.examples])

    def find(self, passage: Passage) -> Iterator[Span]:
        """A span over each part near a denied topic, and one over the whole text where no allowed topic is near.

        A part is of a denied topic only where no allowed one is nearer.
        """
        text = passage.text
        if word_count(text) <= _SHORT:
            return
        parts = _parts(text)
        vectors = _unit(self._embedder, [text[start:end] for start, end in parts], passage.owner)
        allowed = _nearest(vectors, self._allowed)
        scores = np.where(_nearest(vectors, self._denied) > allowed, _nearest(vectors, self._denied), 0.0)
        if (scores[1:] >= self.threshold).any():
            scores[0] = 0.0  # a sentence is the find then, not the whole text around it
        for (start, end), score in zip(parts, scores, strict=True):
            if score > 0.0:
                yield Span(start, end, "DENIED_TOPIC", round(float(score), 4))
        if len(self._allowed):
            yield Span(0, len(text), "OFF_TOPIC", round(float(np.clip(1.0 - allowed.max(), 0.0, 1.0)), 4))


def _parts(text: str) -> list[tuple[int, int]]:
    """The whole text, and its sentences where there are several."""
    found = [(start, end) for start, end in sentences(text) if end - start >= _PART_LEAST]
    step = max(1, -(-len(found) // _PARTS_MOST))
    return [(0, len(text)), *(found[::step] if len(found) > 1 else ())]


def _unit(embedder: Embedder, texts: list[str], owner: str | None = None) -> NDArray[np.float32]:
    if not texts:
        return np.zeros((0, 1), np.float32)
    rows = np.asarray(embedder.embed(texts, owner), np.float32)
    if rows.shape[:1] != (len(texts),) or not np.isfinite(rows).all():
        raise ValueError("the embedder gave no vector for each text")
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: NDArray[np.float32] = (rows / np.where(lengths == 0.0, 1.0, lengths)).astype(np.float32)
    return unit


def _nearest(vectors: NDArray[np.float32], examples: NDArray[np.float32]) -> NDArray[np.float32]:
    """For each vector, how near the nearest example is (0 to 1)."""
    if not len(examples):
        return np.zeros(len(vectors), np.float32)
    nearest: NDArray[np.float32] = np.clip((vectors @ examples.T).max(axis=1), 0.0, 1.0)
    return nearest
