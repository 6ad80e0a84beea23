"""When two texts count as the same: NFKC, case, blanks and punctuation do not matter, words and their order do.

Similarity is the Jaccard index of word 3-shingles. Single words would be too coarse a measure: in short questions one
word is the class ("Where is my card?", "Where is my virtual card?"), and 15 % of banking77 would count as leaked.
"""

from __future__ import annotations

import re
import unicodedata
from hashlib import blake2b

SHINGLE_WORDS = 3
_WORD = re.compile(r"\w+")


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text in their normal form. A text without any (emoji, dashes) is one word of its own."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return tuple(_WORD.findall(folded)) or (folded.strip(),)


def normal_form(text: str) -> str:
    """Two texts are the same when their normal forms are equal."""
    return " ".join(words_of(text))


def shingles(text: str) -> frozenset[int]:
    """The 3-word sequences of a text as 64-bit hashes (BLAKE2b); all of a shorter text is one sequence. Never empty."""
    words = words_of(text)
    count = max(1, len(words) - SHINGLE_WORDS + 1)
    return frozenset(_hash(" ".join(words[start : start + SHINGLE_WORDS])) for start in range(count))


def jaccard(one: frozenset[int], other: frozenset[int]) -> float:
    """Size of the intersection over size of the union; 1.0 for equal sets."""
    common = len(one & other)
    total = len(one) + len(other) - common
    return common / total if total else 1.0


def _hash(shingle: str) -> int:
    return int.from_bytes(blake2b(shingle.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
