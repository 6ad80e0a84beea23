"""What the injection head sees of a text besides the encoder's vector: hashed words, word pairs and letter sequences.

Training and serving read texts through this file alone, so that both see the same. Linear in the text.
"""

from __future__ import annotations

import re
import zlib
from itertools import islice, pairwise

import numpy as np
from numpy.typing import NDArray

BUCKETS = 1 << 16
"""Of each of the two groups: words first, then letters."""
WINDOW = 160
"""Tokens of the encoder that are judged at once: whole blocks of infra/embeddings.py, as is the stride."""
STRIDE = 120
"""From one window's beginning to the next one's."""
_WORD = re.compile(r"\w+|[^\w\s]")
_LONGEST_WORD = 24
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_LETTERS = (3, 4, 5)


def grams(intent: str) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The buckets that a text fills, each once, and their weight; each group has length one.

    `intent` is the text in lower case, without accents, with disguises undone.
    """
    found = []
    for offset, buckets in ((0, _words(intent)), (BUCKETS, _letters(intent))):
        unique = np.unique(buckets)
        found.append((unique + offset, np.full(len(unique), 1.0 / np.sqrt(max(1, len(unique))), np.float32)))
    (words, first), (letters, second) = found
    return np.concatenate((words, letters)), np.concatenate((first, second))


def _words(intent: str) -> NDArray[np.int64]:
    words = [match[:_LONGEST_WORD] for match in _WORD.findall(intent)]
    hashes = [zlib.crc32(word.encode("utf-8", "replace")) for word in words]
    pairs = [zlib.crc32(b"%d %d" % pair) for pair in pairwise(hashes)]
    gaps = [zlib.crc32(b"%d * %d" % pair) for pair in zip(hashes, islice(hashes, 2, None), strict=False)]
    return np.array(hashes + pairs + gaps, np.int64) % BUCKETS


def _letters(intent: str) -> NDArray[np.int64]:
    """Sequences of three to five letters, blanks run together, by arithmetic over the whole text at once."""
    line = " " + " ".join(intent.split()) + " "
    codes = np.frombuffer(line.encode("utf-32-le", "replace"), np.uint32).astype(np.uint64)
    made = []
    for length in _LETTERS:
        if len(codes) < length:
            continue
        sums = np.full(len(codes) - length + 1, length, np.uint64)
        for place in range(length):
            sums = sums * _MULTIPLIER + codes[place : place + len(sums)]
            sums ^= sums >> np.uint64(29)
        made.append(((sums * _MULTIPLIER) >> np.uint64(40)).astype(np.int64) % BUCKETS)
    return np.concatenate(made) if made else np.zeros(0, np.int64)


def windows(tokens: int) -> list[tuple[int, int]]:
    """From and to of each window of tokens; they overlap, and a text that fits is one window."""
    if tokens <= WINDOW:
        return [(0, tokens)]
    count = -(-(tokens - WINDOW) // STRIDE) + 1
    return [(index * STRIDE, min(tokens, index * STRIDE + WINDOW)) for index in range(count)]
