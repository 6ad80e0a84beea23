"""One small encoder of sentences for both languages, offline, on one thread: what topics and injection are judged by.

A text is read once: `Encoder.encode` keeps the last texts by digest, so that several checks of one message share one
tokenisation and one pass. Cost grows linearly with the text. Needs the `serve` extra; no torch.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from infra.engines.openvino_runtime import openvino
from infra.kept import Kept
from infra.use_graph import FEATURES, NEIGHBOURS, WIDTH, body, top
from infra.use_weights import TABLE_WIDTH, read_tokenizer, read_weights, use_files

_KEPT_TEXTS = 32
_SEGMENT = 256
"""Tokens that go through the graph at once."""
_CORE = 240
"""Of them, in a text of several segments, the segment's own: whole blocks, with room for neighbours on both sides."""
BLOCK = 40
"""Tokens whose features are summed up: what is kept of a long text is small."""
_STEP = 8
"""Lengths are rounded up to a multiple: each new shape costs OpenVINO a few milliseconds once."""
_SETTINGS = {
    "PERFORMANCE_HINT": "LATENCY",
    "INFERENCE_NUM_THREADS": 1,
    "ENABLE_CPU_PINNING": False,
    "INFERENCE_PRECISION_HINT": "f32",
}

Floats = NDArray[np.float32]


class Embedder(Protocol):
    """What turns texts into vectors whose dot product says how alike they are."""

    def embed(self, texts: Sequence[str], owner: str | None = None) -> Floats:
        """One row of length one for each text, in their order; the last ones of an owner may be kept."""
        ...


@dataclass(frozen=True, eq=False)
class Encoded:
    """One text as the encoder sees it."""

    vector: Floats
    """The whole text's embedding, of length one."""
    blocks: Floats
    """The sum of the tokens' features for each 40 tokens, the two that mark the text's ends included."""
    tokens: int
    """How many tokens there are."""
    starts: NDArray[np.int64]
    """Where each token begins in the text (code points); both ends' marks are empty and stand at 0."""
    ends: NDArray[np.int64]
    """Where each token ends in the text."""


class Encoder:
    """The Universal Sentence Encoder on OpenVINO. Safe for any number of threads: they wait for each other."""

    def __init__(self) -> None:
        folder = use_files()
        self._weights = read_weights(folder)
        self._tokenizer = read_tokenizer(folder)
        core = openvino().Core()
        self._body = core.compile_model(body(self._weights), "CPU", _SETTINGS).create_infer_request()
        self._top = core.compile_model(top(self._weights), "CPU", _SETTINGS).create_infer_request()
        self._lock = Lock()
        self._kept: Kept[Encoded] = Kept(_KEPT_TEXTS, longest=sys.maxsize)

    def embed(self, texts: Sequence[str], owner: str | None = None) -> Floats:
        """One row of length one for each text, in their order."""
        if not texts:
            return np.zeros((0, WIDTH), np.float32)
        return np.stack([self.encode(text, owner).vector for text in texts])

    def encode(self, text: str, owner: str | None = None) -> Encoded:
        """One text's vector and the sums of its tokens' features. The last texts' are kept, for each owner apart."""
        return self._kept.of(owner or "", text, self._read)

    def pooled(self, sums: Floats, counts: Floats) -> Floats:
        """Embeddings of parts of a text: sums of their tokens' features, and how many they are."""
        with self._lock:
            return self._vectors(sums, counts)

    def _read(self, text: str) -> Encoded:
        with self._lock:
            return self._encoded(text)

    def _encoded(self, text: str) -> Encoded:
        # A lone surrogate cannot be written as UTF-8; "?" is one code point like it, so offsets stay.
        read = self._tokenizer.encode(text.encode("utf-8", "replace").decode("utf-8"))
        blocks = self._blocks(np.array(read.ids, np.int64))
        total = blocks.sum(axis=0, keepdims=True)
        vector = self._vectors(total, np.full((1, 1), len(read.ids), np.float32))[0]
        offsets = np.array(read.offsets, np.int64)
        return Encoded(vector, blocks, len(read.ids), offsets[:, 0], offsets[:, 1])

    def _blocks(self, ids: NDArray[np.int64]) -> Floats:
        """The body over a text of any length, in segments that overlap by what a token looks at."""
        made = np.empty((-(-len(ids) // BLOCK), FEATURES), np.float32)
        for first, last in _segments(len(ids)):
            start, end = max(0, first - NEIGHBOURS), min(len(ids), last + NEIGHBOURS)
            length = -(-(end - start) // _STEP) * _STEP
            rows = np.zeros((1, length, TABLE_WIDTH), np.float32)
            mask = np.zeros((1, length, 1), np.float32)
            rows[0, : end - start] = self._weights.rows(ids[start:end])
            mask[0, : end - start] = 1.0
            out = self._run(self._body, rows, mask)
            own = out[0, first - start : last - start]
            sums = np.add.reduceat(own, np.arange(0, len(own), BLOCK), axis=0)
            made[first // BLOCK : first // BLOCK + len(sums)] = sums
        return made

    def _vectors(self, sums: Floats, counts: Floats) -> Floats:
        return np.array(self._run(self._top, sums, counts), np.float32)

    @staticmethod
    def _run(request: Any, *inputs: Floats) -> Floats:
        results: Floats = request.infer(list(inputs), share_inputs=True, share_outputs=True)[0]
        return results


def _segments(length: int) -> Iterator[tuple[int, int]]:
    """From and to of each segment's own tokens; a text that fits is one segment."""
    if length <= _SEGMENT:
        yield 0, length
        return
    for first in range(0, length, _CORE):
        yield first, min(length, first + _CORE)


def load_encoder() -> Encoder:
    """The encoder, ready to hand to checks. Takes seconds: once per process.

    Raises MissingPart without the `serve` extra, CheckFailed when its files are not the ones that are expected.
    """
    return Encoder()
